"""A folder of models to load, written by each test."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from webprov.phones.catalog import Catalog, load_catalog

Load = Callable[[Mapping[str, str]], Catalog]


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
