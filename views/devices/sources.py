"""Where people change what a variable of a device is: the page of the layer that it comes from."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import url_for

from views.access import current_actor
from webprov.rendering.layers import Layer
from webprov.rights import Right
from webprov.store.models import Device

_PAGES: Mapping[Layer, tuple[str, Right, str]] = {
    Layer.KEY: ("devices.show", Right.SEE_DEVICES, "keys-of-phone"),
    Layer.LINE: ("devices.show", Right.SEE_DEVICES, "lines-heading"),
    Layer.DEVICE: ("devices.phone", Right.SEE_DEVICES, ""),
    Layer.LINE_CUSTOM: ("devicevariables.index", Right.SEE_DEVICES, ""),
    Layer.DEVICE_CUSTOM: ("devicevariables.index", Right.SEE_DEVICES, ""),
    Layer.TENANT: ("tenants.edit", Right.MANAGE_TENANTS, ""),
    Layer.TENANT_CUSTOM: ("tenantvariables.index", Right.EDIT_TENANT, ""),
    Layer.SERVER: ("settings.edit", Right.SEE_SYSTEM, ""),
    Layer.GLOBAL_CUSTOM: ("variables.index", Right.SEE_SYSTEM, ""),
    Layer.MODEL: ("models.show", Right.SEE_MODELS, ""),
}


def source_links(device: Device) -> Callable[[Layer], str]:
    """The address of the page for a layer; empty where there is none, or this person may not look there."""
    values: dict[str, dict[str, Any]] = {
        "devices": {"mac": device.mac},
        "devicevariables": {"mac": device.mac},
        "tenants": {"name": device.tenant.name},
        "tenantvariables": {"name": device.tenant.name},
        "models": {"key": device.model},
    }

    def link(layer: Layer) -> str:
        endpoint, right, anchor = _PAGES.get(layer, ("", None, ""))
        if not endpoint or right is None or not current_actor().may(right, device.tenant_id):
            return ""
        return url_for(endpoint, **values.get(endpoint.partition(".")[0], {}), _anchor=anchor or None)

    return link
