import pytest

from webprov.store.settings import FIELDS, SECRET_FIELDS


def test_show_has_every_field_of_the_contract_and_no_secret(webprov):
    shown = webprov.json("settings", "show")

    assert list(shown) == list(FIELDS)
    assert (shown["mode"], shown["http_enabled"], shown["ftp_enabled"], shown["http_port"]) == (
        "local",
        "on",
        "off",
        8081,
    )
    assert {shown[name] for name in SECRET_FIELDS} == {"set", ""}
    assert ["http_password", "set"] in [line.split() for line in webprov("settings", "show").splitlines()]


def test_set_stores_all_or_nothing_and_names_the_field(webprov):
    result = webprov.try_("settings", "set", "sip_proxy=proxy.acme.example", "http_port=70000")

    assert result.exit_code == 1
    assert "http_port: “70000” is not a port. Enter a number from 1 to 65535." in result.stderr
    assert webprov.json("settings", "show")["sip_proxy"] == ""


def test_set_reads_secrets_from_a_file_a_pipe_or_a_prompt(webprov, tmp_path):
    file = tmp_path / "secret"
    file.write_text("from-a-file\n")

    webprov("settings", "set", f"http_password=@{file}", "sip_proxy=proxy.acme.example")
    webprov("settings", "set", "ftp_password=@-", stdin="from-a-pipe\n")
    webprov("settings", "set", "external_password", stdin="from-a-prompt\n")
    webprov("settings", "set", "external_user=")

    shown = webprov.json("settings", "show")
    assert (shown["http_password"], shown["external_password"], shown["sip_proxy"]) == (
        "set",
        "set",
        "proxy.acme.example",
    )


def test_an_empty_secret_is_cleared(webprov):
    webprov("settings", "set", "external_password=@-", stdin="hush-hush")

    webprov("settings", "set", "external_password=")

    assert webprov.json("settings", "show")["external_password"] == ""


@pytest.mark.parametrize("name", SECRET_FIELDS)
def test_a_secret_in_an_argument_is_wrong_usage_and_is_not_repeated(webprov, name):
    result = webprov.try_("settings", "set", f"{name}=hunter-2-hunter")

    assert result.exit_code == 2
    assert f"{name}=@FILE" in result.stderr
    assert "hunter" not in result.output


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        ((), 2, "Missing argument"),
        (("nonsense=1",), 1, "There is no setting"),
        (("=1",), 2, "Write NAME=VALUE"),
        (("timezone=UTC", "timezone=UTC"), 2, "given twice"),
        (("http_password=@/nowhere/file",), 1, "cannot be read"),
        (("mode=external",), 1, "external_server: Enter the server"),
    ],
)
def test_set_refuses_with_a_sentence(webprov, arguments, exit_code, words):
    result = webprov.try_("settings", "set", *arguments)

    assert result.exit_code == exit_code
    assert words in result.stderr


def test_set_says_how_many_devices_now_wait(fleet):
    fleet("provision", "--all")

    result = fleet.try_("settings", "set", "ntp_server=time.acme.example")

    assert "2 devices now wait for: webprov provision --stale" in result.stderr
    assert "Nothing has changed." in fleet("settings", "set", "ntp_server=time.acme.example")
