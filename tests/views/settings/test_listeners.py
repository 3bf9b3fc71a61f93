from tests.pages import post_settings
from webprov.enums import Protocol
from webprov.serving.certificates import keep_own
from webprov.serving.tlscontexts import phone_pair
from webprov.store.database import bump, writing
from webprov.store.listeners import Listener, ListenerState, note_listener
from webprov.store.settings import load_settings


def switch_on_https(admin, session, config):
    post_settings(admin, https_enabled="on", https_port="8443")
    session.rollback()
    with writing(session):
        bump(session, "settings")
    keep_own(phone_pair(config), load_settings(session).server_address)


def test_the_page_says_where_each_protocol_listens_and_which_certificate_it_shows(admin, session, config):
    switch_on_https(admin, session, config)
    note_listener(session, "http", Listener(ListenerState.ON, "0.0.0.0:8081"))

    page = admin.get("/settings/").text
    part = admin.get("/settings/listeners").text

    for text in (page, part):
        assert "HTTP at 0.0.0.0:8081" in text
        assert "HTTPS starts" in text
        assert "made and renewed by webprov" in text
        assert "SHA-256" in text
    assert part.lstrip().startswith('<div id="listeners"')


def test_a_port_that_is_taken_is_said_on_the_page_and_the_dashboard(admin, session):
    sentence = "Port 8081 is taken by another program. Stop that program or choose another port."
    note_listener(session, "http", Listener(ListenerState.FAILED, sentence))

    assert sentence in admin.get("/settings/listeners").text


def test_a_certificate_that_ends_is_said_on_the_page_and_in_health(admin, session, config):
    switch_on_https(admin, session, config)
    pair = phone_pair(config)
    pair.certificate.write_text("broken")

    assert "is no certificate in PEM form" in admin.get("/settings/listeners").text
    assert admin.get("/healthz").json["certificates"] == {"phones": {"state": "failed", "days_left": None}}


def test_old_tls_is_warned_of_where_it_is_switched_on(admin):
    post_settings(admin, https_enabled="on", tls_legacy="on")

    assert "TLS 1.0 and 1.1 can be broken" in admin.get("/settings/").text


def test_what_listens_is_for_those_who_see_the_system(client):
    assert client.get("/settings/listeners").status_code in (302, 401)


def test_every_protocol_has_a_listener_of_its_own(admin, session):
    for protocol in Protocol:
        note_listener(session, protocol.value, Listener(ListenerState.ON, f"127.0.0.1:{9000 + len(protocol)}"))
    post_settings(admin, **{f"{protocol}_enabled": "on" for protocol in Protocol}, tftp_networks="10.0.0.0/8")

    part = admin.get("/settings/listeners").text

    assert all(f"{protocol.upper()} at 127.0.0.1:" in part for protocol in Protocol)


def test_protocols_that_ask_for_no_certificate_are_named_where_https_requires_one(admin):
    post_settings(
        admin, https_enabled="on", client_certificates="required", tftp_enabled="on", tftp_networks="10.0.0.0/8"
    )
    around = admin.get("/settings/").text
    post_settings(admin, https_enabled="on", client_certificates="optional")

    assert "Still on without asking for a certificate: HTTP, TFTP." in around
    assert "without asking for a certificate" not in admin.get("/settings/").text
