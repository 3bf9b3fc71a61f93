"""The `webprov` command on an instance of its own, with the two phones of the factories."""

import json

import pytest
from click.testing import CliRunner

from tests.factories import MAC, small_config
from webprov.cli import main

MAC_2 = "805EC0000002"
CSV = f"""tenant,mac,model,label,line1_userid,line1_password
acme,{MAC},test-desk,Desk 1,1000,R=#*2cN-D39A
acme,{MAC_2},test-lobby,Lobby,1001,hush-hush-1
"""


class Command:
    """Runs verbs; each call opens the instance anew, as a person at a terminal does."""

    def __init__(self, config):
        self.config = config
        self.env = {
            "WEBPROV_INSTANCE": str(config.instance),
            "WEBPROV_MODELS_DIR": str(config.models_dir),
            "WEBPROV_TEMPLATES_DIR": str(config.templates_dir),
            "WEBPROV_ADMIN_BIND": "127.0.0.1:8080",
        }

    def try_(self, *args, stdin=None):
        """The result, whatever its exit status."""
        result = CliRunner().invoke(main, args, env=self.env, input=stdin)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def __call__(self, *args, stdin=None):
        """What a verb that must succeed printed."""
        result = self.try_(*args, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *args, exit_code=0):
        """What a verb printed with --json."""
        result = self.try_(*args, "--json")
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def webprov(config):
    return Command(config)


@pytest.fixture
def fleet(webprov, tmp_path):
    """The same command, once two devices are imported."""
    file = tmp_path / "fleet.csv"
    file.write_text(CSV)
    webprov("tenants", "create", "acme")
    webprov("devices", "import", str(file))
    return webprov
