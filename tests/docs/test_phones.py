"""`docs/phones.md` lists the shipped models as they are. WEBPROV_WRITE_EXPECTED=1 writes it anew."""

import os
from collections import defaultdict
from itertools import groupby

from tests.phone_templates.fleet import ROOT, catalog
from webprov.phones.phonemodel import PhoneModel

PAGE = ROOT / "docs" / "phones.md"
_INTRODUCTION = """\
# Phones

Every model that ships, by brand. *Files* are what a phone fetches, `…` stands for its MAC address; *keys* counts those
of the phone, then of its expansion modules. A model without a protocol of its own takes the Default Protocol. *Facts*
says whether file names, settings and keys were found in a document of the maker or in public templates of others:
✓ all, ◐ some, ○ hardly any. Below each table stands which, and what no documentation was found for. None of it was
tried on the phones themselves. This page is made from `models.d/` by the tests.
"""
_SIGNS = {"verified": "✓", "partly": "◐", "unverified": "○"}


def page() -> str:
    models = catalog().models()
    brands = [(brand, list(of)) for brand, of in groupby(models, key=lambda model: model.brand)]
    counts = [f"{len(of)} {brand}" for brand, of in brands]
    sure = sum(model.facts.startswith("verified") for model in models)
    head = f"{len(models)} models of {len(brands)} brands: {', '.join(counts)}. Verified: {sure}.\n"
    return "\n".join([_INTRODUCTION, head, *(section(brand, of) for brand, of in brands)])


def section(brand: str, models: list[PhoneModel]) -> str:
    lines = [
        f"## {brand}",
        "",
        "| model | key | lines | keys | files | protocol | facts |",
        "|---|---|---|---|---|---|---|",
    ]
    alike: dict[str, list[str]] = defaultdict(list)
    for model in models:
        alike[model.facts].append(model.label.removeprefix(f"{brand} "))
        lines.append(f"| {' | '.join(row(model, sign(model.facts)))} |")
    told = [f"* {sign(facts)} {', '.join(labels)}: {source(facts)}" for facts, labels in alike.items() if source(facts)]
    return "\n".join([*lines, "", *told, ""] if told else [*lines, ""])


def sign(facts: str) -> str:
    """How sure a model's facts are."""
    return _SIGNS.get(facts.partition(":")[0], "○")


def source(facts: str) -> str:
    """Where they come from."""
    return facts.partition(":")[2].strip()


def row(model: PhoneModel, sign: str) -> list[str]:
    keys = str(model.keys) + (f" + {model.modules[0]}×{model.modules[1]}" if model.modules[0] else "")
    outputs = [rule.output for rule in (*model.shared, *model.files, *model.members)]
    files = ", ".join(f"`{name.replace('${mac}', '…').replace('${MAC}', '…')}`" for name in dict.fromkeys(outputs))
    return [model.label, f"`{model.key}`", str(model.lines), keys, files, (model.protocol or "").upper(), sign]


def test_the_page_of_phones_is_what_ships():
    if os.environ.get("WEBPROV_WRITE_EXPECTED"):
        PAGE.write_text(page())

    assert PAGE.read_text() == page()
