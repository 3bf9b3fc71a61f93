"""Devices to try every shipped phone model with: a usual one, and one that uses all that its model has.

Names and labels are hostile, so that a template that forgets to escape fails.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path

from webprov.enums import KeyType
from webprov.phones.catalog import Catalog, load_catalog
from webprov.phones.modelkeys import first_page
from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.directories import render_directories
from webprov.rendering.library import TemplateLibrary
from webprov.rendering.render import render_device, render_shared
from webprov.rendering.rendered import RenderedFile
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import DeviceVariables, device_variables, directory_values, shared_context
from webprov.store.contactrecords import Person
from webprov.store.devicedata import DeviceData, KeyData, LineData, TenantData
from webprov.store.settings import ProvisioningSettings

ROOT = Path(__file__).parents[2]

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
SETTINGS = ProvisioningSettings(
    server_address="pbx.example.com",
    timezone="Europe/Berlin",
    http_user="phones",
    http_password="prov-Pa55word",
)
TENANT = TenantData(
    1,
    "acme",
    "Acme Ltd",
    language="de",
    parkext="700",
    backup_registrar="pbx2.example.com",
    sip_proxy="sbc.example.com:5080",
    ntp_server="ntp.example.com",
)


@cache
def catalog() -> Catalog:
    """The shipped models; templates that are missing refuse their model."""
    templates = ROOT / "phone_templates"
    return load_catalog(ROOT / "models.d", ROOT / "no such folder", lambda name, _: (templates / name).is_file())


def model(key: str) -> PhoneModel:
    """The shipped model of that key."""
    found = catalog().model(key)
    assert found is not None, [refusal for refusal in catalog().refusals if refusal.model in ("", key)]
    return found


def models(brand: str) -> list[str]:
    """The keys of all shipped models of a brand, by its spelling in `models.d/`."""
    return [found.key for found in catalog().models() if found.brand == brand]


def variables(device: DeviceData) -> DeviceVariables:
    """All variables of a device; its tenant's contact directory exists."""
    phone = model(device.model)
    contacts = {TENANT.name: frozenset(first_page(rule.output) for rule in phone.directories)}
    return device_variables(device, phone, SystemData(SETTINGS, contacts=contacts))


def golden_device(key: str, mac: str = "001565A1B2C3") -> DeviceData:
    """Two lines (where the model has them) and up to eight keys, as people set up a desk phone."""
    lines = (
        LineData(1, "101", "pw-101", "", "Ann Example", "101", "Ann", "Example", voicemail="*97"),
        LineData(2, "102", "pw-102", "auth102", "Bob Example", "102", "Bob", "Example", "Sales"),
    )
    keys = (
        KeyData(1, "line", label="Me"),
        KeyData(2, "line", line=2),
        KeyData(3, "blf", value="103", label="Carl"),
        KeyData(4, "speeddial", value="+4930123", label="Taxi"),
        KeyData(5, "park", value="701", label="Park 1"),
        KeyData(6, "pickup", value="104", label="Pick up", line=2),
        KeyData(7, "voicemail", label="Voicemail"),
        KeyData(8, "dtmf", value="*1", label="Record"),
    )
    phone = model(key)
    known = phone.translation.keys
    return DeviceData(
        1,
        mac,
        TENANT,
        key,
        "Reception",
        admin_password="AdminPa55word",
        lines=lines[: phone.lines],
        keys=tuple(k for k in keys if k.number <= phone.keys and (not known or k.type in known)),
    )


def maximum_device(key: str) -> DeviceData:
    """All lines, all keys of the phone and its modules, every type of key that the brand knows, hostile names."""
    phone = model(key)
    names = cycle(HOSTILE)
    lines = tuple(_line(number, next(names)) for number in range(1, phone.lines + 1))
    types = cycle([kind for kind in KeyType if not phone.translation.keys or kind in phone.translation.keys])
    places = [(0, number) for number in range(1, phone.keys + 1)]
    places += [(m, n) for m in range(1, phone.modules[0] + 1) for n in range(1, phone.modules[1] + 1)]
    keys = tuple(
        KeyData(number, next(types), module, f"2{module}{number:03}", next(names), 1 + index % max(1, phone.lines))
        for index, (module, number) in enumerate(places)
    )
    return DeviceData(
        2, "001565FFFFFF", TENANT, key, HOSTILE[1], admin_password="Admin#&<>;=1", lines=lines, keys=keys,
    )  # fmt: skip


def _line(number: int, name: str) -> LineData:
    return LineData(
        number, f"u{number}", f"p&<w>;#'\"{number}", f"a{number}", name, str(100 + number), name, name, name, "*97"
    )


@cache
def library() -> TemplateLibrary:
    """The shipped templates."""
    return TemplateLibrary(ROOT / "phone_templates", ROOT / "no such folder")


def render(device: DeviceData) -> dict[str, RenderedFile]:
    """The files of a device by their names."""
    files = render_device(model(device.model), variables(device).context, library(), TENANT.name)
    return {file.path: file for file in files}


def render_shared_files(key: str) -> dict[str, RenderedFile]:
    """The shared files of a model by their names."""
    phone = model(key)
    system = SystemData(SETTINGS)
    files = [render_shared(rule, shared_context(rule, system, phone), library()) for rule in phone.shared]
    return {file.path: file for file in files}


def render_contacts(key: str, contacts: Sequence[Mapping[str, str]]) -> dict[str, RenderedFile]:
    """The contact directories of a model by their names, with these contacts (names as in CONTACT_NAMES).

    A NAME without FIRST_NAME and LAST_NAME is that of a company. They come out in order of their names.
    """
    phone = model(key)
    people = [_person(contact) for contact in contacts]
    values = directory_values(TENANT, phone, SystemData(SETTINGS))
    made = render_directories([(phone, values)], people, library(), TENANT.name)
    assert made.errors == []
    return {file.path: file for file in made.files.values()}


def _person(contact: Mapping[str, str]) -> Person:
    given = {name.lower(): value for name, value in contact.items() if name != "NAME"}
    if "first_name" not in given and "last_name" not in given:
        given["company"] = contact["NAME"]
    return Person(**given)


def assert_expected(device: DeviceData, folder: str) -> None:
    """Compare all files of a device, shared ones included, whole with `tests/expected/<folder>/`.

    With WEBPROV_WRITE_EXPECTED set in the environment, writes them there instead: look at the difference, then commit.
    """
    expected = ROOT / "tests" / "expected" / folder
    files = {**render_shared_files(device.model), **render(device)}
    if os.environ.get("WEBPROV_WRITE_EXPECTED"):
        for path, file in files.items():
            (expected / path).parent.mkdir(parents=True, exist_ok=True)
            (expected / path).write_bytes(file.content)
    written = {p.relative_to(expected).as_posix(): p.read_bytes() for p in expected.rglob("*") if p.is_file()}
    assert sorted(files) == sorted(written)
    for path, file in files.items():
        assert file.text == written[path].decode(file.encoding), path
