"""Logs: one line for an event, no secrets, nothing that steers a terminal (security LG-02)."""

import json
import logging
from dataclasses import replace

import pytest

from webprov.logs import redact, set_up_logging


@pytest.fixture
def logged(config, capsys):
    """Logs one record in a format and gives back the lines on standard error."""
    before = logging.root.handlers[:], logging.root.level

    def log(log_format: str, message: str, *args: object, **kwargs: object) -> list[str]:
        set_up_logging(replace(config, log_format=log_format))
        logging.getLogger("webprov.test").warning(message, *args, **kwargs)
        return capsys.readouterr().err.splitlines()

    yield log
    logging.captureWarnings(False)
    logging.raiseExceptions = True
    logging.root.handlers[:], logging.root.level = before


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_event_is_one_line_without_control_characters(logged, log_format):
    (line,) = logged(log_format, "asked for %s", "a\r\nWARNING forged\x1b[2J\u202e")

    assert "asked for a" in line
    assert not any(character in line for character in "\r\x1b\u202e")


def test_json_lines_can_be_read_again(logged):
    (line,) = logged("json", "Grüße %s", '"quoted"')

    assert (
        json.loads(line).items() >= {"level": "warning", "logger": "webprov.test", "message": 'Grüße "quoted"'}.items()
    )


def test_a_traceback_stays_on_its_line_without_secrets(logged):
    try:
        raise ValueError("cannot fetch https://phones:hunter22@host/x")
    except ValueError:
        (line,) = logged("text", "failed", exc_info=True)

    assert "ValueError: cannot fetch https://***@host/x" in line
    assert "hunter22" not in line


@pytest.mark.parametrize(
    "text",
    [
        "ftp://user:hunter22@host/x",
        "Authorization: Basic aHVudGVyMjI6aHVudGVyMjI=",
        "password=hunter22",
        "{'s3_secret_key': 'x', 'password': 'hunter22'}",
        'http_password="hunter22 with blanks"',
        "setup token: hunter22",
    ],
)
def test_redact_takes_secrets_out(text):
    assert "hunter22" not in redact(text)
    assert "aHVudGVy" not in redact(text)


def test_redact_keeps_ordinary_text():
    text = "provisioned 805EC0123456 from http://pbx.example:8081/provisioning in 12 ms; key file /x/secret.key"

    assert redact(text) == text
