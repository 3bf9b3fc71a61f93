"""What no code here may do, however good the reason seems (security SC-04)."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ["webprov", "forms", "views"]
CALLS = {"eval", "exec", "yaml.load", "os.system", "os.popen", "os.path.join", "Markup"}
OPTIONS = {"shell": True, "verify": False}
MODULES = {"pickle", "marshal", "shelve"}
ALLOWED = {"views/account.py Markup", "templates/effects/_card.html safe", "templates/devices/_compare.html safe"}
"""Nothing that anybody typed: a drawing, and attributes that stand in the template itself."""


def forbidden(text):
    """What a module of this text does that none may."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            yield from (name for _ in range(name in CALLS))
            for option in node.keywords:
                if option.arg in OPTIONS and getattr(option.value, "value", None) is OPTIONS[option.arg]:
                    yield f"{option.arg}={option.value.value}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            yield node.module


def test_no_module_does_what_is_forbidden():
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]

    found = {f"{path.relative_to(ROOT)} {what}" for path in paths for what in forbidden(path.read_text())}

    assert len(paths) > 200
    assert found <= ALLOWED


def test_templates_escape_all_that_they_show():
    paths = list((ROOT / "templates").rglob("*.html"))
    unsafe = re.compile(r"\|\s*safe\b|autoescape\s+false")

    found = {f"{path.relative_to(ROOT)} safe" for path in paths if unsafe.search(path.read_text())}

    assert len(paths) > 100
    assert found <= ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')",
        "run(x, shell=True)",
        "import pickle",
        "from pickle import loads",
        "get(x, verify=False)",
        "Markup(x)",
    ],
)
def test_what_is_forbidden_is_seen(code):
    assert list(forbidden(code))
