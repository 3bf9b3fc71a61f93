"""Text from outside, made fit for logs, records and pages: one line, nothing that steers a terminal or turns it."""

import re

# C0 and C1 controls, zero-width and bidirectional marks, line separators, lone surrogates, BOM (security LG-02)
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def safe_text(text: str, limit: int) -> str:
    """`text` with harmful characters written as escapes like `\\x1b`, cut to `limit` characters."""
    text = text[:limit]
    return text if text.isascii() and text.isprintable() else _HARMFUL.sub(_escape, text)[:limit]


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode("ascii")
