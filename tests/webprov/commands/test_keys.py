from webprov.store.secrets import read_keys
from webprov.supervisor import lock_instance


def test_the_key_is_changed_and_the_fleet_stays_readable(webprov, fleet, config):
    (before,) = read_keys(config.key_file)
    files = webprov("render", "805EC0000001")

    result = webprov.try_("key", "rotate")

    assert result.exit_code == 0
    assert "secrets encrypted with a new key." in result.stdout
    assert f"The former key lies in {config.key_file}.before-rotation." in result.stderr
    assert read_keys(config.key_file) != [before]
    assert webprov("render", "805EC0000001") == files


def test_the_key_stays_while_somebody_serves(webprov, fleet, config):
    keys = read_keys(config.key_file)

    with lock_instance(config, None):
        result = webprov.try_("key", "rotate")

    assert (result.exit_code, "is already running" in result.stderr) == (1, True)
    assert read_keys(config.key_file) == keys
