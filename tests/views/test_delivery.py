import re

import pytest
from sqlalchemy import delete, select

from tests.factories import MAC, make_device, make_tenant, small_config
from tests.pages import PASSWORD, error_at, post, post_settings
from views import delivery
from webprov.changes.settings import save_settings
from webprov.enums import Role
from webprov.provisioning import provision_device
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.models import ChangeRecord, Device, PushRecord

GOOD = {"*": (200, {"ETag": '"x"'}, b"")}


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def provision(config, session):
    """Provisions the one device as the settings of this moment say."""
    loader = SiteLoader(config)
    make_tenant(session)
    make_device(session, loader.load(session), label="Desk <1>")
    return lambda: provision_device(session, loader.load(session), MAC)


@pytest.fixture
def failing(session, faults, storage, provision):
    """A storage that refuses, and the device's files that wait for it."""
    save_settings(session, storage.settings(s3_endpoint=faults.endpoint), CONSOLE)
    faults.fails(403, "AccessDenied")
    provision()
    return faults


@pytest.fixture
def script(config, session):
    """A script with this text is the transport."""

    def use(text, name="push.sh"):
        folder = config.script_dirs[-1]
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        folder.chmod(0o755)
        path = folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        typed = {"mode": "external", "external_server": "dms.example", "transport": "script", "script_path": str(path)}
        save_settings(session, typed, CONSOLE, script_dirs=config.script_dirs)
        return path

    return use


def test_in_local_mode_there_is_nothing_to_deliver(admin):
    assert "In Local mode phones fetch from this server" in admin.get("/delivery/").text


def test_what_waits_is_shown_with_its_reason(admin, failing):
    page = admin.get("/delivery/").text

    assert "3 files have to go to acme-phones" in page
    assert "These keys may not write" in page
    assert re.search(r"Not delivered, first tried <time datetime=", page)
    assert re.search(rf'href="/devices/{MAC}/preview">Desk &lt;1&gt;</a>', page)
    assert "No worker runs" in page


def test_the_page_and_the_column_heal(admin, failing, provision):
    assert re.search(r"File transport</span><b[^>]*>3<", admin.get("/").text)
    failing.answers = dict(GOOD)
    provision()

    part = admin.get("/delivery/outbox", headers={"HX-Request": "true"}).text

    assert "Everything is delivered" in part
    assert "<html" not in part
    assert not re.search(r"File transport</span><b", admin.get("/").text)


def test_retry_now_asks_the_worker_and_is_recorded(admin, session, failing):
    answer = post(admin, "/delivery/retry", "/delivery/")

    assert answer.status_code == 302
    assert session.scalar(select(ChangeRecord.action).where(ChangeRecord.thing == "delivery")) == "retry"


def test_one_device_is_retried_at_once(admin, session, failing):
    failing.answers = dict(GOOD)

    answer = post(admin, f"/devices/{MAC}/deliver", f"/devices/{MAC}/preview")

    page = admin.get(answer.location).text
    assert "have been delivered" in page
    assert "Uploaded" in page
    assert set(session.scalars(select(PushRecord.state))) == {"ok"}


def test_a_retry_that_fails_says_why(admin, failing):
    answer = post(admin, f"/devices/{MAC}/deliver", f"/devices/{MAC}/preview")

    assert "Not delivered to the DMS: These keys may not write" in admin.get(answer.location).text


def test_people_of_a_tenant_do_not_see_the_page_nor_foreign_devices(sign_in, session, failing):
    make_tenant(session, "globex")
    keeper = sign_in(Role.TENANT_ADMINISTRATOR, 2, "Tom Keeper")

    assert keeper.get("/delivery/").status_code == 403
    assert post(keeper, f"/devices/{MAC}/deliver").status_code == 404


def test_comparing_finds_what_differs_and_repairs_it(admin, session, storage, tmp_path, provision):
    prefix = f"{tmp_path.name}/"
    save_settings(session, storage.settings(s3_prefix=prefix, external_server="127.0.0.1:9"), CONSOLE)
    provision()
    folder = storage.root / "acme-phones" / prefix / "test-desk"
    session.execute(delete(PushRecord).where(PushRecord.path == "common.cfg"))
    session.commit()
    (folder / "left.cfg").write_text("old")

    page = post(admin, "/delivery/check", "/delivery/").text

    assert "1 file still to be delivered" in page
    assert "Nothing listens at 127.0.0.1:9." in page


def test_one_comparison_at_a_time(admin, session, provision):
    save_settings(session, {"mode": "external", "external_server": "127.0.0.1:9"}, CONSOLE)
    with delivery._COMPARING:
        answer = post(admin, "/delivery/check", "/delivery/")

    assert "A comparison is running already." in admin.get(answer.location).text


def test_comparing_has_a_limit(admin):
    answers = [post(admin, "/delivery/check", "/delivery/").status_code for _ in range(6)]

    assert answers == [200] * 5 + [302]


def test_after_another_bucket_the_settings_say_how_many_files_have_to_go(admin, session, failing, storage):
    failing.answers = dict(GOOD)
    post(admin, f"/devices/{MAC}/deliver", f"/devices/{MAC}/preview")

    post_settings(admin, s3_bucket="another-bucket")

    page = admin.get("/settings/").text
    assert "What was pushed elsewhere stays there" in page
    assert "3 files have to go to another-bucket." in page


def test_the_script_page_counts_and_runs_again(admin, session, provision, script):
    path = script("echo broken; exit 4")
    provision()
    page = admin.get("/delivery/").text
    assert "push.sh ended with exit code 4." in page
    path.write_text("#!/bin/sh\necho fine\n")

    answer = post(admin, f"/devices/{MAC}/deliver", f"/devices/{MAC}/preview")

    assert "have been delivered" in admin.get(answer.location).text
    assert "ended well for 1 device" in admin.get("/delivery/").text
    session.expire_all()
    assert session.scalar(select(Device.script_output)) == "fine"


def test_another_script_has_run_for_nobody(admin, session, provision, script):
    script("echo fine")
    provision()
    script("echo other", "other.sh")

    page = admin.get("/settings/").text

    assert "The script has not run for 1 device." in page
    assert post(admin, "/delivery/scripts", "/delivery/").location.startswith("/jobs/")


def test_test_script_runs_the_typed_one_for_the_chosen_device(admin, session, provision, script):
    script("echo stored; exit 1")
    provision()
    other = script("echo", "ignored.sh").with_name("typed.sh")
    other.write_text('#!/bin/sh\necho "for $PROV_MAC with $# files"\n')
    other.chmod(0o755)

    answer = post_settings(admin, "/settings/test-script", {"HX-Request": "true"},
                           script_path=str(other), script_device="80:5e:c0:00:00:01")  # fmt: skip

    assert "The script ended well." in answer.text
    assert f"for {MAC} with 3 files" in answer.text
    session.expire_all()
    assert session.scalar(select(Device.script_at)) is None


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"script_device": "80:5e:c0:00:00:99"}, "There is no device"),
        ({"script_device": "desk"}, "MAC"),
        ({"script_path": "/usr/local/bin/no-such.sh", "own_password": PASSWORD}, "There is no file"),
        ({"script_path": "/usr/local/bin/no-such.sh", "own_password": "wrong"}, "Your password"),
    ],
)
def test_test_script_says_what_is_wrong(admin, provision, script, typed, sentence):
    script("touch /tmp/never")
    provision()

    answer = post_settings(admin, "/settings/test-script", {"HX-Request": "true"}, **{"script_device": MAC, **typed})

    assert sentence in answer.text
    assert "ended well" not in answer.text


def test_the_dms_is_asked_as_the_device_typed(admin, session, provision):
    save_settings(session, {"mode": "external", "external_server": "127.0.0.1:9"}, CONSOLE)
    provision()

    right = post(admin, "/delivery/check", "/delivery/", device=MAC.lower()).text
    wrong = post(admin, "/delivery/check", "/delivery/", device="80:5E:C0:00:00:99")
    nonsense = post(admin, "/delivery/check", "/delivery/", device="<b>")

    assert "As phone 80:5E:C0:00:00:01 (Desk &lt;1&gt;)" in right
    assert f'value="{MAC.lower()}"' in right
    assert error_at(wrong, "check-device") == "There is no device 80:5E:C0:00:00:99."
    assert "&lt;b&gt;" in error_at(nonsense, "check-device")
    assert "As phone" not in wrong.text + nonsense.text
