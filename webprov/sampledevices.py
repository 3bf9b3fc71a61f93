"""Devices to try a phone model with: one without anything, a usual one, and one that uses all that the model has.

Names and labels of the last are hostile, so that a template that forgets to escape fails.
"""

from itertools import cycle

from webprov.enums import KeyType
from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.slots import may_be_line_key, places
from webprov.store.devicedata import DeviceData, KeyData, LineData, TenantData

HOSTILE = (
    "O'Brien & Söhne",
    'Dr. "Bo" <lab>',
    "R&D = 50%",
    "Lobby #1; north",
    "C:\\Temp\\x",
    "${MAC} <% x %>",
    "## not a comment",
    "]]> &amp; &lt;",
    "田中 太郎",
    "=SUM(A1:A9)",
)
_LINES = (
    LineData(1, "101", "pw-101", "", "Ann Example", "101", "Ann", "Example", voicemail="*97"),
    LineData(2, "102", "pw-102", "auth102", "Bob Example", "102", "Bob", "Example", "Sales"),
)
_KEYS = (
    KeyData(1, "line", label="Me"),
    KeyData(2, "line", line=2),
    KeyData(3, "blf", value="103", label="Carl"),
    KeyData(4, "speeddial", value="+4930123", label="Taxi"),
    KeyData(5, "park", value="701", label="Park 1"),
    KeyData(6, "pickup", value="104", label="Pick up", line=2),
    KeyData(7, "voicemail", label="Voicemail"),
    KeyData(8, "dtmf", value="*1", label="Record"),
)


def bare_device(model: PhoneModel, tenant: TenantData) -> DeviceData:
    """A phone that was unpacked and has nothing but its model."""
    return DeviceData(1, "001565A1B2C3", tenant, model.key)


def usual_device(model: PhoneModel, tenant: TenantData, mac: str = "001565A1B2C3") -> DeviceData:
    """Two lines (where the model has them) and up to eight keys of the types that the brand knows."""
    known = model.translation.keys
    return DeviceData(
        1,
        mac,
        tenant,
        model.key,
        "Reception",
        admin_password="AdminPa55word",  # noqa: S106 - a sample
        lines=_LINES[: model.lines],
        keys=tuple(key for key in _KEYS if key.number <= model.keys and (not known or key.type in known)),
    )


def maximum_device(model: PhoneModel, tenant: TenantData) -> DeviceData:
    """All lines, all keys of the phone and its modules, every type of key that the brand knows, hostile names."""
    names = cycle(HOSTILE)
    known = model.translation.keys
    types = cycle([kind for kind in KeyType if not known or kind in known])
    lines = tuple(_line(number, next(names)) for number in range(1, model.lines + 1))
    keys = tuple(
        KeyData(
            place.number,
            next(kind for kind in types if kind != KeyType.LINE or may_be_line_key(model, place)),
            place.module,
            f"2{place.module}{place.number:03}",
            next(names),
            1 + index % max(1, model.lines),
        )
        for index, place in enumerate(places(model, model.modules[0]))
    )
    return DeviceData(
        2,
        "001565FFFFFF",
        tenant,
        model.key,
        HOSTILE[1],
        admin_password="Admin#&<>;=1",  # noqa: S106 - a sample
        lines=lines,
        keys=keys,
    )


def _line(number: int, name: str) -> LineData:
    return LineData(
        number, f"u{number}", f"p&<w>;#'\"{number}", f"a{number}", name, str(100 + number), name, name, name, "*97"
    )
