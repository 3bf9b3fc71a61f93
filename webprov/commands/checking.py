"""`webprov check`: everything that would bite."""

import sys

import click

from webprov.checkup import CheckState, Finding, check_up
from webprov.commands.opening import Opened, opened, wanted_device
from webprov.commands.output import json_option, show_rows
from webprov.deliverycheck import repair_bucket
from webprov.deliveryfindings import check_delivery
from webprov.rights import CONSOLE


@click.command()
@click.option("--delivery", is_flag=True, help="Also whether bucket and DMS hold what they should.")
@click.option("--repair", is_flag=True, help="With --delivery: put again and remove what differs (the worker does it).")
@click.option("--device", default="", metavar="MAC", help="With --delivery: ask the DMS as this device alone.")
@json_option
def check(delivery: bool, repair: bool, device: str, as_json: bool) -> None:
    """Look at settings, models, templates, permissions, ports and devices; exit status 1 when something bites."""
    if (repair or device) and not delivery:
        raise click.UsageError(f"{'--repair' if repair else '--device'} goes with --delivery.")
    with opened() as desk:
        findings = check_up(desk.session, desk.site())
        if delivery:
            mac = wanted_device(desk.session, device).mac if device else ""
            findings += _delivery(desk, mac, repair=repair)
    rows = [{"what": item.what, "state": item.state.value, "remedy": item.remedy} for item in findings]
    show_rows(rows, as_json=as_json, columns=("state", "what", "remedy"))
    if any(item.state is CheckState.ERROR for item in findings):
        sys.exit(1)


def _delivery(desk: Opened, mac: str, *, repair: bool) -> list[Finding]:
    found = check_delivery(desk.session, desk.site(), mac)
    if repair and found.bucket and found.bucket.repairable:
        repair_bucket(desk.session, CONSOLE, found.bucket)
        objects = "1 object is" if found.bucket.repairable == 1 else f"{found.bucket.repairable:,} objects are"
        click.echo(f"{objects} put again or removed while a worker runs.", err=True)
    return list(found.findings)
