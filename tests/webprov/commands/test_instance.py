from click.testing import CliRunner

from webprov.cli import main


def test_init_makes_the_instance_and_keeps_it_the_second_time(tmp_path):
    env = {"WEBPROV_INSTANCE": str(tmp_path / "instance")}

    first = CliRunner().invoke(main, ["init"], env=env)
    key = (tmp_path / "instance/secret.key").read_text()
    second = CliRunner().invoke(main, ["init"], env=env)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "is ready" in first.output
    assert (tmp_path / "instance/secret.key").read_text() == key
