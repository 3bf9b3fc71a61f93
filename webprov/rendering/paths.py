"""Names of rendered files: `${mac}.cfg` filled in, and kept inside the provisioning directory (spec 4)."""

import re
from collections.abc import Mapping
from typing import Any

from webprov.errors import TemplateError
from webprov.rendering.escaping import Escaper
from webprov.rendering.formats import OutputFormat
from webprov.rendering.functions import CALLS
from webprov.rendering.library import Closure, TemplateLibrary
from webprov.rendering.running import View, run

_PLAIN = OutputFormat()
_SEGMENT = re.compile(r"[^/\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}")


def output_path(output: str, values: Mapping[str, Any], library: TemplateLibrary) -> str:
    """The path that `output` names with these values; raises TemplateError where it is no usable path."""
    path = filled(output, values, library)
    problem = path_problem(path)
    if problem:
        raise TemplateError(output, 0, f"the file name “{path[:80]}” cannot be used: {problem}.")
    return path


def filled(text: str, values: Mapping[str, Any], library: TemplateLibrary) -> str:
    """One line of a model's section, like `${mac}.cfg`, with these values in place; raises TemplateError."""
    known = (
        text.replace("${mac}", str(values["mac"])).replace("${MAC}", str(values["MAC"])) if "mac" in values else text
    )
    if not any(mark in known for mark in ("${", "%", "\\", "<")):  # most need no template
        return known
    loaded = library.name_template(text)
    closure = Closure((loaded,), dict.fromkeys(loaded.facts.names, (text, 0)))
    return str(run(closure, {**values, **CALLS}, Escaper(_PLAIN), View(library, "")))


def path_problem(path: str) -> str:
    """Why a rendered file may not have this relative path; "" where it may."""
    segments = path.split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments) or len(path) > 400:
        return "every part needs 1 to 200 ordinary characters"
    if any(segment.startswith(".") for segment in segments):
        return "no part may begin with a dot"
    if any(segment != segment.strip() for segment in segments):
        return "no part may begin or end with a blank"
    if segments[0].upper() == "CONTACTS" or segments[0].upper().startswith("FIRMWARE-"):
        return f"the folder {segments[0]} is not for files of devices"
    return ""
