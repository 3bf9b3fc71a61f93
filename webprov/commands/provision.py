"""`webprov provision`: render devices and write their files (spec 5)."""

import sys
from collections import defaultdict
from collections.abc import Sequence

import click
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from webprov.changes.devices import find_device
from webprov.changes.tenants import find_tenant
from webprov.commands.opening import Opened, opened
from webprov.commands.output import counted, remark
from webprov.enums import FileState
from webprov.errors import NotFound
from webprov.fleet import ids_in_state, not_restored, restored_count
from webprov.jobs import start_provision_job
from webprov.mac import format_mac, parse_mac
from webprov.provisioning import ProvisionResult, provision_devices
from webprov.rights import CONSOLE
from webprov.site import Site
from webprov.store.models import Device
from webprov.worker import worker_runs

_WAITING = (FileState.STALE, FileState.FAILED)


@click.command()
@click.argument("macs", nargs=-1, metavar="[MAC]...")
@click.option("--tenant", metavar="T", default="", help="All devices of a tenant.")
@click.option("--model", metavar="KEY", default="", help="All devices of a model.")
@click.option("--stale", is_flag=True, help="Those whose files are not up to date.")
@click.option("--all", "everything", is_flag=True, help="All devices.")
@click.option("--no-wait", is_flag=True, help="Leave it to the worker as a job, and return at once.")
def provision(macs: tuple[str, ...], tenant: str, model: str, stale: bool, everything: bool, no_wait: bool) -> None:
    """Write the files of devices: those named by MAC, or all that fit the options together."""
    by_option = bool(tenant or model or stale or everything)
    if bool(macs) == by_option:
        raise click.UsageError("Name devices by MAC, or choose them by --tenant, --model, --stale or --all.")
    with opened() as desk:
        site = desk.site()
        if macs:
            ids = [find_device(desk.session, parse_mac(mac), CONSOLE).id for mac in macs]
        else:
            ids = _chosen(desk.session, site, tenant, model, stale=stale)
        if no_wait:
            _start(desk, ids, _title(tenant, model, stale=stale, macs=len(macs)))
            return
        results = _run(desk.session, site, ids)
    _report(results, len(ids))


def _chosen(session: Session, site: Site, tenant: str, model: str, *, stale: bool) -> list[int]:
    """The ids of the devices that fit every option given; raises NotFound for an unknown tenant or model."""
    where: list[ColumnElement[bool]] = []
    if tenant:
        where.append(Device.tenant_id == find_tenant(session, tenant, CONSOLE).id)
    if model:
        where.append(Device.model == model)
        known = site.catalog.model(model, tenant) is not None
        if not known and not session.scalar(select(Device.id).where(Device.model == model).limit(1)):
            raise NotFound(f"There is no model “{model}”. See webprov models list.")
    if stale:
        if held := restored_count(session, *where):
            remark(f"{counted(held, 'device')} left out: they hold an earlier revision. Name them by MAC to end that.")
        return ids_in_state(session, site, _WAITING, not_restored(), *where)
    return list(session.scalars(select(Device.id).where(*where).order_by(Device.id)))


def _run(session: Session, site: Site, ids: Sequence[int]) -> list[ProvisionResult]:
    """Provision with a progress bar on a terminal; small steps there, so that it moves."""
    if not sys.stderr.isatty():
        return provision_devices(session, site, ids)
    with click.progressbar(length=len(ids), label="Provisioning", file=sys.stderr) as bar:
        return provision_devices(session, site, ids, on_batch=lambda batch: bar.update(len(batch)))


def _start(desk: Opened, ids: Sequence[int], title: str) -> None:
    """Leave it to the worker."""
    if not ids:
        click.echo("0 devices to provision.")
        return
    job = start_provision_job(desk.session, CONSOLE, ids, title)
    click.echo(f"Job {job.id} provisions {counted(job.total, 'device')}. Wait for it with webprov wait-idle.")
    if not worker_runs(desk.session, desk.instance.config):
        remark("No worker runs now: the job begins when webprov serve is started.")


def _title(tenant: str, model: str, *, stale: bool, macs: int) -> str:
    """What the list of jobs calls it."""
    if macs:
        return f"Provision {counted(macs, 'device')}"
    chosen = [tenant, model, "stale devices" if stale else ""]
    return f"Provision {', '.join(filter(None, chosen)) or 'all devices'}"


def _report(results: Sequence[ProvisionResult], chosen: int) -> None:
    failed = [result for result in results if result.error]
    files = sum(len(result.written) for result in results)
    click.echo(f"{counted(len(results) - len(failed), 'device')} provisioned, {counted(files, 'file')} written.")
    if passed := chosen - len(results):
        remark(f"{counted(passed, 'device')} passed over: disabled.")
    for result in failed:
        remark(f"{format_mac(result.mac)} failed: {result.error}")
    for result in (result for result in results if result.command_errors):
        remark(f"{format_mac(result.mac)}: {' '.join(result.command_errors)}")
    _report_pushes(results)
    if failed:
        sys.exit(1)


def _report_pushes(results: Sequence[ProvisionResult]) -> None:
    """A storage that is away fails all devices alike: that is said once."""
    macs: defaultdict[str, list[str]] = defaultdict(list)
    for result in results:
        for sentence in result.push_errors:
            macs[sentence].append(result.mac)
    for sentence, affected in macs.items():
        what = f"{format_mac(affected[0])} was" if len(affected) == 1 else f"{counted(len(affected), 'device')} were"
        remark(f"{what} not delivered to the DMS: {sentence}")
