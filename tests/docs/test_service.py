"""The systemd unit of the operators' guide gives the service no more than it needs (security FS-02, SC-02)."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "operators.md"


@pytest.mark.parametrize(
    "setting",
    [
        "User=webprov",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "LimitCORE=0",
        "ReadWritePaths=/srv/webprov/instance",
        "Environment=WEBPROV_INSTANCE=/srv/webprov/instance",
    ],
)
def test_the_unit_says_what_keeps_the_service_in_bounds(setting):
    unit = re.search(r"```ini\n(\[Unit\]\n.*?)```", GUIDE.read_text(), re.DOTALL)[1]

    assert setting in unit.splitlines()
