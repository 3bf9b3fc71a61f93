"""Firmware and other files of the demo: a model whose firmware is there, one whose is missing, a ring tone."""

import io

from sqlalchemy.orm import Session

from webprov.assetfiles import asset_folder, upload_asset
from webprov.rights import CONSOLE
from webprov.site import SiteLoader

_FIRMWARE = """\
; Firmware of the demo: a line here makes phones keep to that version.
[yealink-t54w]
firmware = T54W-96.86.0.75.rom
[grandstream-grp2614]
firmware = grp2614fw-1.0.13.22.bin
"""
_FILES = {
    "FIRMWARE-yealink-t54w/T54W-96.86.0.75.rom": 2_400_000,
    "Config/ring-bell.wav": 48_000,
    "Config/logo.png": 9_100,
}


def name_firmware(loader: SiteLoader) -> None:
    """Let two models name a firmware file; before devices are provisioned, so that their files say so."""
    folder = loader.config.user_provisioning_dir / "models.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "demo.ini").write_text(_FIRMWARE, "utf-8")
    loader.look_again()


def add_files(session: Session, loader: SiteLoader) -> None:
    """Put files of no meaning where phones may fetch them."""
    site = loader.load(session)
    folder = asset_folder(session, site.config.provisioning_dir, site.catalog)
    for name, size in _FILES.items():
        upload_asset(session, folder, name, io.BytesIO(name.encode().ljust(64) * (size // 64)), CONSOLE)
