import pytest

from forms.settings import ProvisioningSettingsForm
from tests.webprov.rendering.samples import phone_model
from tests.webprov.rendering.test_servers import EXTERNAL, FULL, OWN_FIRMWARE
from webprov.rendering.servers import server_layer
from webprov.store.devicedata import TenantData


@pytest.mark.parametrize(
    ("settings", "variable", "field"),
    [
        (FULL, "REG_SERVER", "server_address"),
        (FULL, "REG_SERVER_BACKUP", "backup_registrar"),
        (FULL, "PROXY_SERVER", "sip_proxy"),
        (FULL, "PROXY_SERVER_BACKUP", "backup_sip_proxy"),
        (FULL, "NTP_SERVER", "ntp_server"),
        (FULL, "PROTO", "default_protocol"),
        (FULL, "HTTP_USER", "http_user"),
        (FULL, "FTP_PASSWORD", "ftp_password"),
        (EXTERNAL, "PROV_SERVER", "external_server"),
        (EXTERNAL, "PROV_USER", "external_user"),
        (EXTERNAL, "PROV_PASSWORD", "external_password"),
        (OWN_FIRMWARE, "FIRMWARE_SERVER", "firmware_server"),
    ],
)
def test_a_variable_names_its_source_as_the_field_is_labelled(settings, variable, field):
    layer = server_layer(settings, TenantData(0, ""), phone_model(), ("", ""), frozenset())

    assert layer.explain(variable).source == getattr(ProvisioningSettingsForm, field).args[0]
