"""A folder of models to load, written by each test."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from webprov.phones.catalog import Catalog, load_catalog

FAMILY = """\
[_acme]                     ; never offered
brand = Acme
template_1 = acme/phone.cfg -> ${mac}.cfg
line_template = acme/line.cfg
shared_1 = acme/common.cfg -> y${set_COMMON}.cfg
check_sync = check-sync;reboot=false
set_SIP_TRANSPORT = udp

[acme-one]
extends = _acme
label = Acme One
set_COMMON = 01
"""

Load = Callable[[Mapping[str, str]], Catalog]


@pytest.fixture
def acme() -> str:
    """A file with one family and one model; [acme-one] stands in line 9."""
    return FAMILY


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write files (relative to the instance; the shipped folder is `models.d`) and load the catalogue."""

    def load(files: Mapping[str, str]) -> Catalog:
        write(tmp_path, files)
        return load_catalog(tmp_path / "models.d", tmp_path / "user_provisioning")

    return load


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write each file, and make its folders; the shipped folder is always there."""
    for name, text in {"models.d/maps/.keep": "", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
