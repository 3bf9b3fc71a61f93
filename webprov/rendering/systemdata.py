"""What all devices of one moment share: settings, global variables, which contact directories exist."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from webprov.store.devicedata import CustomValues
from webprov.store.settings import ProvisioningSettings

Made = TypeVar("Made")


class Memo:
    """Remembers what was made from the same objects, so that thousands of devices of one tenant and model share it.

    Objects are told apart by identity and kept alive with their entry; they must not change afterwards (tenants,
    models and settings are frozen). Forgets all at `limit` entries.
    """

    def __init__(self, limit: int = 2000) -> None:
        self._limit = limit
        self._made: dict[tuple[Any, ...], tuple[tuple[object, ...], Any]] = {}

    def get(self, objects: tuple[object, ...], values: tuple[str, ...], make: Callable[[], Made]) -> Made:
        """What `make` returned for these very objects and equal `values`."""
        key = (*map(id, objects), *values)
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= self._limit:
                self._made.clear()
            found = self._made[key] = (objects, make())
        made: Made = found[1]
        return made


@dataclass(frozen=True)
class SystemData:
    """Provisioning Settings, global custom variables, and per tenant the names of its contact files below
    `CONTACTS/<tenant>/`. `masked` says that secrets have been replaced (`masking.masked`)."""

    settings: ProvisioningSettings
    variables: CustomValues = field(default_factory=dict)
    contacts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    masked: bool = False
    memo: Memo = field(default_factory=Memo, repr=False, compare=False)
