"""The phone models of `models.d/` and their overrides, scope by scope, with every refusal as a value (spec 4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from webprov.phones.building import ModelBuilder, TemplateExists
from webprov.phones.inheritance import Inheritance, Refused, Stated
from webprov.phones.inifile import Section
from webprov.phones.layers import Drafts, Layer, read_layers
from webprov.phones.modelkeys import key_order, model_segment
from webprov.phones.phonemodel import PhoneModel, Refusal, Scope, SharedRule

_RESERVED = {"CONTACTS", "CONFIG", "PROFILES"}


@dataclass(frozen=True, slots=True)
class Origin:
    """One section that has a say in a model: its scope, and the file and line to look at."""

    scope: Scope
    tenant: str
    source: str


@dataclass(frozen=True, slots=True)
class Effective:
    """One key of a model: its value and the place that states it. `was` is what it would be without the narrowest
    scope that states it, None where nobody else does; `section` is the model itself or what it inherits from."""

    key: str
    text: str
    scope: Scope
    tenant: str
    section: str
    source: str
    was: str | None = None


@dataclass(frozen=True)
class Catalog:
    """All models that can be used, and why others cannot. Never changes; `load_catalog` makes a new one."""

    common: Mapping[str, PhoneModel] = field(default_factory=dict)
    tenants: Mapping[str, Mapping[str, PhoneModel | None]] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    views: Mapping[str, Inheritance] = field(default_factory=dict, repr=False)
    templates: Mapping[tuple[str, str], bool] = field(default_factory=dict)

    def model(self, key: str, tenant: str = "") -> PhoneModel | None:
        """The model of that key as `tenant` has it; None where there is none, or it is refused."""
        own = self.tenants.get(tenant, {})
        return own[key] if key in own else self.common.get(key)

    def models(self, tenant: str = "") -> tuple[PhoneModel, ...]:
        """All models on offer to that tenant, by brand and label."""
        joined = {**self.common, **self.tenants.get(tenant, {})}
        usable = (model for model in joined.values() if model)
        return tuple(sorted(usable, key=lambda model: (model.brand.casefold(), model.label.casefold(), model.key)))

    def origins(self, key: str, tenant: str = "") -> tuple[Origin, ...]:
        """Where that tenant's section of this name comes from, the widest scope first; the last one wins."""
        view = self._view(tenant)
        return tuple(
            Origin(layer.scope, layer.tenant, f"{section.file}:{section.line}") for layer, section in view.places(key)
        )

    def stated(self, key: str, tenant: str = "") -> Mapping[str, Stated]:
        """What that tenant's model says, key by key, and which line of which section says it.

        Also for families and refused models; empty where its section cannot be read or inherits from none.
        """
        try:
            return {name: value for name, value in self._view(tenant).resolve(key).values.items() if value.text}
        except Refused:
            return {}

    def effective(self, key: str, tenant: str = "") -> list["Effective"]:
        """Every key of that tenant's model with its value and where it comes from, by name; also what was dropped."""
        view = self._view(tenant)
        try:
            values = view.resolve(key).values
        except Refused:
            return []
        return [_effective(view, key, name, values[name]) for name in sorted(values, key=key_order)]

    def inherited(self, key: str, tenant: str = "") -> Mapping[str, str]:
        """What the model would have by key without the section of the tenant's own scope ("" = that of all)."""
        view = self._view(tenant)
        layer = view.layer(Scope.TENANT if tenant else Scope.GLOBAL, tenant)
        try:
            return {name: stated.text for name, stated in view.inherited(key, layer).values.items() if stated.text}
        except Refused:
            return {}

    def section(self, key: str, tenant: str = "") -> Section | None:
        """The section of that name in the tenant's own scope ("" = that of all), usable or not."""
        scope = Scope.TENANT if tenant else Scope.GLOBAL
        places = self._view(tenant).places(key)
        return next((found for layer, found in places if (layer.scope, layer.tenant) == (scope, tenant)), None)

    def section_at(self, file: str, key: str) -> Section | None:
        """The section of that name in that file (as messages name it)."""
        views = self.views.values()
        return next((found for view in views for found in view.sections(key) if found.file == file), None)

    def families(self, tenant: str = "") -> list[str]:
        """The names of sections that are never offered, only inherited from."""
        return sorted(name for name in self._view(tenant).names() if name.startswith("_"))

    def _view(self, tenant: str) -> Inheritance:
        return self.views.get(tenant) or self.views.get("") or Inheritance(())


def _effective(view: Inheritance, model: str, key: str, stated: Stated) -> Effective:
    layer = view.layer_of(stated)
    scope, tenant = (layer.scope, layer.tenant) if layer else (Scope.SHIPPED, "")
    was = None
    if stated.section == model and layer and layer.scope is not Scope.SHIPPED:
        wider = view.inherited(model, layer).values.get(key)
        was = wider.text if wider else None
    return Effective(key, stated.text, scope, tenant, stated.section, f"{stated.file}:{stated.line}", was)


def load_catalog(
    models_dir: Path,
    user_dir: Path,
    template_exists: TemplateExists | None = None,
    drafts: Drafts = MappingProxyType({}),
) -> Catalog:
    """Read all models; never raises: what cannot be used is in `refusals`, and all others work.

    `template_exists(name, tenant)` says whether a template is there; without it, all are taken to be. `drafts`: as in
    `read_layers`.
    """
    return _Loader(read_layers(models_dir, user_dir, drafts), template_exists).catalog()


class _Loader:
    """Builds every model once for all tenants, and again for those tenants whose own sections or maps change it."""

    def __init__(self, layers: list[Layer], exists: TemplateExists | None) -> None:
        self._layers = layers
        self._ask = exists
        self._answers: dict[tuple[str, str], bool] = {}
        self._segments: dict[str, str] = {}
        self._shared: dict[str, SharedRule] = {}
        self._refusals = [refusal for layer in layers for refusal in layer.refusals]

    def catalog(self) -> Catalog:
        wide = tuple(layer for layer in self._layers if not layer.tenant)
        common_view = Inheritance(wide)
        common = self._build(common_view, "", common_view.names())
        views = {"": common_view}
        tenants = {}
        for layer in self._layers:
            if layer.tenant:
                view = views[layer.tenant] = Inheritance((layer,), common_view)
                touched = [name for name in view.names() if view.touches(name)]
                tenants[layer.tenant] = self._build(view, layer.tenant, touched)
        return Catalog(
            {key: model for key, model in common.items() if model},
            tenants,
            tuple(dict.fromkeys(self._refusals)),
            views,
            self._answers,
        )

    def _build(self, view: Inheritance, tenant: str, names: Iterable[str]) -> dict[str, PhoneModel | None]:
        builder = ModelBuilder(view, tenant, self._exists)
        models: dict[str, PhoneModel | None] = {}
        for key in names:
            if key.startswith("_"):
                continue
            models[key] = None
            if any(section.refusal for section in view.sections(key)):
                continue
            try:
                models[key] = self._claim(view, builder.build(key))
            except Refused as e:
                self._refusals.append(Refusal(e.file, e.line, e.reason, key))
        return models

    def _claim(self, view: Inheritance, model: PhoneModel) -> PhoneModel:
        """Give the model its segment and its shared files; raises Refused where another has them."""
        section = view.sections(model.key)[-1]
        segment = model_segment(model.key)
        if segment.upper().startswith((".", "FIRMWARE-")) or segment.upper() in _RESERVED:
            reason = f"Its folder would be {segment}, which is not for files of phones. Rename the model."
            raise Refused(section.file, section.line, reason)
        holder = self._segments.setdefault(segment.casefold(), model.key)
        if holder != model.key:
            reason = f"Its folder would be {segment}, which is that of [{holder}]. Rename one of the two."
            raise Refused(section.file, section.line, reason)
        for rule in model.shared:
            other = self._shared.setdefault(rule.output.casefold(), rule)
            if (other.owner, other.template) != (rule.owner, rule.template):
                reason = (
                    f"[{rule.owner}] and [{other.owner}] both make the shared file {rule.output}. Rename one of them."
                )
                raise Refused(section.file, section.line, reason)
        return model

    def _exists(self, name: str, tenant: str) -> bool:
        if self._ask is None:
            return True
        if (name, tenant) not in self._answers:
            self._answers[name, tenant] = self._ask(name, tenant)
        return self._answers[name, tenant]
