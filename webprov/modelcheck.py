"""Renders every phone model for devices that have nothing, the usual and everything, and looks at what comes out.

So `webprov models check` finds what no single template shows: XML that breaks on a hostile name, a setting that is
written twice, a name that this brand's phones are not known to have (spec 4).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from webprov.errors import TemplateError, WebprovError
from webprov.phones.parameters import ParameterDictionary, read_parameters
from webprov.phones.phonemodel import PhoneModel, Refusal
from webprov.rendering.render import output_format, render_device, render_shared
from webprov.rendering.rendered import RenderedFile
from webprov.rendering.settingnames import doubled_names, setting_names
from webprov.rendering.variables import device_variables, shared_context
from webprov.sampledevices import bare_device, maximum_device, usual_device
from webprov.site import Site
from webprov.store.devicedata import DeviceData, TenantData

_SAMPLES: tuple[Callable[[PhoneModel, TenantData], DeviceData], ...] = (bare_device, usual_device, maximum_device)


@dataclass(frozen=True)
class ModelFindings:
    """`refusals` keep devices of the model from being provisioned or lose a setting; `warnings` are worth a look."""

    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[Refusal, ...] = ()


def check_models(site: Site, tenants: Iterable[str] = ()) -> ModelFindings:
    """Everything about the models of a site, as nobody in particular has them and as each of `tenants` has its own.

    What the catalogue refuses comes first; each finding is told once, with the file and line that say it.
    """
    checker = _Checker(site)
    views = [(model, "") for model in site.catalog.models("")]
    views += [(model, tenant) for tenant in tenants for model in site.catalog.models(tenant)]
    for model, tenant in views:
        checker.check(model, tenant)
    refusals = dict.fromkeys([*site.catalog.refusals, *checker.refusals])
    return ModelFindings(tuple(refusals), tuple(dict.fromkeys(checker.warnings)))


class _Checker:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._dictionary = cache(lambda name: read_parameters(Path(site.config.models_dir), name))
        self._seen: set[str] = set()
        self.refusals: list[Refusal] = []
        self.warnings: list[Refusal] = []

    def check(self, model: PhoneModel, tenant: str) -> None:
        """Look at one model, unless an equal one (with equal templates) was looked at."""
        version = f"{model.key} {self._site.model_version(model.key, tenant)}"
        if version in self._seen:
            return
        self._seen.add(version)
        try:
            files = list(self._files(model, tenant))
        except TemplateError as e:
            self.refusals.append(Refusal(e.file, e.line, e.reason, model.key))
        except WebprovError as e:
            self.refusals.append(_at(model, str(e)))
        else:
            self._look_at(model, files)

    def _files(self, model: PhoneModel, tenant: str) -> Iterator[RenderedFile]:
        site = self._site
        for rule in model.shared:
            yield render_shared(rule, shared_context(rule, site.system, model), site.library)
        for sample in _SAMPLES:
            device = sample(model, TenantData(0, tenant))
            context = device_variables(device, model, site.system).context
            yield from render_device(model, context, site.library, tenant)

    def _look_at(self, model: PhoneModel, files: list[RenderedFile]) -> None:
        known = self._dictionary(model.parameters) if model.parameters else None
        if model.parameters and known is None:
            self.warnings.append(_at(model, f"There is no list models.d/parameters/{model.parameters}.txt."))
        for file in files:
            comment = self._comment(file, model)
            for name in doubled_names(file, comment):
                self.refusals.append(Refusal(file.template, 0, f"{file.path} has {name} twice; keep one", model.key))
            if known:
                self._compare(file, model, setting_names(file, comment, known.attributes), known)

    def _comment(self, file: RenderedFile, model: PhoneModel) -> str:
        return output_format(self._site.library.closure(file.template, model.tenant), file.path).comment

    def _compare(self, file: RenderedFile, model: PhoneModel, names: list[str], known: ParameterDictionary) -> None:
        for name in known.unknown(names):
            nearest = known.nearest(name)
            hint = f"; the nearest known name is {nearest}" if nearest else ""
            reason = f"{name} is not among the settings known of this brand{hint}"
            self.warnings.append(Refusal(file.template, 0, reason, model.parameters))


def _at(model: PhoneModel, reason: str) -> Refusal:
    file, _, line = model.source.rpartition(":")
    return Refusal(file or model.source, int(line) if line.isdecimal() else 0, reason, model.key)
