import pytest

from webprov.phones.useragents import Said, bare_name, read_user_agent


@pytest.mark.parametrize(
    ("pattern", "agent", "said"),
    [
        (
            "Yealink SIP-{model} {firmware} {mac}",
            "Yealink SIP-T54W 96.86.0.45 80:5e:c0:00:00:01",
            Said("T54W", "96.86.0.45", "805EC0000001"),
        ),
        ("Yealink SIP-{model} {firmware} {mac}", "yealink SIP-T54W 96.86.0.45", Said("T54W", "96.86.0.45")),
        (
            "FileTransport PolycomVVX-{model}-UA/{firmware}*",
            "FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 Type/Application",
            Said("VVX_450", "5.9.1.0615"),
        ),
        (
            "Mitel{model} MAC:{mac} V:{firmware}-SIP",
            "Mitel6920 MAC:14-00-E9-1F-03-EA V:6.4.0.140-SIP",
            Said("6920", "6.4.0.140", "1400E91F03EA"),
        ),
        (
            "Fanvil {model} {firmware} {mac}",
            "Fanvil X6U Pro 0.0.10 0c383e2cd782",
            Said("X6U Pro", "0.0.10", "0C383E2CD782"),
        ),
        ("Gigaset {model}/{firmware};{mac}", "Gigaset N870 IP PRO/83.V2;7C2F80E0D605",
         Said("N870 IP PRO", "83.V2", "7C2F80E0D605")),
        ("Acme (.+) {model}", "Acme (.+) 7", Said("7")),
        ("Yealink SIP-{model} {firmware} {mac}", "curl/8.1", None),
        ("", "curl/8.1", None),
    ],
)  # fmt: skip
def test_user_agent_is_read_by_its_pattern(pattern, agent, said):
    assert read_user_agent(pattern, agent) == said


def test_user_agent_of_any_length_costs_little():
    assert read_user_agent("A {model} {firmware} * {mac}", "A " + "a " * 50_000) is None
    assert read_user_agent("A * * * {model} {firmware} {mac}", "A " + "a " * 120 + "!/") is None


def test_bare_name_drops_what_spellings_differ_in():
    assert bare_name("T19P_E2") == bare_name("t19p-e2") == "t19pe2"
