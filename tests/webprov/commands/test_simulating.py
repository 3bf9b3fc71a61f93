import re

from tests.factories import MAC


def test_simulate_says_request_by_request_what_a_phone_gets(fleet):
    fleet("settings", "set", "server_address=127.0.0.1", "http_port=1")  # nobody listens there

    result = fleet.try_("simulate", MAC)
    steps = fleet.json("simulate", MAC, exit_code=1)

    assert result.exit_code == 1
    assert re.match(r"FAIL +common\.cfg +- +0  Nothing listens at 127\.0\.0\.1:1\.\n", result.stdout)
    assert "at http://127.0.0.1:1/provisioning" in result.stderr
    assert [step["request"] for step in steps] == ["common.cfg", "805ec0000001-info.xml", "805ec0000001.cfg"]
    assert set(steps[0]) == {"request", "status", "bytes", "required", "note"}
    assert (steps[0]["status"], steps[0]["required"]) == (0, True)


def test_simulate_refuses_a_protocol_that_is_off(fleet):
    result = fleet.try_("simulate", MAC, "--protocol", "tftp")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "TFTP is switched off here." in result.stderr
