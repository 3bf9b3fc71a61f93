"""`webprov sync`: contacts and shared assets to the storage (spec 7)."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from webprov.commands.opening import Opened, opened
from webprov.commands.output import counted, json_option, remark, show_json
from webprov.delivery.assets import SyncKind
from webprov.enums import JobState
from webprov.jobs import UNDER_WAY
from webprov.rights import CONSOLE
from webprov.store.leases import STALLED_SECONDS, Lease
from webprov.store.syncrecords import SyncRun
from webprov.syncruns import sync_now
from webprov.syncs import DUTIES, EVERYTHING, request_sync, targets_of
from webprov.worker import machine_name, worker_runs

_LOOK_SECONDS = 0.2


@click.command()
@click.argument("kind", type=click.Choice([kind.value for kind in SyncKind]), metavar="contacts|assets")
@click.option("--force", is_flag=True, help="Also where a directory lost more than half of its files.")
@json_option
def sync(kind: str, force: bool, as_json: bool) -> None:
    """Make the storage hold what lies here, and wait for it. Exit status 1 when not all of it worked.

    The worker does it where one runs.
    """
    with opened() as desk:
        run = request_sync(desk.session, CONSOLE, SyncKind(kind), forced=[EVERYTHING] if force else [])
        if worker_runs(desk.session, desk.instance.config):
            _watch(desk, run)
        else:
            _do(desk, SyncKind(kind), run)
        desk.session.refresh(run)
        _report(desk, run, as_json=as_json)


def _do(desk: Opened, kind: SyncKind, run: SyncRun) -> None:
    """Sync in a thread, so that this one can show how far it is."""
    stop, number, trouble = threading.Event(), run.id, []
    desk.session.commit()

    def work() -> None:
        try:
            with desk.instance.sessions() as session, _leased(desk, kind, stop) as lease:
                sync_now(session, desk.loader.load(session), lease, kind, session.get(SyncRun, number), stop)
        except Exception as e:  # handed to the person below
            trouble.append(e)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        _watch(desk, run, thread)
    finally:  # Ctrl-C too
        stop.set()
        thread.join()
    if trouble:
        raise trouble[0]


@contextmanager
def _leased(desk: Opened, kind: SyncKind, stop: threading.Event) -> Iterator[Lease]:
    """The right to sync. A worker that was killed a moment ago still seems to have it for half a minute."""
    lease = Lease(desk.instance.sessions, DUTIES[kind], machine=machine_name(desk.instance.config))
    end = time.monotonic() + 2 * STALLED_SECONDS
    while not lease.hold():
        if time.monotonic() > end or stop.wait(_LOOK_SECONDS):
            raise click.ClickException("Another process syncs now. Wait for it; see webprov status.")
    try:
        yield lease
    finally:
        lease.release()


def _watch(desk: Opened, run: SyncRun, thread: threading.Thread | None = None) -> None:
    """Until the run has ended, with a progress bar on a terminal."""
    bar: Any = click.progressbar(length=1, label=f"Syncing {run.kind}", file=sys.stderr) if _is_terminal() else None
    while True:
        desk.session.refresh(run)
        if bar:
            bar.length = max(1, run.size_total)
            bar.update(run.size - bar.pos)
        ended = run.state not in UNDER_WAY or (thread is not None and not thread.is_alive())
        desk.session.rollback()
        if ended:
            break
        time.sleep(_LOOK_SECONDS)
    if bar:
        bar.render_finish()


def _is_terminal() -> bool:
    return sys.stderr.isatty()


def _report(desk: Opened, run: SyncRun, *, as_json: bool) -> None:
    failed = [target for target in targets_of(desk.session, SyncKind(run.kind)) if target.error]
    if as_json:
        names = ("state", "targets", "files", "size", "deleted", "error")
        rows = [{"path": target.path, "error": target.error} for target in failed]
        show_json({name: getattr(run, name) for name in names} | {"failed": rows})
    else:
        done = counted(run.targets_done, "directory").replace("directorys", "directories")
        click.echo(f"{done} synced: {counted(run.files, 'file')} carried, {run.deleted:,} removed.")
        for line in [target.error for target in failed] or [run.error]:
            if line:
                remark(line)
        if any(target.needs_confirmation for target in failed):
            remark(f"If that is meant: webprov sync {run.kind} --force")
    if run.state != JobState.DONE:
        sys.exit(1)
