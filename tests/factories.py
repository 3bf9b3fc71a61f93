"""Builders with defaults: a small catalogue of two phones, a tenant, devices."""

from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from webprov.changes.devices import add_device
from webprov.changes.tenants import create_tenant
from webprov.config import Config, load_config
from webprov.deviceinput import parse_device
from webprov.rights import CONSOLE, Actor
from webprov.site import Site
from webprov.store.database import writing
from webprov.store.fetchrecords import UnknownPhone
from webprov.store.models import Device, FetchRecord, utc_now

MODELS = """\
[_deskphone]
brand = Testphone
template_1 = test/phone.cfg -> ${mac}.cfg
line_template = test/line.cfg
key_template = test/key.cfg
template_2 = test/info.xml -> ${mac}-info.xml
shared_1 = test/common.cfg -> common.cfg
translation_map = test
boot_1 = common.cfg
boot_2 = ${mac}-info.xml
boot_3 = ${mac}.cfg

[test-desk]
extends = _deskphone
label = Testphone Desk
lines = 2
keys = 4

[test-lobby]
extends = _deskphone
label = Testphone Lobby
lines = 1
keys = 0
"""

MAP = """\
[timezone]
Europe/Berlin = +1 | Berlin
* = 0 | UTC
[language]
de = German | Deutsch
* = English | English
[key]
blf = 16
speeddial = 13
* = 0
"""

TEMPLATES = {
    "phone.cfg": """\
## format: keyvalue comment=# quote=none encoding=utf-8
server = ${REG_SERVER}
url = ${PROTO_URL}
admin = ${ADMIN_PASSWORD}
label = ${LABEL}
${LINES}\\
${KEYS}\\
${OVERRIDE}\\
""",
    "line.cfg": """\
## format: keyvalue comment=# quote=none encoding=utf-8
account.${LINE}.user = ${USERID}
account.${LINE}.password = ${PASSWORD}
account.${LINE}.name = ${DISPLAY_NAME}
""",
    "key.cfg": """\
## format: keyvalue comment=# quote=none encoding=utf-8
key.${KEY} = ${KEY_CODE},${KEY_VALUE}
""",
    "info.xml": """\
## format: xml encoding=utf-8
<?xml version="1.0" encoding="UTF-8"?>
<phone mac="${mac}" label="${LABEL}"/>
""",
    "common.cfg": """\
## format: keyvalue comment=# quote=none encoding=utf-8
ntp = ${NTP_SERVER}
""",
}

MAC = "805EC0000001"


def small_config(folder: Path) -> Config:
    """A deployment in `folder` with only the two phones above."""
    models, templates = folder / "models.d", folder / "phone_templates"
    (models / "maps").mkdir(parents=True)
    (templates / "test").mkdir(parents=True)
    (models / "test.ini").write_text(MODELS)
    (models / "maps" / "test.ini").write_text(MAP)
    for name, text in TEMPLATES.items():
        (templates / "test" / name).write_text(text)
    return load_config(
        {
            "WEBPROV_INSTANCE": str(folder / "instance"),
            "WEBPROV_MODELS_DIR": str(models),
            "WEBPROV_TEMPLATES_DIR": str(templates),
        }
    )


def make_tenant(session: Session, name: str = "acme", **values: str) -> None:
    """A tenant, as an administrator makes it."""
    create_tenant(session, name, values, CONSOLE)


def make_device(session: Session, site: Site, mac: str = MAC, *, by: Actor = CONSOLE, **flat: str) -> Device:
    """A device with one line, as an administrator types it; `flat` holds further contract names."""
    given = {
        "mac": mac,
        "tenant": "acme",
        "model": "test-desk",
        "label": "Desk 1",
        "line1_userid": "1000",
        "line1_password": "R=#*2cN-D39A",
        "line1_display_name": "Ada Müller",
        **flat,
    }
    return add_device(session, site, parse_device(given), by)


def make_fetch(session: Session, device: Device | None = None, **values: Any) -> FetchRecord:
    """A request that `device` (None: a stranger) made a moment ago and that was answered with its file."""
    mac = device.mac if device else values.get("mac", "")
    given = {
        "at": utc_now(),
        "protocol": "http",
        "address": "192.0.2.10",
        "user_agent": "",
        "path": f"/provisioning/{mac.lower()}.cfg",
        "mac": mac,
        "device_id": device.id if device else None,
        "status": 200,
        "revision": device.revision if device else 0,
        **values,
    }
    with writing(session):
        record = FetchRecord(**given)
        session.add(record)
    return record


def make_stranger(session: Session, mac: str, **values: Any) -> UnknownPhone:
    """A phone that nobody entered and that asked for its file a moment ago."""
    given = {
        "mac": mac,
        "first_seen_at": utc_now(),
        "last_seen_at": utc_now(),
        "protocol": "http",
        "reason": "no credentials",
        "addresses": ["192.0.2.99"],
        "paths": [f"/provisioning/{mac.lower()}.cfg"],
        "source": "192.0.2.99",
        **values,
    }
    with writing(session):
        phone = UnknownPhone(**given)
        session.add(phone)
    return phone
