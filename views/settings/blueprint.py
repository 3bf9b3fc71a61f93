"""What the pages of Provisioning Settings share: the blueprint, the form of this request, the page around it."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from forms.settings import ProvisioningSettingsForm
from views.access import current_actor, within
from views.database import db_session
from views.effects import at_a_glance
from views.site import current_site
from webprov.certificatereports import certificate_reports
from webprov.changes.owncredentials import devices_waiting
from webprov.changes.variables import VariableScope, list_variables
from webprov.conflicts import seen_text
from webprov.delivered import script_counts
from webprov.enums import FileState, Protocol, ProvisioningMode, TransportMethod
from webprov.fetchlist import protocol_use
from webprov.fleet import not_restored, state_counts
from webprov.redelivery import outbox
from webprov.rights import Right
from webprov.store.listeners import Listener, listener_of
from webprov.store.models import Device, utc_now
from webprov.store.rotation import devices_left, previous_logins
from webprov.store.settings import SECRET_FIELDS, ProvisioningSettings, load_settings
from webprov.viewpoints import look_through, viewpoints
from webprov.whatif import what_if

_BY_SCRIPT = (ProvisioningMode.EXTERNAL, TransportMethod.SCRIPT)

bp = Blueprint("settings", __name__, url_prefix="/settings")

_USE_DAYS = 7


def posted_form() -> ProvisioningSettingsForm:
    """The form as it was sent, over what is saved."""
    return ProvisioningSettingsForm(request.form, saved=load_settings(db_session()))


def settings_page(form: ProvisioningSettingsForm, **values: Any) -> str:
    """The whole page with the form, the panel beside it and the bar below."""
    session = db_session()
    shown = {
        "variables_count": len(list_variables(session, VariableScope())),
        "outbox": outbox(session, current_site()),
        "scripts": script_counts(session) if form.saved.script_place[:2] == _BY_SCRIPT else None,
        "stale": state_counts(session, current_site(), not_restored(), within(Device.tenant_id))[FileState.STALE],
    }
    return render_template("settings/edit.html", **shown, **draft_values(form) | values)


def listener_rows(session: Session, settings: ProvisioningSettings) -> list[tuple[Protocol, Listener]]:
    """What became of each listener that is saved as switched on."""
    wanted = [protocol for protocol in Protocol if settings.serves_phones and settings.enabled(protocol)]
    return [(protocol, listener_of(session, protocol)) for protocol in wanted]


def draft_values(form: ProvisioningSettingsForm) -> dict[str, Any]:
    """What the parts of the page show that follow the form while it is filled in."""
    session, site = db_session(), current_site()
    wanted, find = request.values.get("seen_by", ""), request.values.get("find", "").strip()[:100]
    offered = viewpoints(session, site, find)
    chosen = wanted if wanted in [point.key for point in offered] or not offered else offered[0].key
    seen = look_through(session, site, chosen) if offered else None
    what = what_if(site.system, form.draft)
    return {
        "form": form,
        "seen_text": seen_text(form.saved),
        "secret_fields": SECRET_FIELDS,
        "editable": current_actor().may(Right.EDIT_SETTINGS),
        "protocol_use": protocol_use(session, utc_now() - timedelta(days=_USE_DAYS - 1)),
        "directory": site.config.provisioning_dir,
        "script_dirs": site.config.script_dirs,
        "previous": [(login, devices_left(session, login)) for login in previous_logins(session)],
        "waiting_devices": devices_waiting(session),
        "offered": offered,
        "find": find,
        "chosen": chosen,
        "script_device": request.values.get("script_device") or (seen[0].mac if seen and seen[0].id else ""),
        "seen": seen,
        "told": what.told(*seen) if seen else {},
        "glance": at_a_glance(what) if form.changed else None,
        "listeners": listener_rows(session, form.saved),
        "certificates": certificate_reports(site.config, form.saved, utc_now()),
    }
