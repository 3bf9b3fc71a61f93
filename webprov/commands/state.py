"""`webprov status` and `webprov wait-idle`: what is there, and what is left to do."""

import time

import click

from webprov.commands.opening import opened
from webprov.commands.output import json_option, show_json, show_table
from webprov.worker import worker_runs
from webprov.workload import LEFT_OVER, workload

_LOOK_AGAIN_SECONDS = 0.2


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Count devices, those whose files are stale or failed, and what waits for the worker."""
    with opened() as desk:
        counts = workload(desk.session, desk.site())
    if as_json:
        show_json(counts)
    else:
        show_table(("what", "count"), [(name.replace("_", " "), number) for name, number in counts.items()])


@click.command("wait-idle")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="S", default=60.0, help="Seconds, 60 by default.")
def wait_idle(timeout: float) -> None:
    """Wait until no job, dirty tenant or due upload is left; exit status 1 when some are, or when no worker runs."""
    end = time.monotonic() + timeout
    with opened() as desk:
        while True:
            counts = workload(desk.session, desk.site())
            left = [f"{name.replace('_', ' ')} ({counts[name]})" for name in LEFT_OVER if counts[name]]
            if not left:
                return
            if not worker_runs(desk.session, desk.instance.config):
                raise click.ClickException(f"Left: {', '.join(left)}, and no worker runs. Start webprov serve.")
            if time.monotonic() >= end:
                raise click.ClickException(f"Still left: {', '.join(left)}. See webprov status.")
            desk.session.rollback()
            time.sleep(_LOOK_AGAIN_SECONDS)
