from click.testing import CliRunner

from webprov.cli import main


def test_demo_fills_an_instance_with_phones_that_render(tmp_path):
    env = {"WEBPROV_INSTANCE": str(tmp_path / "demo")}

    first = CliRunner().invoke(main, ["demo"], env=env)
    again = CliRunner().invoke(main, ["demo"], env=env)
    status = CliRunner().invoke(main, ["status"], env=env).stdout.split()
    listed = CliRunner().invoke(main, ["devices", "list"], env=env).stdout

    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "Sign in as demo with the password " in first.stdout
    assert "is there already" in again.stdout
    assert status[status.index("devices") + 1] == "60"
    assert status[status.index("failed") + 1] == "0"
    assert listed.count("harbour") + listed.count("orchard") == 60
    assert status[status.index("dirty") + 2] == "0"
    assert (tmp_path / "demo" / "provisioning" / "CONTACTS" / "harbour" / "yealink.xml").exists()


def test_demo_leaves_an_instance_of_somebody_else_alone(fleet):
    fleet("user", "create", "ada", "--role", "administrator", stdin="correct-horse-battery-9")

    result = fleet.try_("demo")

    assert result.exit_code == 1
    assert "is in use" in result.stderr
