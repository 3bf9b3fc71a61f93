"""The other tabs of a device: Phone, Variables, Fetches, Changes."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from forms.devices import PhoneForm
from forms.errors import put_errors
from views.access import current_actor, requires, visible_tenants
from views.database import db_session
from views.devices.blueprint import bp, device_page, effective_timezone, offered_models, provision_and_tell, the_device
from views.firmwareseen import firmware_of
from views.paging import PAGE_SIZE, pager
from views.site import current_site
from webprov.changes.devices import change_device
from webprov.deviceinput import parse_device
from webprov.errors import Conflict, InvalidInput, InvalidValue, NotFound
from webprov.fetchlist import FetchQuery, list_fetches
from webprov.fetchwords import words_for
from webprov.mac import format_mac
from webprov.phones.timezones import timezone_names
from webprov.rendering.layers import Explained
from webprov.rendering.masking import masked
from webprov.rendering.variables import DeviceVariables, device_variables
from webprov.rights import Right
from webprov.store.devicedata import read_device
from webprov.store.models import ChangeRecord, Device

_MOST_RECORDS = 200
_LANGUAGES = (
    "de",
    "en",
    "en-GB",
    "es",
    "fr",
    "it",
    "nl",
    "pl",
    "pt",
    "pt-BR",
    "sv",
    "da",
    "nb",
    "fi",
    "cs",
    "tr",
    "zh",
)


@bp.get("/<mac>/phone")
@requires(Right.SEE_DEVICES)
def phone(mac: str) -> ResponseReturnValue:
    """What the phone is and what it is told beyond lines and keys."""
    device = the_device(mac)
    model = current_site().catalog.model(device.model, device.tenant.name)
    form = PhoneForm(None, obj=device)
    form.mac.data = format_mac(device.mac)
    form.model.data = model.label if model else device.model
    form.tenant.data, form.version.data = device.tenant.name, device.version
    form.admin_password.data = form.prov_password.data = ""
    return _phone_page(device, form)


@bp.post("/<mac>/phone")
@requires(Right.EDIT_DEVICES)
def save_phone(mac: str) -> ResponseReturnValue:
    """Save them and make the files; another MAC replaces the phone and keeps all else."""
    device, form = the_device(mac), PhoneForm()
    try:
        given = parse_device(form.flat(offered_models(), device.model))
        version = int(form.version.data) if (form.version.data or "").isdigit() else 0
        changed = change_device(db_session(), current_site(), device.mac, given, current_actor(), version=version)
    except InvalidValue as e:
        put_errors(form, {"model": str(e)})
    except InvalidInput as e:
        put_errors(form, e.errors)
    except Conflict as e:
        form.form_errors.append(str(e))
    else:
        if changed.enabled:
            provision_and_tell(changed.mac, "Saved.")
        return redirect(url_for(".phone", mac=changed.mac))
    return _phone_page(device, form), 422


@bp.get("/<mac>/variables")
@requires(Right.SEE_DEVICES)
def variables(mac: str) -> ResponseReturnValue:
    """Every variable that templates see, its value (secrets hidden) and where it comes from; of a line or a key too."""
    device = the_device(mac)
    found = _variables(device)
    text = request.args.get("q", "")
    line, key = (request.args.get(name, type=int) for name in ("line", "key"))
    rows: list[Explained] = []
    if found:
        try:
            rows = found.explain_all(line, key)
        except NotFound:
            line = key = None
            rows = found.explain_all()
    wanted = text.strip().casefold()
    return device_page(
        "devices/variables.html",
        device,
        "variables",
        rows=[row for row in rows if wanted in row.name.casefold() or wanted in str(row.value).casefold()],
        total=len(rows),
        of=f"key {key}" if key else f"line {line}" if line else "",
        lines=[number + 1 for number in (found.context.used_lines if found else ())],
        keys=[number + 1 for number in (found.context.used_keys if found else ())],
    )


@bp.get("/<mac>/fetches")
@requires(Right.SEE_DEVICES)
def fetches(mac: str) -> ResponseReturnValue:
    """What this phone asked for, what it got, and whether that is what it should have now."""
    device = the_device(mac)
    wanted = max(1, request.args.get("page", 1, type=int))
    query = FetchQuery(device_id=device.id)
    found = list_fetches(db_session(), query, offset=(wanted - 1) * PAGE_SIZE, limit=PAGE_SIZE)
    return device_page(
        "devices/fetches.html",
        device,
        "fetches",
        found=found,
        pager=pager(found.matching),
        words_for=words_for,
        firmware_of=lambda fetch: firmware_of(fetch.user_agent, device.model, device.tenant.name),
    )


@bp.get("/<mac>/changes")
@requires(Right.SEE_DEVICES)
def changes(mac: str) -> ResponseReturnValue:
    """Who changed what on this device."""
    device = the_device(mac)
    query = select(ChangeRecord).where(ChangeRecord.tenant_id == device.tenant_id, ChangeRecord.name == device.mac)
    found = db_session().scalars(query.order_by(ChangeRecord.at.desc(), ChangeRecord.id.desc()).limit(_MOST_RECORDS))
    return device_page("devices/changes.html", device, "changes", changes=found.all(), most=_MOST_RECORDS)


def _phone_page(device: Device, form: PhoneForm) -> str:
    form.offer_tenants([(tenant.name, tenant.label or tenant.name) for tenant in visible_tenants()])
    form.say_window(current_site().settings.provisioning_window)
    zone, source = effective_timezone(device)
    return device_page(
        "devices/phone.html",
        device,
        "phone",
        form=form,
        is_changed=request.method == "POST",
        models=offered_models(),
        timezones=timezone_names(),
        languages=_LANGUAGES,
        may_move=current_actor().may(Right.MANAGE_TENANTS),
        zone_help=f"{zone}, from {source}" if not device.timezone else "that of the tenant or of Provisioning settings",
        own_credentials=current_site().settings.device_credentials,
    )


def _variables(device: Device) -> DeviceVariables | None:
    """The variables as templates see them, every secret replaced; None where the model is missing."""
    site = current_site()
    model = site.catalog.model(device.model, device.tenant.name)
    data = read_device(db_session(), device.mac)
    if model is None or data is None:
        return None
    hidden, system = masked(data, site.system)
    return device_variables(hidden, model, system)
