"""Template folders of their own, and a way to render one template."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.webprov.rendering.builders import make_context, make_model
from webprov.phones.phonemodel import FileRule
from webprov.rendering.context import Value
from webprov.rendering.library import TemplateLibrary
from webprov.rendering.render import render_device
from webprov.rendering.rendered import RenderedFile


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a template; names begin with shipped/ or user/."""

    def write_template(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    return write_template


@pytest.fixture
def library(tmp_path: Path) -> TemplateLibrary:
    """The templates in shipped/ and user/ of the test's folder."""
    for name in ("shipped", "user"):
        (tmp_path / name).mkdir(exist_ok=True)
    return TemplateLibrary(tmp_path / "shipped", tmp_path / "user")


@pytest.fixture
def render_text(write: Callable[[str, str], Path], library: TemplateLibrary) -> Callable[..., RenderedFile]:
    """Renders one text as the only file of a device."""

    def render(text: str, output: str = "${mac}.cfg", **values: Value) -> RenderedFile:
        write("shipped/phone.cfg", text)
        return render_device(make_model(FileRule("phone.cfg", output)), make_context(**values), library, "acme")[0]

    return render
