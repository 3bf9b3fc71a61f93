"""A context and a model to render from, without a device behind them."""

from typing import Any

from webprov.phones.phonemodel import BootRequest, FileRule, PhoneModel
from webprov.rendering.context import TemplateContext, Value

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


def make_model(*files: FileRule, boot: tuple[str, ...] = (), **values: Any) -> PhoneModel:
    """A phone model with these files, and `values` for further fields."""
    requests = tuple(BootRequest(name) for name in boot)
    return PhoneModel("yealink-t54w", "Yealink", "Yealink T54W", files=files, boot=requests, **values)
