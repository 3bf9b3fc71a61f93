"""Whom a change that is not saved yet can reach: by the variables that change, and the files whose templates use them.

Nothing is rendered. Who is not reached keeps every byte; who is reached may keep them all the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from webprov.errors import WebprovError
from webprov.phones.phonemodel import FileRule, PhoneModel, SharedRule
from webprov.rendering.context import Value
from webprov.rendering.names import BUILT_IN_NAMES, DEVICE_NAMES
from webprov.rendering.servers import server_layer, shared_server_layer
from webprov.rendering.systemdata import SystemData
from webprov.site import Site
from webprov.store.devicedata import CustomValue, TenantData
from webprov.whatif import WhatIf

SERVER_FIELDS = ("registrar", "backup_registrar", "sip_proxy", "backup_sip_proxy", "ntp_server")
"""What of a tenant decides which variables a change of the settings changes for it."""

_ZONE_NAMES = frozenset(name for name in DEVICE_NAMES if name.startswith(("TZ", "TL_TIMEZONE", "DST_")))
_MADE_OF = {"VOICEMAIL": "VOICEMAIL_NUMBER", "LINE_SLOTS": "VOICEMAIL_NUMBER"}

Pair = tuple[PhoneModel | None, PhoneModel | None]


class Reach:
    """Remembers per model and servers of a tenant which variables change, and per template what it uses."""

    def __init__(self, site: Site, what: WhatIf) -> None:
        self._site, self._what = site, what
        self.after = what.after or site
        changed = set(what.own) or differing((what.system.variables, what.real.variables))
        self._custom = frozenset(changed - BUILT_IN_NAMES)
        self._zone_changes = what.saved.settings.timezone != what.draft.settings.timezone
        self._changed: dict[object, frozenset[str]] = {}
        self._touched: dict[tuple[str, str, frozenset[str]], bool] = {}
        self._narrowed: dict[object, PhoneModel | None] = {}

    def uses_change(self, tenant: TenantData, key: str, *, follows_zone: bool) -> bool:
        """Whether saving makes the files of such a device stale. `follows_zone`: it is in the system's zone."""
        before, after = self._models(key, tenant.name)
        if before is None and after is None:
            return False
        if self.after.model_version(key, tenant.name) != self._site.model_version(key, tenant.name):
            return True
        return self.pair(tenant, key, follows_zone=follows_zone) is not None

    def pair(self, tenant: TenantData, key: str, *, follows_zone: bool) -> Pair | None:
        """The model as it is and as it would be, with no more than the files that can differ; None where none can."""
        before, after = self._models(key, tenant.name)
        if before is None and after is None:
            return None
        if before is None or after is None or before.fingerprint != after.fingerprint:
            return before, after
        changed = self._changes(tenant, before) | (_ZONE_NAMES if self._zone_changes and follows_zone else frozenset())
        own = (self._site.config.user_provisioning_dir / tenant.name).is_dir()
        known = (before.key, before.fingerprint, tenant.name if own else "", changed)
        if known not in self._narrowed:
            self._narrowed[known] = self._narrow(before, known[2], changed)
        narrow = self._narrowed[known]
        return None if narrow is None else (narrow, narrow)

    def whole(self, tenant: str, key: str) -> Pair:
        """The model as it is and as it would be, with all files."""
        return self._models(key, tenant)

    def _models(self, key: str, tenant: str) -> Pair:
        return self._site.catalog.model(key, tenant), self.after.catalog.model(key, tenant)

    def _changes(self, tenant: TenantData, model: PhoneModel) -> frozenset[str]:
        if self._what.own:
            return self._custom
        key = (model.key, model.fingerprint, tenant.name, *(getattr(tenant, name) for name in SERVER_FIELDS))
        if key not in self._changed:
            contacts = self._what.saved.contacts.get(tenant.name, frozenset())
            layers = (server_layer(system.settings, tenant, model, ("", ""), contacts) for system in self._systems)
            self._changed[key] = frozenset(differing(layer.values for layer in layers)) | self._custom
        return self._changed[key]

    @property
    def _systems(self) -> tuple[SystemData, SystemData]:
        return self._what.saved, self._what.draft

    def _narrow(self, model: PhoneModel, tenant: str, changed: frozenset[str]) -> PhoneModel | None:
        if changed & {"PROV_MODEL_SEGMENT", *self._names_of_paths(model)}:
            return model
        shared = frozenset(differing(shared_server_layer(one.settings, model).values for one in self._systems))
        if not self._what.own:
            shared |= self._custom
        narrow = replace(
            model,
            files=tuple(rule for rule in model.files if self._is_touched(rule, tenant, changed)),
            members=tuple(rule for rule in model.members if self._is_touched(rule, tenant, changed)),
            shared=tuple(rule for rule in model.shared if self._is_touched(rule, "", shared)),
            aliases=(),  # they hold what one of the files holds
        )
        return narrow if narrow.files or narrow.members or narrow.shared else None

    def _names_of_paths(self, model: PhoneModel) -> Iterator[str]:
        """The variables that decide how files are called."""
        if model.members:
            yield "MEMBERS"
        outputs = [rule.output for rule in (*model.files, *model.members)]
        for text in (*outputs, *model.aliases):
            try:
                yield from self._site.library.name_template(text).facts.names
            except WebprovError:
                continue

    def _is_touched(self, rule: FileRule | SharedRule, tenant: str, changed: frozenset[str]) -> bool:
        names = [rule.template]
        if isinstance(rule, FileRule):
            names += [rule.line_template, rule.key_template]
        return any(self._is_template_touched(name, tenant, changed) for name in names if name)

    def _is_template_touched(self, name: str, tenant: str, changed: frozenset[str]) -> bool:
        key = (name, tenant, changed)
        if key not in self._touched:
            before, after = self._site.library, self.after.library
            other = after is not before and after.meaning(name, tenant) != before.meaning(name, tenant)
            self._touched[key] = other or bool(changed & set(self._uses(name, tenant)))
        return self._touched[key]

    def _uses(self, name: str, tenant: str) -> Iterator[str]:
        """Every variable that decides what the template writes; none for one that cannot be used."""
        try:
            names = self._site.library.closure(name, tenant).names
        except WebprovError:
            return
        for used in names:
            yield used
            if used in _MADE_OF:
                yield _MADE_OF[used]


def differing(both: Iterable[Mapping[str, Value | CustomValue]]) -> set[str]:
    """The names that one of the two has with another value, or alone."""
    before, after = both
    return {name for name in (*before, *after) if before.get(name) != after.get(name)}
