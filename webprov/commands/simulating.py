"""`webprov simulate`: what a phone would get, request by request (contract)."""

import sys

import click

from webprov.commands.opening import opened, wanted_device
from webprov.commands.output import json_option, remark, show_json
from webprov.enums import Protocol
from webprov.simulation import Step, plan_boot, play

_SHOWN = ("request", "status", "bytes", "required", "note")


@click.command()
@click.argument("mac")
@click.option("--url", default="", help="Ask there, like https://pbx.acme.example/provisioning.")
@click.option(
    "--protocol",
    type=click.Choice([protocol.value for protocol in Protocol]),
    help="Ask by this one, not by the device's own.",
)
@json_option
def simulate(mac: str, url: str, protocol: str | None, as_json: bool) -> None:
    """Play a device's boot sequence and say what its phone would get; exit status 1 when it lacks a required file."""
    with opened() as desk:
        plan = plan_boot(
            desk.session,
            desk.site(),
            wanted_device(desk.session, mac),
            url=url,
            protocol=Protocol(protocol) if protocol else None,
        )
        if not as_json:
            remark(f"As {plan.server.user_agent} at {plan.server.url}")
            for sentence in plan.remarks:
                remark(sentence)
        steps = []
        for step in play(plan):
            steps.append(step)
            if not as_json:
                _show(step, max(len(request.name) for request in plan.requests))
    if as_json:
        show_json([{name: getattr(step, name) for name in _SHOWN} for step in steps])
    sys.exit(any(step.failed for step in steps))


def _show(step: Step, width: int) -> None:
    sign = "ok" if step.status == 200 else "FAIL" if step.failed else "-"
    click.echo(f"{sign:<5}{step.request:<{width}}  {step.status or '-':>3}  {step.bytes:>9,}  {step.note}")
