"""`webprov check`: everything that would bite, each with what to do about it (contract)."""

import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from webprov.certificatereports import certificate_reports
from webprov.config import Config
from webprov.delivery.assets import foreign_in_segments
from webprov.enums import FileState, Protocol
from webprov.errors import AlreadyRunning, InvalidInput
from webprov.filerecords import disk_name
from webprov.fleet import state_counts
from webprov.parts import PARTS, Place
from webprov.phones.phonemodel import Refusal
from webprov.settingsinput import parse_settings
from webprov.site import Site
from webprov.store.models import RenderedFileRecord
from webprov.store.settings import ProvisioningSettings
from webprov.store.syncrecords import SyncTarget
from webprov.supervisor import lock_instance
from webprov.syncdue import segments_of
from webprov.templatebases import overrides_behind
from webprov.weakpasswords import weak_passwords


class CheckState(StrEnum):
    """How bad it is; an error bites now."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and what to do where that is not well."""

    what: str
    state: CheckState = CheckState.OK
    remedy: str = ""


def check_up(session: Session, site: Site) -> list[Finding]:
    """Everything that was looked at, in the order people would repair it. Nothing is changed."""
    return [
        *_settings(site),
        *_refusals("Models", site.catalog.refusals),
        *_refusals("Templates", site.library.check()),
        *_overrides(session, site),
        *_permissions(site.config),
        *_ports(site),
        *_certificates(site),
        *_without_certificate(site.settings),
        *_admin(site.config),
        *_devices(session, site),
        *_passwords(session),
        *_assets(session, site),
    ]


def _settings(site: Site) -> Iterator[Finding]:
    try:
        parse_settings({}, site.settings)
    except InvalidInput as e:
        for field, sentence in e.errors.items():
            yield Finding(f"Setting {field}", CheckState.ERROR, sentence)
    else:
        yield Finding("Provisioning settings")


def _refusals(what: str, refusals: tuple[Refusal, ...] | list[Refusal]) -> Iterator[Finding]:
    for item in refusals:
        yield Finding(f"{what}: {item.file}{f', line {item.line}' if item.line else ''}", CheckState.ERROR, item.reason)
    if not refusals:
        yield Finding(what)


def _overrides(session: Session, site: Site) -> Iterator[Finding]:
    for file in overrides_behind(session, site):
        what = f"Template {file.name} of {file.tenant or 'all tenants'}"
        remedy = (
            "The shipped file has changed since this one was made from it. Compare them on its page under Templates."
        )
        yield Finding(what, CheckState.WARNING, remedy)


def _permissions(config: Config) -> Iterator[Finding]:
    """The key file is checked whenever the instance is opened; here come the folders and the database."""
    found = list(_permission_troubles(config))
    yield from found or [Finding("Permissions")]


def _permission_troubles(config: Config) -> Iterator[Finding]:
    for path in (config.provisioning_dir, config.instance):
        if not os.access(path, os.W_OK | os.X_OK):
            yield Finding(f"Folder {path}", CheckState.ERROR, f"It is not writable. Run: chmod u+rwx {path}")
    for path in sorted({config.instance, *config.instance.glob("*.sqlite3*"), *_code_folders(config)}):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o002:
            yield Finding(str(path), CheckState.ERROR, f"Everybody may change it. Run: chmod o-w {path}")
        elif mode & 0o004 and path.suffix.startswith(".sqlite3"):
            yield Finding(str(path), CheckState.WARNING, f"Everybody on this machine may read it. Run: chmod o= {path}")


def _code_folders(config: Config) -> Iterator[Path]:
    """Where somebody who could write would decide what phones get."""
    for path in (config.user_provisioning_dir, config.provisioning_dir, config.instance / "scripts"):
        if path.is_dir():
            yield path


def _ports(site: Site) -> Iterator[Finding]:
    running = _is_running(site.config)
    for name, part in PARTS.items():
        place = part.place(site.settings, site.config)
        if place is None or not place.port:  # switched off, or a part that listens nowhere
            continue
        free = _is_free(place)
        what = f"{name.upper() if name != 'admin' else 'Admin UI'} at {place}"
        if running and free:
            yield Finding(what, CheckState.ERROR, "webprov runs but does not answer there. Look at its log.")
        elif not running and not free:
            yield Finding(what, CheckState.ERROR, "Another program uses this port. Stop it, or choose another port.")
        else:
            yield Finding(what)


def _is_running(config: Config) -> bool:
    try:
        lock_instance(config, None).close()
    except AlreadyRunning:
        return True
    return False


def _is_free(place: Place) -> bool:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family, place.kind) as probe:
        if place.kind is socket.SOCK_STREAM:  # two UDP sockets may share a port then
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.host, place.port))
        except OSError:
            return False
    return True


def _certificates(site: Site) -> Iterator[Finding]:
    for report in certificate_reports(site.config, site.settings, datetime.now(UTC)):
        facts = report.facts
        what = f"{report.title}: {facts.summary}" if facts else f"{report.title} at {report.pair.certificate}"
        state = CheckState.ERROR if report.bites else CheckState.WARNING if report.trouble else CheckState.OK
        yield Finding(what, state, report.trouble)
    if site.settings.tls_legacy:
        remedy = "TLS 1.0 and 1.1 can be broken. Switch the setting tls_legacy off once the old phones are gone."
        yield Finding("Old TLS for phones", CheckState.WARNING, remedy)


def _without_certificate(settings: ProvisioningSettings) -> Iterator[Finding]:
    """Ways around the client certificates that HTTPS requires (security PH-12)."""
    if not settings.serves_phones or not settings.https_enabled or settings.client_certificates != "required":
        return
    around = [protocol for protocol in Protocol if protocol is not Protocol.HTTPS and settings.enabled(protocol)]
    if around:
        names = " and ".join(protocol.upper() for protocol in around)
        remedy = f"Switch {names} off once all phones use HTTPS: over {names} no certificate is asked for."
        yield Finding("Client certificates are required over HTTPS alone", CheckState.WARNING, remedy)


def _admin(config: Config) -> Iterator[Finding]:
    name = config.admin_bind.name
    try:
        loopback = ip_address(name).is_loopback
    except ValueError:
        loopback = name == "localhost"
    if config.admin_tls_cert:
        yield Finding(f"Admin UI over HTTPS at {config.admin_bind}")
    elif loopback:
        yield Finding("Admin UI is for this machine only")
    else:
        remedy = (
            "Passwords cross the network in clear text. Set WEBPROV_ADMIN_TLS_CERT and WEBPROV_ADMIN_TLS_KEY, or bind"
            " 127.0.0.1 and put a TLS proxy in front."
        )
        yield Finding(f"Admin UI without TLS at {config.admin_bind}", CheckState.WARNING, remedy)


def _devices(session: Session, site: Site) -> Iterator[Finding]:
    counts = state_counts(session, site)
    troubles = {
        FileState.FAILED: (
            CheckState.ERROR,
            "See webprov devices list; correct what it says and provision them again.",
        ),
        FileState.MODEL_MISSING: (CheckState.ERROR, "Choose another model for them, or put the model back."),
        FileState.STALE: (CheckState.WARNING, "Run: webprov provision --stale, and restored ones by their MAC."),
    }
    found = [
        Finding(f"Devices {name.value}: {counts[name]:,}", state, remedy)
        for name, (state, remedy) in troubles.items()
        if counts[name]
    ]
    yield from found or [Finding("Files of the devices")]


def _passwords(session: Session) -> Iterator[Finding]:
    count = len(weak_passwords(session))
    if count:
        remedy = "See which and why: webprov devices weak. Change them on the registrar and here."
        yield Finding(f"Lines with weak passwords: {count:,}", CheckState.WARNING, remedy)
    else:
        yield Finding("Passwords of lines")


def _assets(session: Session, site: Site) -> Iterator[Finding]:
    """Files that no sync carries, and directories that wait for somebody's word (spec 7, TR-10)."""
    recorded = session.execute(select(RenderedFileRecord.segment, RenderedFileRecord.path))
    names = {disk_name(row.segment, row.path) for row in recorded}
    foreign = foreign_in_segments(site.files.root, segments_of(session, site), names)
    for folder in sorted({name.partition("/")[0] for name in foreign}):
        remedy = f"{folder}/ is the folder of a model, for generated files alone. Move your own files to another one."
        yield Finding(f"Files in {folder}/ that webprov did not make are never synced", CheckState.ERROR, remedy)
    for target in session.scalars(select(SyncTarget).where(SyncTarget.needs_confirmation)):
        yield Finding(f"Sync of {target.path or 'files at the top'}", CheckState.ERROR, target.error)
