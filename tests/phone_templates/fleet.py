"""What devices of every shipped phone model get: a usual one, and one that uses all that its model has."""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from webprov import sampledevices
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
from webprov.store.devicedata import DeviceData, TenantData
from webprov.store.settings import ProvisioningSettings

ROOT = Path(__file__).parents[2]

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
    """The usual device of a shipped model."""
    return sampledevices.usual_device(model(key), TENANT, mac)


def maximum_device(key: str) -> DeviceData:
    """The device that uses all that a shipped model has."""
    return sampledevices.maximum_device(model(key), TENANT)


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
