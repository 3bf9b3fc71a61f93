"""What the threat model promises is held by tests that name it (security SC-03)."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ID = re.compile(r"\b([A-Z]{2})-(\d{2})\b")


def promised() -> set[str]:
    text = (ROOT / "THREAT_MODEL.md").read_text()
    for group, first, last in re.findall(r"([A-Z]{2})-(\d\d) to \1-(\d\d)", text):
        text += "".join(f" {group}-{number:02}" for number in range(int(first), int(last)))
    return {"".join(one) for one in ID.findall(text)}


def named() -> set[str]:
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__):
            text = path.read_text()
            found |= {"".join(one) for one in ID.findall(text)}
            found |= {name.upper() for name in re.findall(r"def test_([a-z]{2}\d{2})_", text)}
            for group, first, last in re.findall(r"([A-Z]{2})-(\d\d) to \1-(\d\d)", text):
                found |= {f"{group}{number:02}" for number in range(int(first), int(last))}
    return found


def test_each_promise_has_a_test_that_names_it():
    assert len(promised()) > 90
    assert promised() - named() == set()
