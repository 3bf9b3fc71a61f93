import subprocess
import sys

import pytest
from click.testing import CliRunner

from webprov.cli import VERBS, main


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_be_loaded_and_explains_itself(verb):
    result = CliRunner().invoke(main, [verb, "--help"])

    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {verb}")


def test_help_lists_the_verbs_without_importing_the_database():
    program = "import sys, webprov.cli as c\ntry: c.main(['--help'])\nfinally: sys.exit('sqlalchemy' in sys.modules)"

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert result.returncode == 0
    assert all(f"  {verb} " in result.stdout for verb in VERBS)


def test_an_unknown_verb_is_wrong_usage():
    result = CliRunner().invoke(main, ["frobnicate"])

    assert result.exit_code == 2
    assert "No such command 'frobnicate'" in result.output


def test_expected_trouble_is_one_sentence_and_exit_1(tmp_path):
    result = CliRunner().invoke(main, ["init"], env={"WEBPROV_INSTANCE": str(tmp_path), "WEBPROV_HTTP_PROCESSES": "x"})

    assert result.exit_code == 1
    assert result.output == "Error: WEBPROV_HTTP_PROCESSES is “x”. Set it to a whole number from 1.\n"
