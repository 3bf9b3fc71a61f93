"""Logs to standard error: one event, one line, as text or JSON, without secrets and control characters (LG-01, LG-02).

The text format is `2026-11-23T01:40:00Z WARNING webprov.supervisor http: port 8081 is taken`.
"""

import json
import logging
import re
import sys
import time
import traceback

from webprov.config import Config
from webprov.texts import safe_text

_LONGEST_LINE = 8_000
_SECRETS = (
    (re.compile(r"(://)[^/\s@]+@"), r"\1***@"),
    (re.compile(r"(?i)\b(basic|bearer|digest)\s+[A-Za-z0-9+/=_.~-]{8,}"), r"\1 ***"),
    (
        re.compile(
            r"""(?i)((?:password|passwd|secret|token|access_key|api_key|authorization)["']?\s*[=:]\s*)("[^"]*"|\S+)"""
        ),
        r"\1***",
    ),
)


def set_up_logging(config: Config) -> None:
    """Send every log of this process to standard error as `config` says; a full disk stops nothing (LG-03)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if config.log_format == "json" else _TextLines())
    logging.raiseExceptions = False
    logging.basicConfig(handlers=[handler], level=config.log_level.upper(), force=True)
    logging.captureWarnings(True)
    for noisy in ("alembic", "waitress", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def redact(text: str) -> str:
    """`text` without what looks like a secret: logins in URLs, Authorization values, `password=…`."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _message(record: logging.LogRecord) -> str:
    """The message and, folded into the same line, the traceback."""
    text = record.getMessage()
    if record.exc_info:
        text += " | " + "".join(traceback.format_exception(*record.exc_info)).strip().replace("\n", " | ")
    return safe_text(redact(text), _LONGEST_LINE)


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname} {record.name} {_message(record)}"


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        values = {"at": _time(record), "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**values, "process": record.process, "message": _message(record)}, ensure_ascii=False)
