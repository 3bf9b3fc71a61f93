import socket


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
