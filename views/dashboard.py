"""The fleet at a glance; before the first phone, the three steps that lead to it (ui guide 6)."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from views.access import chosen_tenant, requires, within
from views.chart import NARROW, draw_chart
from views.database import db_session
from views.devices.listing import model_labels
from views.jobs import running_job
from views.navigation import count_of, link_to
from views.site import current_site
from views.unknown import discovery, kinds_waiting
from webprov.alarms import MACS_AN_HOUR, guessed_macs
from webprov.certificatereports import certificate_reports
from webprov.devicelist import NOT_SEEN_DAYS, PhoneState, count_devices
from webprov.enums import FileState, Protocol
from webprov.fleet import bulk_stale
from webprov.hosts import Host, compose_url
from webprov.overview import fetches_by_hour
from webprov.redelivery import Outbox, outbox
from webprov.rights import Right
from webprov.store.listeners import ListenerState, listener_of
from webprov.store.models import Device, utc_now
from webprov.store.settings import ProvisioningSettings, load_settings
from webprov.unknownphones import blocked_sources, list_unknown, waiting_lately

bp = Blueprint("dashboard", __name__)

_WATCHED = 5

_TILES: tuple[tuple[FileState | PhoneState, str], ...] = (
    (FileState.CURRENT, "files match the settings"),
    (FileState.STALE, "settings changed since"),
    (FileState.FAILED, "old files kept"),
    (PhoneState.NEVER_FETCHED, "entered, not plugged in?"),
    (PhoneState.NOT_SEEN, f"for more than {NOT_SEEN_DAYS} days"),
)


@dataclass(frozen=True, slots=True)
class Advice:
    """One sentence of "What to do next", with the one link that helps (empty where the page is not built)."""

    state: str
    text: str
    link: str
    url: str


@bp.get("/")
@requires(Right.SEE_DEVICES)
def index() -> ResponseReturnValue:
    """Tiles and what to do next, or the first steps."""
    session = db_session()
    settings = load_settings(session)
    devices = count_devices(session, current_site(), within(Device.tenant_id))
    if not devices.total:
        return render_template("dashboard/first.html", settings=settings, phones_url=phones_url(settings), **_watched())
    counts = devices.states
    tenant = chosen_tenant()
    hours = fetches_by_hour(session, utc_now(), [tenant.id] if tenant else None)
    return render_template(
        "dashboard/index.html",
        settings=settings,
        tiles=[(state.value, text, counts.get(state, 0), _state_url(state)) for state, text in _TILES],
        advice=list(_advice(dict(counts)))[:5],
        chart=draw_chart(hours),
        narrow_chart=draw_chart(hours, NARROW),
        stale=bulk_stale(session, current_site(), counts, within(Device.tenant_id)),
        progress=running_job(),
        blocked=blocked_sources(session) if current_user.may(Right.SEE_SYSTEM) else {},
        protocols=[(protocol, settings.port(protocol)) for protocol in Protocol if settings.enabled(protocol)],
    )


@bp.get("/watch")
@requires(Right.SEE_DEVICES)
def watch() -> ResponseReturnValue:
    """The note on the first page that says whether a phone has asked; the page asks for it every few seconds."""
    return render_template("dashboard/_watch.html", settings=load_settings(db_session()), **_watched())


def phones_url(settings: ProvisioningSettings) -> str:
    """Where phones are pointed in Local mode, by the Default Protocol and without credentials."""
    protocol = settings.default_protocol
    return compose_url(protocol, Host(settings.server_address, settings.port(protocol)), "/provisioning")


def _watched() -> dict[str, object]:
    """Phones that asked and are not entered; they belong to no tenant, so nobody tied to one sees them."""
    may_see = current_user.may(Right.SEE_SYSTEM)
    asked = list_unknown(db_session(), discovery(), limit=_WATCHED) if may_see else []
    return {"asked": asked, "asked_count": waiting_lately(db_session()) if may_see else 0, "labels": model_labels()}


def _state_url(state: FileState | PhoneState) -> str:
    return link_to("devices.index", state=state.value.replace(" ", "-"))


def _advice(counts: dict[FileState | PhoneState, int]) -> Iterator[Advice]:
    """What waits for somebody, worst first."""
    failed, missing = counts.get(FileState.FAILED, 0), counts.get(FileState.MODEL_MISSING, 0)
    if failed:
        yield _failed(failed)
    if missing:
        text = f"{_devices(missing)} a model that is not installed; old files are kept."
        yield Advice("failed", text, "Show", _state_url(FileState.MODEL_MISSING))
    if current_user.may(Right.SEE_SYSTEM):
        yield from _listening()
        yield from _guessing(guessed_macs(db_session()))
        yield from _waiting(outbox(db_session(), current_site()))
    stale = counts.get(FileState.STALE, 0)
    if stale:
        text = f"{_devices(stale)} stale files: something changed since they were written."
        yield Advice("stale", text, "Show", _state_url(FileState.STALE))
    unknown = count_of("unknown.index")
    if unknown:
        yield _unknown(unknown)
    away = counts.get(PhoneState.NOT_SEEN, 0)
    if away:
        text = f"{_devices(away)} not fetched for more than {NOT_SEEN_DAYS} days."
        yield Advice("not seen", text, "Show", _state_url(PhoneState.NOT_SEEN))


def _listening() -> Iterator[Advice]:
    """Listeners that cannot listen, certificates that end or do not fit."""
    settings = load_settings(db_session())
    link = link_to("settings.edit", _anchor="protocols-heading")
    for protocol in Protocol:
        listener = listener_of(db_session(), protocol)
        if listener.state is ListenerState.FAILED:
            yield Advice("failed", f"{protocol.upper()} does not answer. {listener.text}", "Show", link)
    for report in certificate_reports(current_site().config, settings, utc_now()):
        if report.trouble:
            kind = "failed" if report.bites else "stale"
            yield Advice(kind, f"{report.title}: {report.trouble}", "Show", link)


def _guessing(count: int) -> Iterator[Advice]:
    """Somebody goes through addresses from many places, slowly enough at each (security PH-02)."""
    if count > MACS_AN_HOUR:
        text = f"{count:,} MAC addresses that are no devices were asked for within an hour: somebody is guessing."
        yield Advice("failed", text, "Limit networks", link_to("settings.edit"))


def _waiting(box: Outbox) -> Iterator[Advice]:
    """What the storage has not got yet: how much, how long, why."""
    if not box.count:
        return
    files = "1 file waits" if box.count == 1 else f"{box.count:,} files wait"
    since = f", the oldest since {box.oldest_at:%-d %b %H:%M} UTC" if box.oldest_at else ""
    state = "failed" if box.error else "waiting"
    yield Advice(
        state, f"{files} for the file transport{since}. {box.error}".strip(), "Show", link_to("delivery.index")
    )


def _unknown(count: int) -> Advice:
    """How many phones asked that nobody entered, and what they seem to be."""
    phones = "1 unknown phone asked for files" if count == 1 else f"{count:,} unknown phones asked for files"
    named = ", ".join(kinds_waiting()[:3])
    return Advice("unknown", f"{phones}: {named}." if named else f"{phones}.", "Adopt", link_to("unknown.index"))


def _devices(count: int) -> str:
    return "1 device has" if count == 1 else f"{count:,} devices have"


def _failed(count: int) -> Advice:
    """The first failure in its own words; where there are more, how many."""
    failing = select(Device.mac, Device.label, Device.provision_error).where(
        Device.provision_error != "", Device.enabled, within(Device.tenant_id)
    )
    first = db_session().execute(failing.order_by(Device.id).limit(1)).first()
    if first is None or count > 1:
        more = f" The first: {first.provision_error}" if first else ""
        return Advice("failed", f"{count:,} devices failed and keep their old files.{more}", "Show",
                      _state_url(FileState.FAILED))  # fmt: skip
    return Advice("failed", f"{first.label or first.mac} failed: {first.provision_error}", "Open device",
                  link_to("devices.show", mac=first.mac))  # fmt: skip
