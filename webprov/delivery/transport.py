"""Which way files take to the external DMS, if any."""

from collections.abc import Sequence
from pathlib import Path

from webprov.delivery.pushes import FileTransport
from webprov.delivery.s3 import open_s3
from webprov.delivery.script import ScriptTransport
from webprov.enums import ProvisioningMode, TransportMethod
from webprov.store.settings import ProvisioningSettings


def build_transport(settings: ProvisioningSettings, script_dirs: Sequence[Path]) -> FileTransport | None:
    """The transport of checked settings; None in Local mode and where no method is chosen. Connects to nothing.

    `script_dirs`: where the installation allows scripts to lie.
    """
    if settings.mode is not ProvisioningMode.EXTERNAL:
        return None
    if settings.transport is TransportMethod.S3:
        return open_s3(settings)
    if settings.transport is TransportMethod.SCRIPT:
        return ScriptTransport(settings.script_path, script_dirs)
    return None
