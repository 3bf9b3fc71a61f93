import pytest

from tests.factories import small_config
from webprov.config import load_config
from webprov.modelcheck import check_models
from webprov.site import SiteLoader

HEADER = "## format: keyvalue comment=# quote=none encoding=utf-8\n"


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def check(config, session):
    return lambda *tenants: check_models(SiteLoader(config, recheck_seconds=0).load(session), tenants)


@pytest.fixture
def write(config):
    def put(name, text, folder=""):
        path = (config.user_provisioning_dir / folder if folder else config.templates_dir) / "test" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return put


def told(findings):
    return [(item.file, item.reason.partition(";")[0], item.model) for item in findings]


def test_models_that_render_have_no_findings(check):
    found = check()

    assert (found.refusals, found.warnings) == ((), ())


def test_a_template_that_fails_for_one_kind_of_phone_refuses_its_model(check, write):
    write("phone.cfg", HEADER + "a = ${KEY_SLOTS[0].KEY}\n")

    assert [(file, model) for file, _, model in told(check().refusals)] == [("test/phone.cfg", "test-lobby")]


def test_a_setting_that_stands_twice_is_refused(check, write):
    write("phone.cfg", HEADER + "a = 1\n# a = 2\nA = 3\na = 4\n")

    assert told(check().refusals)[0] == ("test/phone.cfg", "001565a1b2c3.cfg has a twice", "test-desk")


def test_unknown_settings_are_warnings_with_the_nearest_name(check, write, config):
    models = config.models_dir / "test.ini"
    models.write_text(models.read_text().replace("brand = Testphone", "brand = Testphone\nparameters = test"))
    missing = check()
    (config.models_dir / "parameters").mkdir()
    (config.models_dir / "parameters" / "test.txt").write_text(
        "server\nurl\nadmin\nlabel\naccount.N.user\naccount.N.password\naccount.N.names\nkey.N\nmac\nntp\n"
    )

    found = check()

    assert "There is no list models.d/parameters/test.txt." in missing.warnings[0].reason
    assert found.refusals == ()
    assert [item.reason for item in found.warnings] == [
        "account.1.name is not among the settings known of this brand; the nearest known name is account.N.names"
    ]


def test_a_tenants_own_template_is_looked_at_too(check, write):
    write("phone.cfg", HEADER + "a = ${NO_SUCH_NAME}\n", folder="acme")

    assert check().refusals == ()
    assert {model for *_, model in told(check("acme").refusals)} == {"test-desk", "test-lobby"}


def test_the_shipped_models_have_no_findings(tmp_path, instance, session):
    config = load_config({"WEBPROV_INSTANCE": str(tmp_path / "instance")})
    site = SiteLoader(config).load(session)

    found = check_models(site)

    assert told(found.refusals) == []
    assert told(found.warnings) == []
