"""Masked files come out of the run that writes the real ones, and are those of a masked device, for every model."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.phone_templates.fleet import SETTINGS, TENANT, catalog, golden_device, library, maximum_device
from webprov.phones.modelkeys import first_page
from webprov.rendering.masking import MASK, masked, veil
from webprov.rendering.render import render_device
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import device_variables
from webprov.store.devicedata import CustomValue

SECRET = "Ab1&<x>"
VARIABLES = {"WIFI_KEY": CustomValue(SECRET, secret=True), "PAGE": CustomValue("7000")}


def both(device):
    """All files of a device with their masked contents, from one run, and from a run of the masked device."""
    model = catalog().model(device.model)
    contacts = {TENANT.name: frozenset(first_page(rule.output) for rule in model.directories)}
    system = SystemData(SETTINGS, VARIABLES, contacts=contacts)
    hidden, hidden_system = masked(device, system)
    real = device_variables(device, model, system).context
    shown = device_variables(hidden, model, hidden_system).context
    files = render_device(model, veil(real, shown), library(), TENANT.name)
    plain = render_device(model, real, library(), TENANT.name)
    assert [(file.path, file.content, file.warnings) for file in files] == [
        (file.path, file.content, file.warnings) for file in plain
    ]
    assert {file.masked for file in plain} <= {None}
    return [
        (file, other.content)
        for file, other in zip(files, render_device(model, shown, library(), TENANT.name), strict=True)
    ]


@pytest.mark.parametrize("sample", [golden_device, maximum_device])
def test_one_run_gives_the_masked_files_of_most_models(sample):
    seen = Counter()
    for key in [model.key for model in catalog().models()]:
        for file, expected in both(sample(key)):
            seen[file.masked is not None] += 1
            assert file.masked in (None, expected), (key, file.path)
            assert file.masked is None or b"Pa55word" not in file.masked

    assert seen[True] > 9 * seen[False]


def test_override_is_masked_line_by_line_and_never_merged_away():
    device = replace(golden_device("yealink-t54w"), override=f"account.1.label = {SECRET}\n\nx.y = 1\n")

    (file, expected), *_ = [pair for pair in both(device) if b"x.y" in pair[0].content]

    assert file.masked in (None, expected)
    assert expected.count(MASK.encode()) > 2
