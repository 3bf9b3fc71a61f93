import socket
from dataclasses import replace

import pytest

from tests.factories import make_device, make_tenant, small_config
from tests.webprov.serving.authority import Authority
from webprov.checkup import CheckState, check_up
from webprov.hosts import Host
from webprov.provisioning import provision_device
from webprov.site import SiteLoader
from webprov.store.database import writing
from webprov.store.syncrecords import SyncTarget
from webprov.supervisor import lock_instance


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def config(tmp_path):
    return replace(small_config(tmp_path), admin_bind=Host("127.0.0.1", free_port()), phone_address="127.0.0.1")


@pytest.fixture
def site(config, session):
    site = SiteLoader(config, recheck_seconds=0).load(session)
    return replace(site, settings=replace(site.settings, http_port=free_port()))


def troubles(session, site):
    return [(found.what, found.state, found.remedy) for found in check_up(session, site) if found.remedy]


def test_a_fresh_instance_has_no_troubles(session, site):
    assert troubles(session, site) == []
    assert {found.state for found in check_up(session, site)} == {CheckState.OK}


def test_settings_that_do_not_fit_together_are_named(session, site):
    broken = replace(site, settings=replace(site.settings, http_password=""))

    assert [(what, state) for what, state, _ in troubles(session, broken)] == [
        ("Setting http_password", CheckState.ERROR)
    ]


def test_a_refused_model_and_template_are_named(config, session, site):
    (config.models_dir / "odd.ini").write_text("[odd]\nlines = many\n")
    (config.templates_dir / "evil.cfg").write_text("## format: text\n<% 1 %>\n")

    found = troubles(session, SiteLoader(config, recheck_seconds=0).load(session))

    assert any(what.startswith("Models: ") and "odd.ini" in what for what, _, _ in found)
    assert any(what.startswith("Templates: evil.cfg, line 2") for what, _, _ in found)


def test_folders_and_databases_open_to_others_are_named(config, session, site):
    config.user_provisioning_dir.chmod(0o777)
    database = config.instance / "webprov.sqlite3"
    database.chmod(0o644)

    found = troubles(session, site)

    assert (str(config.user_provisioning_dir), CheckState.ERROR) in [item[:2] for item in found]
    assert (str(database), CheckState.WARNING) in [item[:2] for item in found]


def test_a_port_that_another_program_uses_is_an_error(config, session, site):
    with socket.socket() as other:
        other.bind(("127.0.0.1", site.settings.http_port))
        other.listen()

        found = troubles(session, site)

    assert [(what.startswith("HTTP at"), state) for what, state, _ in found] == [(True, CheckState.ERROR)]
    assert "Another program" in found[0][2]


def test_a_service_that_runs_and_does_not_answer_is_an_error(config, session, site):
    with lock_instance(config, None):
        found = troubles(session, site)

    assert {"webprov runs but" in remedy for _, _, remedy in found} == {True}
    assert len(found) == 2


def test_an_admin_ui_open_to_the_network_is_a_warning(config, session, site):
    exposed = replace(site, config=replace(config, admin_bind=Host("0.0.0.0", free_port())))

    assert [state for _, state, _ in troubles(session, exposed)] == [CheckState.WARNING]


def test_certificates_and_old_tls_are_told(config, session, site, tmp_path):
    certificate, key = Authority(tmp_path / "ca").issue("pbx", "localhost", days=3)
    key.chmod(0o600)
    settings = replace(
        site.settings, https_enabled=True, https_port=free_port(), server_address="localhost", tls_legacy=True
    )
    found = troubles(
        session, replace(site, settings=settings, config=replace(config, tls_cert=certificate, tls_key=key))
    )

    assert [state for _, state, _ in found] == [CheckState.WARNING, CheckState.WARNING]
    assert found[0][0].startswith("Certificate of HTTPS and FTPS: CN=pbx, 20")
    assert "SHA-256 " in found[0][0]
    assert found[0][2].startswith("It ends in 2 days.")
    assert found[1][0] == "Old TLS for phones"


@pytest.mark.parametrize(
    ("changes", "around"),
    [
        ({}, "HTTP"),
        ({"ftp_enabled": True, "tftp_enabled": True, "tftp_networks": "127.0.0.1"}, "HTTP and FTP and TFTP"),
        ({"http_enabled": False}, ""),
        ({"client_certificates": "optional"}, ""),
        ({"https_enabled": False}, ""),
    ],
)
def test_ways_around_required_client_certificates_are_a_warning(session, site, changes, around):
    changes = {"https_enabled": True, "client_certificates": "required", **changes}

    found = troubles(session, replace(site, settings=replace(site.settings, **changes)))

    remedies = [
        (state, remedy) for what, state, remedy in found if what == "Client certificates are required over HTTPS alone"
    ]
    assert [state for state, _ in remedies] == [CheckState.WARNING] * bool(around)
    assert all(remedy.startswith(f"Switch {around} off once") for _, remedy in remedies)


def test_an_admin_ui_with_a_certificate_may_be_open_to_the_network(config, session, site, tmp_path):
    certificate, key = Authority(tmp_path / "ca").issue("pbx")
    key.chmod(0o600)
    exposed = replace(config, admin_bind=Host("0.0.0.0", free_port()), admin_tls_cert=certificate, admin_tls_key=key)

    assert troubles(session, replace(site, config=exposed)) == []


def test_devices_that_are_not_current_are_counted(config, session, site):
    make_tenant(session)
    device = make_device(session, site)

    stale = troubles(session, site)
    (config.models_dir / "test.ini").write_text("")
    session.refresh(device)
    missing = troubles(session, SiteLoader(config, recheck_seconds=0).load(session))

    assert stale[0][:2] == ("Devices stale: 1", CheckState.WARNING)
    assert ("Devices model missing: 1", CheckState.ERROR) in [item[:2] for item in missing]


def test_a_failed_device_is_an_error(config, session, site):
    make_tenant(session)
    device = make_device(session, site)
    (config.templates_dir / "test" / "phone.cfg").write_text("## format: text\n${NOT_THERE}\n")
    site = replace(SiteLoader(config, recheck_seconds=0).load(session), settings=site.settings)
    provision_device(session, site, device.mac)

    found = troubles(session, site)

    assert ("Devices failed: 1", CheckState.ERROR) in [item[:2] for item in found]


def test_a_directory_named_like_a_models_folder_is_refused(session, site):
    folder = site.files.root / "test-desk"
    folder.mkdir()
    (folder / "mine.rom").write_text("x")

    found = troubles(session, site)

    assert [(what, state) for what, state, _ in found] == [
        ("Files in test-desk/ that webprov did not make are never synced", CheckState.ERROR)
    ]
    assert "Move your own files" in found[0][2]


def test_a_directory_that_waits_for_a_word_is_named(session, site):
    with writing(session):
        session.add(SyncTarget(path="PROFILES", kind="assets", needs_confirmation=True, error="Confirm it."))

    assert troubles(session, site) == [("Sync of PROFILES", CheckState.ERROR, "Confirm it.")]
