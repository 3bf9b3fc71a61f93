"""Template folders of their own, and a way to render one template."""

from collections.abc import Callable
from pathlib import Path

import pytest

from webprov.phones.phonemodel import BootRequest, FileRule, PhoneModel
from webprov.rendering.context import TemplateContext, Value
from webprov.rendering.library import TemplateLibrary
from webprov.rendering.render import render_device
from webprov.rendering.rendered import RenderedFile

LINE: dict[str, Value] = {
    "LINE": 1, "LINE_ZERO_BASED": 0, "USERID": "201", "AUTH_ID": "201", "PASSWORD": "s3cret", "EXTENSION": "201",
    "DISPLAY_NAME": "Ada Byron", "FIRST_NAME": "Ada", "LAST_NAME": "Byron", "LABEL": "Ada", "LINE_LABEL": "Ada",
    "VOICEMAIL": "*97",
}  # fmt: skip
EMPTY_LINE: dict[str, Value] = dict.fromkeys(LINE, "")
KEY: dict[str, Value] = {
    "KEY": 1, "KEY_MODULE": "0", "KEY_TYPE": "blf", "KEY_CODE": "16", "KEY_VALUE": "202", "KEY_LABEL": "Bob",
    "KEY_LINE": "2",
}  # fmt: skip


def make_context(**values: Value) -> TemplateContext:
    """A device with lines 1 and 3 of 3 and one key."""
    base: dict[str, Value] = {
        "MAC": "805EC0123456", "mac": "805ec0123456", "TENANT": "acme", "LABEL": "Desk", "DEVICE_LABEL": "Desk",
        "REG_SERVER": "pbx.acme.example", "LINE_COUNT": 2, "OVERRIDE": "", "TZ_OFFSET": 3600, "CODECS": "pcmu g722",
    }  # fmt: skip
    lines = (
        {**LINE},
        {**EMPTY_LINE, "LINE": 2, "LINE_ZERO_BASED": 1},
        {**LINE, "LINE": 3, "LINE_ZERO_BASED": 2, "USERID": "203"},
    )
    return TemplateContext({**base, **values}, lines, ({**KEY},), (0, 2), (0,))


def make_model(*files: FileRule, boot: tuple[str, ...] = (), sets: dict[str, str] | None = None) -> PhoneModel:
    """A phone model with these files."""
    requests = tuple(BootRequest(name) for name in boot)
    return PhoneModel("yealink-t54w", "Yealink", "Yealink T54W", files=files, boot=requests, sets=sets or {})


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
