import socket

from sqlalchemy import select

from tests.factories import MAC
from webprov.changes.settings import save_settings
from webprov.delivery.s3 import open_s3
from webprov.rights import CONSOLE
from webprov.store.models import PushRecord
from webprov.store.settings import load_settings

OTHER = "805EC0000099"


def test_check_prints_findings_by_the_contracts_names(webprov):
    findings = webprov.json("check", exit_code=webprov.try_("check").exit_code)

    assert all(finding.keys() == {"what", "state", "remedy"} for finding in findings)
    assert "STATE  " in webprov.try_("check").stdout


def test_check_exits_1_when_something_bites(config, webprov):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        webprov.env["WEBPROV_ADMIN_BIND"] = f"127.0.0.1:{other.getsockname()[1]}"

        result = webprov.try_("check")

    assert result.exit_code == 1
    assert "Another program uses this port." in result.stdout


def test_check_delivery_says_what_the_bucket_lacks_and_repairs_it(session, storage, tmp_path, webprov):
    save_settings(session, storage.settings(s3_prefix=f"{tmp_path.name}/", external_server="127.0.0.1:9"), CONSOLE)
    key = f"{tmp_path.name}/test-desk/805ec0000009.cfg"
    client = open_s3(load_settings(session))
    client._put(key, b"of a phone that is gone", "text/plain")

    findings = webprov.json("check", "--delivery", exit_code=webprov.try_("check", "--delivery").exit_code)
    repaired = webprov.try_("check", "--delivery", "--repair")

    client.close()
    session.rollback()
    assert {"what": f"Bucket acme-phones: 1 file orphaned ({key})", "state": "warning"} in [
        {name: finding[name] for name in ("what", "state")} for finding in findings
    ]
    assert "1 object is put again or removed" in repaired.stderr
    assert session.scalars(select(PushRecord.key)).all() == [key]


def test_repair_needs_delivery(webprov):
    assert webprov.try_("check", "--repair").exit_code == 2


def test_the_dms_is_asked_as_the_device_named(session, config, fleet):
    save_settings(session, {"mode": "external", "external_server": "127.0.0.1:9"}, CONSOLE)
    fleet("provision", "--all")

    found = fleet.json("check", "--delivery", "--device", MAC, exit_code=1)

    asked = [one for one in found if one["what"].startswith("As phone")]
    assert {one["what"].partition(")")[0] for one in asked} == {"As phone 80:5E:C0:00:00:01 (Desk 1"}
    assert (asked[0]["state"], asked[0]["remedy"]) == ("error", "Nothing listens at 127.0.0.1:9.")
    assert "There is no device 80:5E:C0:00:00:99" in fleet.try_("check", "--delivery", "--device", OTHER).stderr
    assert fleet.try_("check", "--device", MAC).exit_code == 2
