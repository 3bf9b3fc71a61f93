"""Phones nobody entered: brand and model guessed from what they asked for and what they call themselves (spec 8).

Pure. The user agent tells most, then the first half of the MAC (brand only, never the model), then the file names.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import netaddr

from webprov.phones.modelkeys import fill_sets
from webprov.phones.phonemodel import PhoneModel, Scope
from webprov.phones.useragents import Said, bare_name, read_user_agent

_OWN_LIST = Path(__file__).with_name("oui.tsv")
_MAC = "${mac}"
_NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Guess:
    """What a phone seems to be. `model` is a key of the catalogue, "" where nothing says it for sure; `said` is what
    its user agent calls it. Everything may be empty."""

    brand: str = ""
    model: str = ""
    said: Said = _NOTHING


class Discovery:
    """Guesses by one catalogue; make it once for a list of phones."""

    def __init__(self, models: Iterable[PhoneModel]) -> None:
        self._models = {model.key: model for model in models}
        self._patterns: dict[str, list[PhoneModel]] = defaultdict(list)
        self._names: dict[str, set[str]] = defaultdict(set)
        for model in self._models.values():
            if model.user_agent:
                self._patterns[model.user_agent].append(model)
            for name in _names_of(model):
                self._names[name].add(model.key)
        self._brands = {model.brand for model in self._models.values()}

    def guess(self, mac: str, user_agent: str, paths: Sequence[str] = ()) -> Guess:
        """What the phone with this MAC is, by its user agent and the names of files that it asked for."""
        said, fitting = self._by_agent(user_agent)
        brand = next(iter({model.brand for model in fitting}), "") or self._by_mac(mac)
        named = self._by_names(mac, paths, brand)
        brand = brand or _only({self._models[key].brand for key in named})
        return Guess(brand, _named_model(said, fitting) or _only(named), said)

    def is_another(self, agent: str, mac: str, model: PhoneModel | None) -> bool:
        """Whether `agent` clearly belongs to another phone than the one entered with this `mac` and `model` (None: it
        is missing): it names another MAC, only other brands call themselves so, or a shipped model of the brand is
        named where another shipped one is entered. An agent that tells nothing belongs to nobody else (PH-13)."""
        said, fitting = self._by_agent(agent)
        if said.mac and said.mac != mac:
            return True
        if model is None or not fitting:
            return False
        if model.brand not in {other.brand for other in fitting}:
            return True
        named = self._models.get(_named_model(said, fitting), model)
        return named.key != model.key and model.scope is named.scope is Scope.SHIPPED

    def _by_agent(self, agent: str) -> tuple[Said, Sequence[PhoneModel]]:
        """What the agent says by the pattern that tells most of it, and the models with that pattern."""
        found = []
        for pattern, models in self._patterns.items():
            said = read_user_agent(pattern, agent)
            if said:
                found.append((len(pattern.replace("{", "")), said, models))
        if not found:
            return Said(), ()
        _, said, models = max(found, key=lambda one: one[0])
        return said, models

    def _by_mac(self, mac: str) -> str:
        return self._brand_in(_own_list().get(mac[:6], "")) or self._brand_in(_registered(mac[:6]))

    def _brand_in(self, owner: str) -> str:
        """The brand as the catalogue spells it; one that it lacks only where the own list names it."""
        wanted = owner.casefold()
        known = (brand for brand in sorted(self._brands) if wanted and brand.casefold() in wanted)
        return next(known, owner if owner in _own_list().values() else "")

    def _by_names(self, mac: str, paths: Sequence[str], brand: str) -> set[str]:
        """The models that every file name with a meaning allows."""
        left: set[str] = set()
        for path in paths:
            keys = self._names.get(_plain_name(path, mac), set())
            keys = {key for key in keys if not brand or self._models[key].brand == brand}
            if keys:
                left = left & keys or keys if left else keys
        return left


def contradiction(guess: Guess, mac: str, model: str) -> str:
    """Which of `mac` and `model` a phone contradicts that is entered as these: "mac", "model" or "" (PH-13)."""
    if guess.said.mac and guess.said.mac != mac:
        return "mac"
    return "model" if guess.model and guess.model != model else ""


def _names_of(model: PhoneModel) -> set[str]:
    given = [rule.output for rule in model.files] + [rule.output for rule in model.shared]
    given += [request.name for request in model.boot]
    names = {fill_sets(name, model.sets).replace("${MAC}", _MAC).casefold() for name in given}
    return {name for name in names if "${" not in name.replace(_MAC, "")}


def _plain_name(path: str, mac: str) -> str:
    name = path.lstrip("/").casefold()
    return name.removeprefix("provisioning/").replace(mac.casefold(), _MAC) if mac else name


def _named_model(said: Said, fitting: Sequence[PhoneModel]) -> str:
    """The one model whose name is what the phone calls itself, or the only one with that pattern."""
    if said.model:
        wanted = [bare_name(said.model), bare_name(said.model.split()[0])]
        for name in wanted:
            keys = {model.key for model in fitting if name in _spellings(model.key, model.brand, model.label)}
            if keys:
                return _only(keys)
        return ""
    return _only({model.key for model in fitting})


@lru_cache(maxsize=2_000)
def _spellings(key: str, brand: str, label: str) -> frozenset[str]:
    names = {bare_name(key), bare_name(label)}
    return frozenset(names | {name.removeprefix(bare_name(brand)) for name in names})


def _only(found: set[str]) -> str:
    return next(iter(found)) if len(found) == 1 else ""


@lru_cache(maxsize=5_000)
def _registered(oui: str) -> str:
    """Whom IEEE's registry, as netaddr carries it, gave these first six digits; "" for nobody."""
    try:
        return str(netaddr.OUI(int(oui, 16)).registration().org)
    except (netaddr.NotRegisteredError, ValueError):
        return ""


@cache
def _own_list() -> Mapping[str, str]:
    lines = (line for line in _OWN_LIST.read_text("utf-8").splitlines() if not line.startswith("#"))
    return dict(line.split("\t") for line in lines)
