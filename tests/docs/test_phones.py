"""`docs/phones.md` lists the shipped models as they are. WEBPROV_WRITE_EXPECTED=1 writes it anew."""

import os
from itertools import groupby

from tests.phone_templates.fleet import ROOT, catalog
from webprov.phones.modelkeys import fill_sets
from webprov.phones.phonemodel import PhoneModel

PAGE = ROOT / "docs" / "phones.md"
_INTRODUCTION = """\
# Phones

Every model that ships, by brand. *Files* are what a phone fetches, `…` stands for its MAC address; *keys* counts those
of the phone, then of its expansion modules. A model without a protocol of its own takes the Default Protocol. *Facts*
says how far file names, settings and keys were found in documents of the maker or in public templates of others, ✓ all
of them, ◐ not all, ○ hardly any, and which of the notes below the table names these and says what was not found. None
of it was tried on the phones themselves. This page is made from `models.d/` by the tests.
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
    notes = list(dict.fromkeys(model.facts for model in models if model.facts))
    for model in models:
        known = model.facts.partition(":")[0]
        number = f" {notes.index(model.facts) + 1}" if model.facts else ""
        lines.append(f"| {' | '.join(row(model, _SIGNS.get(known, '○') + number))} |")
    told = [f"{number}. {note[0].upper()}{note[1:]}" for number, note in enumerate(notes, 1)]
    return "\n".join([*lines, "", *told, ""] if told else [*lines, ""])


def row(model: PhoneModel, sign: str) -> list[str]:
    keys = str(model.keys) + (f" + {model.modules[0]}×{model.modules[1]}" if model.modules[0] else "")
    outputs = [fill_sets(rule.output, model.sets) for rule in (*model.shared, *model.files, *model.members)]
    files = ", ".join(f"`{name.replace('${mac}', '…').replace('${MAC}', '…')}`" for name in dict.fromkeys(outputs))
    return [model.label, f"`{model.key}`", str(model.lines), keys, files, (model.protocol or "").upper(), sign]


def test_the_page_of_phones_is_what_ships():
    if os.environ.get("WEBPROV_WRITE_EXPECTED"):
        PAGE.write_text(page())

    assert PAGE.read_text() == page()
