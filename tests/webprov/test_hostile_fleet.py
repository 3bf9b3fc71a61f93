"""Phones of every shipped brand whose names and passwords try to break files: all import, all render."""

import pytest

from tests.factories import make_tenant
from webprov.config import load_config
from webprov.csvtable import write_csv
from webprov.deviceimport import import_devices
from webprov.provisioning import provision_devices
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.devicedata import read_devices

HOSTILE = (
    "]]></x><!--",
    '"><a b="',
    "&lt; &#0; &",
    "${7*7} <%! import os %>",
    "%{x} %s %NULL%",
    "a=b; c # d // e",
    "\\\\host\\n\\",
    "'=1+1",
    "=HYPERLINK(1)",
    "-- DROP TABLE",
    "🦄 שלום 田中 Ǆ",
    "a:b@c/d?e#f",
    "x" * 3_000,
    "\u202eright to left",
)


@pytest.fixture
def config(tmp_path):
    return load_config({"WEBPROV_INSTANCE": str(tmp_path / "instance")})


def one_model_per_family(site):
    families = {model.family or model.key: model.key for model in site.catalog.models()}
    return sorted(families.values())


def test_hostile_values_import_and_render_on_every_family_of_phones(config, session):
    site = SiteLoader(config).load(session)
    make_tenant(session)
    columns = ("mac", "tenant", "model", "label", "line1_userid", "line1_password", "line1_display_name",
               "line1_first_name", "line1_label", "key1_type", "key1_value", "key1_label", "var_NOTE")  # fmt: skip
    rows = [
        [f"805EC0{number:02X}{place:04X}", "acme", model, *[value] * 6, "blf", value, value, value]
        for number, model in enumerate(one_model_per_family(site))
        for place, value in enumerate(HOSTILE)
    ]

    imported = import_devices(session, site, "".join(write_csv(columns, rows, guard=True)), CONSOLE)
    results = provision_devices(session, site, [device.id for device in read_devices(session)])

    assert imported.added == len(rows) == len(results)
    assert [result.error for result in results if result.error] == []
    assert {device.label for device in read_devices(session)} == set(HOSTILE)
