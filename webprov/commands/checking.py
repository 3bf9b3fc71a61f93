"""`webprov check`: everything that would bite."""

import sys

import click

from webprov.checkup import CheckState, check_up
from webprov.commands.opening import opened
from webprov.commands.output import json_option, show_rows


@click.command()
@json_option
def check(as_json: bool) -> None:
    """Look at settings, models, templates, permissions, ports and devices; exit status 1 when something bites."""
    with opened() as desk:
        findings = check_up(desk.session, desk.site())
    rows = [{"what": item.what, "state": item.state.value, "remedy": item.remedy} for item in findings]
    show_rows(rows, as_json=as_json, columns=("state", "what", "remedy"))
    if any(item.state is CheckState.ERROR for item in findings):
        sys.exit(1)
