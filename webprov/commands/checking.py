"""`webprov check`: everything that would bite."""

import sys

import click

from webprov.checkup import CheckState, Finding, check_up
from webprov.commands.opening import Opened, opened
from webprov.commands.output import json_option, show_rows
from webprov.deliverycheck import repair_bucket
from webprov.deliveryfindings import check_delivery
from webprov.rights import CONSOLE


@click.command()
@click.option("--delivery", is_flag=True, help="Also whether bucket and DMS hold what they should.")
@click.option("--repair", is_flag=True, help="With --delivery: put again and remove what differs (the worker does it).")
@json_option
def check(delivery: bool, repair: bool, as_json: bool) -> None:
    """Look at settings, models, templates, permissions, ports and devices; exit status 1 when something bites."""
    if repair and not delivery:
        raise click.UsageError("--repair goes with --delivery.")
    with opened() as desk:
        findings = check_up(desk.session, desk.site())
        if delivery:
            findings += _delivery(desk, repair=repair)
    rows = [{"what": item.what, "state": item.state.value, "remedy": item.remedy} for item in findings]
    show_rows(rows, as_json=as_json, columns=("state", "what", "remedy"))
    if any(item.state is CheckState.ERROR for item in findings):
        sys.exit(1)


def _delivery(desk: Opened, *, repair: bool) -> list[Finding]:
    found = check_delivery(desk.session, desk.site())
    if repair and found.bucket and found.bucket.repairable:
        repair_bucket(desk.session, CONSOLE, found.bucket)
        objects = "1 object is" if found.bucket.repairable == 1 else f"{found.bucket.repairable:,} objects are"
        click.echo(f"{objects} put again or removed while a worker runs.", err=True)
    return list(found.findings)
