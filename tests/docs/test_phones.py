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
says where the file names, settings and keys were looked up: ✓ verified in a document of the maker, ◐ partly, ○ not yet
(from templates in the field). This page is made from `models.d/` by the tests.
"""
_SIGNS = {"verified": "✓", "partly": "◐", "unverified": "○"}


def page() -> str:
    models = catalog().models()
    brands = [(brand, list(of)) for brand, of in groupby(models, key=lambda model: model.brand)]
    counts = [f"{len(of)} {brand}" for brand, of in brands]
    sure = sum(model.facts.startswith("verified") for model in models)
    head = (
        f"{len(models)} models of {len(brands)} brands: {', '.join(counts)}. Verified in makers' documents: {sure}.\n"
    )
    return "\n".join([_INTRODUCTION, head, *(section(brand, of) for brand, of in brands)])


def section(brand: str, models: list[PhoneModel]) -> str:
    lines = [
        f"## {brand}",
        "",
        "| model | key | lines | keys | files | protocol | facts |",
        "|---|---|---|---|---|---|---|",
    ]
    sources: dict[str, list[str]] = defaultdict(list)
    for model in models:
        known, _, source = model.facts.partition(":")
        sources[source.strip()].append(model.label)
        lines.append(f"| {' | '.join(row(model, _SIGNS.get(known, '○')))} |")
    told = [source for source in sources if source]
    return "\n".join([*lines, "", *(f"* {source}" for source in told), ""] if told else [*lines, ""])


def row(model: PhoneModel, sign: str) -> list[str]:
    keys = str(model.keys) + (f" + {model.modules[0]}×{model.modules[1]}" if model.modules[0] else "")
    outputs = [rule.output for rule in (*model.shared, *model.files, *model.members)]
    files = ", ".join(f"`{name.replace('${mac}', '…').replace('${MAC}', '…')}`" for name in dict.fromkeys(outputs))
    return [model.label, f"`{model.key}`", str(model.lines), keys, files, (model.protocol or "").upper(), sign]


def test_the_page_of_phones_is_what_ships():
    if os.environ.get("WEBPROV_WRITE_EXPECTED"):
        PAGE.write_text(page())

    assert PAGE.read_text() == page()
