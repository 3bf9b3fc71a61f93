"""Servers, protocol and credentials that a phone is told (the first table of spec 3)."""

from dataclasses import dataclass, replace
from functools import lru_cache

from webprov.enums import Protocol, ProvisioningMode
from webprov.hosts import Host, compose_url, parse_host
from webprov.phones.modelkeys import first_page, model_segment
from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.layers import Layer, LayerValues, Sourced, first_of, sourced_layer
from webprov.rendering.names import SECRET_NAMES
from webprov.store.devicedata import TenantData
from webprov.store.settings import ProvisioningSettings

LOCAL_PATH = "/provisioning"
_URL_SOURCE = "PROTO, PROV_USER, PROV_PASSWORD, PROV_SERVER, {path}"


@dataclass(frozen=True, slots=True)
class Login:
    """User and password for downloads, each with where it comes from."""

    user: Sourced
    password: Sourced


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where and how a phone downloads: one of these per mode. Paths start with `/`; `shared_path` lacks the segment."""

    protocol: Sourced
    server: Sourced
    port: int | None
    firmware_server: Sourced
    firmware_port: int | None
    shared_path: Sourced
    segment: Sourced
    login: Login
    http: Login
    ftp: Login

    @property
    def path(self) -> str:
        """PROV_PATH: with the model segment, where there is one."""
        shared, segment = self.shared_path.value, self.segment.value
        return f"{shared}/{segment}" if segment else shared

    @property
    def plain_url(self) -> str:
        """PROV_URL: for phones that take user and password apart from it."""
        return self.plain_url_of(self.path)

    def plain_url_of(self, path: str) -> str:
        """`path` on the provisioning server, without credentials."""
        return _url(self.protocol, self.server, self.port, path, "", "", "")

    def url(self, path: str, file_name: str = "") -> str:
        """`path` on the provisioning server, with credentials."""
        user, password = self.login.user.value, self.login.password.value
        return _url(self.protocol, self.server, self.port, path, file_name, user, password)

    def firmware_url(self, path: str, file_name: str) -> str:
        """A firmware file; another host is not given the credentials."""
        if host_of(self.firmware_server.value).name == host_of(self.server.value).name:
            user, password = self.login.user.value, self.login.password.value
        else:
            user = password = ""
        return _url(self.protocol, self.firmware_server, self.firmware_port, path, file_name, user, password)


@lru_cache(maxsize=4096)
def host_of(text: str) -> Host:
    """A stored server as Host; an empty one has an empty name. Raises InvalidValue."""
    return parse_host(text) if text else Host("")


def server_layer(
    settings: ProvisioningSettings,
    tenant: TenantData,
    model: PhoneModel,
    own: tuple[str, str],
    contacts: frozenset[str],
) -> LayerValues:
    """All server and protocol variables of a device of this tenant and model.

    `own` are the device's own user and password ("" = it has none), `contacts` the tenant's directory files.
    """
    delivery = delivery_of(settings, model, own)
    variables = {
        **sip_variables(settings, tenant),
        **provisioning_variables(delivery),
        **_firmware_variables(delivery, model),
        "CONTACTS_URL": _contacts_url(_contacts_delivery(settings, model, own), tenant, model, contacts),
    }
    return _layer({**variables, **_parts(variables, delivery)}, delivery)


def shared_server_layer(settings: ProvisioningSettings, model: PhoneModel) -> LayerValues:
    """The server variables that are the same for all devices of a family: of `model` only the segment counts."""
    segment = model_segment(model.key) if settings.mode is ProvisioningMode.EXTERNAL else ""
    delivery = _delivery(settings, Sourced(settings.default_protocol, "Default protocol"), segment, ("", ""))
    variables = {**sip_variables(settings, TenantData(0, "")), **provisioning_variables(delivery)}
    return _layer({**variables, **_parts(variables, delivery)}, delivery)


def directory_server_layer(settings: ProvisioningSettings, tenant: TenantData) -> LayerValues:
    """The SIP servers of a tenant, and where its directories lie. Devices with a sign-in of their own use that one."""
    delivery = _delivery(settings, Sourced(settings.default_protocol, "Default Protocol"), "", ("", ""))
    folder = f"{delivery.shared_path.value}/CONTACTS/{tenant.name}"
    url = delivery.plain_url_of(folder) if settings.device_credentials else delivery.url(folder)
    variables = {
        **sip_variables(settings, tenant),
        "DIRECTORY_URL": Sourced(url, f"SHARED_URL / CONTACTS/{tenant.name}"),
    }
    return _layer(variables, delivery)


def protocol_warning(settings: ProvisioningSettings, model: PhoneModel) -> str:
    """Says that the model asks for a protocol that is switched off; empty where all is well."""
    if settings.mode is ProvisioningMode.EXTERNAL:
        return "" if model.external else f"The {model.label} can use neither a path nor a sign-in on an external DMS."
    if model.protocol is None or settings.enabled(model.protocol):
        return ""
    wanted = model.protocol.upper()
    return f"The {model.label} downloads by {wanted}, which is off: enable {wanted} in the Provisioning Settings."


def sip_variables(settings: ProvisioningSettings, tenant: TenantData) -> dict[str, Sourced]:
    """Where a phone registers and takes its time; what is empty falls back as spec 3 says."""
    server = Sourced(settings.server_address, "Server address")

    def chosen(field: str, label: str, fallback: Sourced) -> Sourced:
        of_tenant = Sourced(getattr(tenant, field), f"{label} of tenant {tenant.name}")
        return first_of(of_tenant, Sourced(getattr(settings, field, ""), label), fallback)

    registrar = chosen("registrar", "Registrar", server)
    backup = chosen("backup_registrar", "Backup registrar", Sourced("", "Backup registrar"))
    return {
        "REG_SERVER": registrar,
        "SERVER": Sourced(registrar.value, "= REG_SERVER"),
        "REG_SERVER_BACKUP": backup,
        "PROXY_SERVER": chosen("sip_proxy", "SIP proxy", Sourced(registrar.value, "= REG_SERVER")),
        "PROXY_SERVER_BACKUP": chosen(
            "backup_sip_proxy", "Backup SIP proxy", Sourced(backup.value, "= REG_SERVER_BACKUP")
        ),
        "NTP_SERVER": chosen("ntp_server", "NTP server", server),
    }


def delivery_of(settings: ProvisioningSettings, model: PhoneModel, own: tuple[str, str]) -> Delivery:
    """How a device of `model` downloads. A model's own protocol counts in Local mode only."""
    protocol = Sourced(settings.default_protocol, "Default protocol")
    if model.protocol is not None:
        protocol = Sourced(model.protocol, f"Protocol of {model.label}")
    return _delivery(settings, protocol, model_segment(model.key), own)


def _delivery(settings: ProvisioningSettings, protocol: Sourced, segment: str, own: tuple[str, str]) -> Delivery:
    if settings.mode is ProvisioningMode.EXTERNAL:
        return _external(settings, segment)
    return _local(settings, protocol, own)


def provisioning_variables(delivery: Delivery) -> dict[str, Sourced]:
    """Provisioning server, protocol, paths, credentials and the URLs made of them."""
    path_source = "DMS path / PROV_MODEL_SEGMENT" if delivery.segment.value else delivery.shared_path.source
    return {
        "PROV_SERVER": delivery.server,
        "PROV_MODEL_SEGMENT": delivery.segment,
        "PROV_PATH": Sourced(delivery.path, path_source),
        "FIRMWARE_SERVER": delivery.firmware_server,
        "PROTO": delivery.protocol,
        "PROTO_URL": Sourced(delivery.url(delivery.path), _URL_SOURCE.format(path="PROV_PATH")),
        "PROV_URL": Sourced(delivery.plain_url, "PROTO, PROV_SERVER, PROV_PATH"),
        "SHARED_URL": Sourced(
            delivery.url(delivery.shared_path.value), _URL_SOURCE.format(path=delivery.shared_path.source)
        ),
        "PROV_USER": delivery.login.user,
        "PROV_PASSWORD": delivery.login.password,
        "HTTP_USER": delivery.http.user,
        "HTTP_PASSWORD": delivery.http.password,
        "FTP_USER": delivery.ftp.user,
        "FTP_PASSWORD": delivery.ftp.password,
    }


def _firmware_variables(delivery: Delivery, model: PhoneModel) -> dict[str, Sourced]:
    path = f"{delivery.path}/{model.firmware_dir}"
    url = delivery.firmware_url(path, model.firmware) if model.firmware else ""
    source = "PROTO, FIRMWARE_SERVER, FIRMWARE_PATH, FIRMWARE" if url else f"{model.label} names no firmware"
    return {
        "FIRMWARE": Sourced(model.firmware, f"Firmware of {model.label}"),
        "FIRMWARE_PATH": Sourced(path, f"PROV_PATH / firmware folder of {model.label}"),
        "FIRMWARE_URL": Sourced(url, source),
    }


def _contacts_delivery(settings: ProvisioningSettings, model: PhoneModel, own: tuple[str, str]) -> Delivery:
    """How phones read contacts: those that can get their files by TFTP only read them as other phones do."""
    return delivery_of(settings, replace(model, protocol=None) if model.protocol is Protocol.TFTP else model, own)


def _contacts_url(delivery: Delivery, tenant: TenantData, model: PhoneModel, contacts: frozenset[str]) -> Sourced:
    name = first_page(model.directories[0].output) if model.directories else ""
    if name not in contacts:
        return Sourced("", "no contact directory yet" if name else f"{model.label} takes no contact directory")
    path = f"{delivery.shared_path.value}/CONTACTS/{tenant.name}"
    return Sourced(delivery.url(path, name), f"SHARED_URL / CONTACTS/{tenant.name}/{name}")


def _parts(variables: dict[str, Sourced], delivery: Delivery) -> dict[str, Sourced]:
    """`*_HOST` and `*_PORT` of every `*_SERVER`. The port of a download is the one that its URL names."""
    parts: dict[str, Sourced] = {}
    ports = {"PROV_SERVER": delivery.port, "FIRMWARE_SERVER": delivery.firmware_port}
    for name in SERVERS:
        host = host_of(variables[name].value)
        port = ports.get(name, host.port)
        parts[f"{name}_HOST"] = Sourced(host.name, f"from {name}")
        parts[f"{name}_PORT"] = Sourced(str(port or ""), f"from {name}")
    parts["PROV_PORT"] = Sourced(str(delivery.port or ""), f"port of PROTO {delivery.protocol.value}")
    return parts


SERVERS = ("REG_SERVER", "REG_SERVER_BACKUP", "PROXY_SERVER", "PROXY_SERVER_BACKUP", "NTP_SERVER", "PROV_SERVER",
           "FIRMWARE_SERVER")  # fmt: skip
_URLS = frozenset({"PROTO_URL", "SHARED_URL", "CONTACTS_URL", "DIRECTORY_URL", "FIRMWARE_URL"})


def _layer(variables: dict[str, Sourced], delivery: Delivery) -> LayerValues:
    secrets = SECRET_NAMES | _URLS if delivery.login.password.value else SECRET_NAMES
    return sourced_layer(Layer.SERVER, variables, secrets)


def _local(settings: ProvisioningSettings, protocol: Sourced, own: tuple[str, str]) -> Delivery:
    http = _login(settings.http_user, settings.http_password, "HTTP", own)
    ftp = _login(settings.ftp_user, settings.ftp_password, "FTP", own)
    chosen = Protocol(protocol.value)
    port = _unusual(settings.port(chosen), chosen)
    return Delivery(
        protocol=Sourced(chosen.value, protocol.source),
        server=Sourced(settings.server_address, "Server address"),
        port=port,
        firmware_server=Sourced(settings.server_address, "= PROV_SERVER"),
        firmware_port=port,
        shared_path=Sourced(LOCAL_PATH, "Local mode"),
        segment=Sourced("", "Local mode"),
        login=ftp if chosen in (Protocol.FTP, Protocol.FTPS) else http,
        http=http,
        ftp=ftp,
    )


def _external(settings: ProvisioningSettings, segment: str) -> Delivery:
    protocol = settings.external_protocol
    server = Sourced(settings.external_server, "DMS server")
    firmware = first_of(Sourced(settings.firmware_server, "Firmware server"), Sourced(server.value, "= PROV_SERVER"))
    dms = _login(settings.external_user, settings.external_password, "DMS", ("", ""))
    return Delivery(
        protocol=Sourced(protocol.value, "DMS protocol"),
        server=server,
        port=_unusual(host_of(settings.external_server).port, protocol),
        firmware_server=firmware,
        firmware_port=_unusual(host_of(firmware.value).port, protocol),
        shared_path=Sourced(settings.external_path.rstrip("/"), "DMS path"),
        segment=Sourced(segment, "key of the model"),
        login=dms,
        http=dms,
        ftp=_login(settings.ftp_user, settings.ftp_password, "FTP", ("", "")),
    )


def _login(user: str, password: str, label: str, own: tuple[str, str]) -> Login:
    if all(own):
        return Login(Sourced(own[0], "own user of the device"), Sourced(own[1], "own password of the device"))
    return Login(Sourced(user, f"{label} user"), Sourced(password, f"{label} password"))


def _unusual(port: int | None, protocol: Protocol) -> int | None:
    """The port where a URL has to name it, else None."""
    return None if port == protocol.standard_port else port


def _url(
    protocol: Sourced, server: Sourced, port: int | None, path: str, file_name: str, user: str, password: str
) -> str:
    host = host_of(server.value)
    if not host.name:
        return ""
    chosen = Protocol(protocol.value)
    return compose_url(chosen, Host(host.name, port), path, user=user, password=password, file_name=file_name)
