"""An instance to look at: two tenants, sixty phones with keys, three days of fetches, firmware (`make demo`).

Everything goes in as people put it in; only the fetches are made up. The same each time, but for the passwords.
"""

import random
from collections.abc import Iterable, Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.changes.tenants import create_tenant
from webprov.changes.variables import VariableScope, set_variables
from webprov.csvtable import write_csv
from webprov.democontacts import add_contacts
from webprov.demofetches import add_fetches
from webprov.demofiles import add_files, name_firmware
from webprov.deviceimport import import_devices
from webprov.directories import regenerate_dirty
from webprov.enums import Role
from webprov.people import create_user, find_user
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import Device
from webprov.store.secrets import random_password

NAME = "demo"
DEVICES = 60
_TENANTS = {
    "harbour": {"label": "Harbour Logistics", "timezone": "Europe/Berlin", "language": "de", "parkext": "700"},
    "orchard": {"label": "Orchard Clinic", "timezone": "America/Chicago", "language": "en-US", "parkext": "800"},
}
_MODELS = {  # key: (first half of its MACs, user agent)
    "yealink-t54w": ("805EC0", "Yealink SIP-T54W 96.86.0.45 {mac}"),
    "yealink-t46u": ("249AD8", "Yealink SIP-T46U 108.86.0.20 {mac}"),
    "yealink-t31g": ("805E0C", "Yealink SIP-T31G 124.86.0.40 {mac}"),
    "polycom-vvx450": ("64167F", "FileTransport PolycomVVX-VVX_450-UA/6.4.3.1234 Type/Application"),
    "polycom-vvx350": ("482567", "FileTransport PolycomVVX-VVX_350-UA/6.4.3.1234 Type/Application"),
    "grandstream-grp2614": ("C074AD", "Grandstream Model HW GRP2614 SW 1.0.9.26 DevId {mac}"),
    "grandstream-gxp2170": ("000B82", "Grandstream Model HW GXP2170 SW 1.0.11.79 DevId {mac}"),
    "snom-d785": ("000413", "Mozilla/4.0 (compatible; snomD785-SIP 10.1.184.15 {mac})"),
    "fanvil-x5u": ("0C383E", "Fanvil X5U 2.4.12 {mac}"),
    "mitel-6867i": ("00085D", "Mitel6867i MAC:{mac} V:6.3.3.24-SIP"),
    "cisco-8851": ("0CD0F8", "Cisco-CP-8851-3PCC/12.0.4 ({mac})"),
}
_FIRST = ("Amina", "Bjarne", "Carla", "Dov", "Eilidh", "Farid", "Greta", "Hanne", "Ilse", "Jarek", "Kaya", "Lorenzo")
_LAST = ("Abara", "Brandt", "Castellano", "Dvořák", "Eriksson", "Fontaine", "Grünwald", "Hayashi", "Ibsen", "Jónsson")
_MOVED = "Moved upstairs"
_PLACES = ("Reception", "Dispatch", "Workshop", "Meeting room", "Warehouse", "Front desk", "Laboratory", "Canteen")


def fill_demo(session: Session, loader: SiteLoader) -> str | None:
    """Fill an empty instance; the password of its administrator `demo`, or None where it was filled before."""
    if find_user(session, NAME):
        return None
    name_firmware(loader)
    for name, fields in _TENANTS.items():
        create_tenant(session, name, fields, CONSOLE)
    set_variables(session, VariableScope(), {"SYSLOG_SERVER": "logs.example.net", "POLL_SECONDS": "3600"}, CONSOLE)
    chance = random.Random(7)  # noqa: S311 - nothing secret comes from it
    import_devices(session, loader.load(session), _csv(_fleet(chance)), CONSOLE)
    add_contacts(session, loader, _TENANTS)
    provision_devices(session, loader.load(session), list(session.scalars(select(Device.id))))
    add_fetches(session, loader.config, chance, {key: agent for key, (_, agent) in _MODELS.items()})
    import_devices(session, loader.load(session), _csv(_corrections(session)), CONSOLE)
    moved = session.scalars(select(Device.id).where(Device.label == _MOVED, Device.enabled).order_by(Device.id)).all()
    provision_devices(session, loader.load(session), moved[::2])
    add_files(session, loader)
    regenerate_dirty(session, loader.load(session))
    password = random_password()
    create_user(session, CONSOLE, name=NAME, password=password, role=Role.ADMINISTRATOR)
    return password


def _csv(rows: Iterable[dict[str, str]]) -> str:
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return "".join(write_csv(columns, [[row.get(name, "") for name in columns] for row in rows], guard=False))


def _fleet(chance: random.Random) -> Iterator[dict[str, str]]:
    for number in range(DEVICES):
        tenant, model = chance.choice(list(_TENANTS)), list(_MODELS)[number % len(_MODELS)]
        first, last, extension = chance.choice(_FIRST), chance.choice(_LAST), str(200 + number)
        row = {
            "tenant": tenant,
            "mac": f"{_MODELS[model][0]}{chance.randrange(1, 0xFFFFFF):06X}",
            "model": model,
            "label": f"{chance.choice(_PLACES)} {number + 1}",
            "line1_userid": f"{tenant}-{extension}",
            "line1_password": random_password(),
            "line1_display_name": f"{first} {last}",
            "line1_first_name": first,
            "line1_last_name": last,
            "line1_extension": extension,
            "line1_voicemail": "*97",
        }
        yield row | _keys(chance, extension)


def _keys(chance: random.Random, extension: str) -> dict[str, str]:
    """A parking place, and up to three colleagues to watch."""
    keys = {"key1_type": "park", "key1_value": "701", "key1_label": "Park 1"}
    colleagues = [number for number in map(str, range(200, 200 + DEVICES)) if number != extension]
    for place, other in enumerate(chance.sample(colleagues, chance.randrange(4)), start=2):
        keys |= {f"key{place}_type": "blf", f"key{place}_value": other, f"key{place}_label": other}
    return keys


def _corrections(session: Session) -> Iterator[dict[str, str]]:
    """Some labels change after provisioning, and two phones are switched off."""
    macs = session.scalars(select(Device.mac).order_by(Device.id)).all()
    for mac in macs[5::12]:
        yield {"mac": mac, "label": _MOVED, "enabled": "on"}
    for mac in macs[7::30]:
        yield {"mac": mac, "label": "In the cupboard", "enabled": "off"}
