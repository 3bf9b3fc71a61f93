"""What follows once the files of a device are written and on their way: commands of its model, check-sync (spec 5, 6).

Best effort: nothing here raises for what a program or a phone does, and a device counts as provisioned all the same.
"""

import logging
import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webprov.delivery.script import ScriptRun, ScriptTransport, run_program
from webprov.errors import InvalidValue, TemplateError
from webprov.mac import format_mac
from webprov.phones.checksync import WAITS_SECONDS, CheckSyncResult, send_check_sync
from webprov.phones.phonemodel import PhoneModel
from webprov.rendering.masking import MASK, masked
from webprov.rendering.paths import filled
from webprov.rendering.variables import device_variables
from webprov.scriptruns import program_context
from webprov.site import Site
from webprov.store.commandrecords import CommandRun
from webprov.store.database import writing
from webprov.store.devicedata import DeviceData
from webprov.store.models import Device

log = logging.getLogger(__name__)

_AT_ONCE = 2
_GLANCE_SECONDS = (0.05,)

Errors = Mapping[int, tuple[str, ...]]
"""Sentences by device id."""


def run_commands(session: Session, site: Site, devices: Sequence[DeviceData]) -> Errors:
    """Run `command_N` of each device's model in order, outside any transaction; what failed, by device.

    A command that fails does not keep the next from running. How each ended is recorded and logged.
    """
    models = {device.id: site.catalog.model(device.model, device.tenant.name) for device in devices}
    wanted = [(device, model) for device in devices if (model := models[device.id]) and model.commands]
    if not wanted:
        return {}
    session.commit()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        runs = list(pool.map(lambda pair: _run_all(site, *pair), wanted))
    _record(session, [(device, model, ended) for (device, model), ended in zip(wanted, runs, strict=True)])
    return {
        device.id: failed
        for (device, _), ended in zip(wanted, runs, strict=True)
        if (failed := tuple(run.error for run in ended if run.error))
    }


def programs_per_device(site: Site) -> int:
    """How many programs may run for one device at most: the transport's script, and the commands of its model."""
    own = (model for models in site.catalog.tenants.values() for model in models.values() if model)
    commands = max((len(model.commands) for model in (*site.catalog.models(), *own)), default=0)
    return commands + isinstance(site.transport, ScriptTransport)


def command_runs(session: Session, device_id: int) -> list[CommandRun]:
    """How the commands of a device's model ended last, in their order."""
    query = select(CommandRun).where(CommandRun.device_id == device_id).order_by(CommandRun.position)
    return list(session.scalars(query))


def ask_to_fetch(session: Session, site: Site, devices: Sequence[DeviceData]) -> None:
    """Send check-sync to where each device fetched from last, if the settings want that; answers are not waited for."""
    if not site.settings.check_sync_auto or not devices:
        return
    ids = [device.id for device in devices]
    rows = session.execute(select(Device.id, Device.last_fetch_address).where(Device.id.in_(ids)))
    addresses = {row.id: row.last_fetch_address for row in rows}
    session.commit()
    for device in devices:
        if addresses.get(device.id):
            _ask(site, device, addresses[device.id])


def _run_all(site: Site, device: DeviceData, model: PhoneModel) -> list[ScriptRun]:
    context = program_context(site, device)
    runs = []
    for command in model.commands:
        try:
            words = command_words(site, device, model, command)
        except (TemplateError, InvalidValue) as e:
            runs.append(ScriptRun(None, error=str(e)))
            continue
        runs.append(run_program(words, site.config.script_dirs, context))
    return runs


def command_words(site: Site, device: DeviceData, model: PhoneModel, command: str) -> list[str]:
    """The words of a command with the device's values in place; blanks in a value do not part words.

    Raises TemplateError for a name that nothing defines, InvalidValue for a secret: arguments show in process lists.
    """
    hidden, system = masked(device, site.system)
    values = device_variables(hidden, model, system).context.values
    words = [filled(word, values, site.library) for word in shlex.split(command)]
    if any(MASK in word for word in words):
        raise InvalidValue(
            f"The command “{command}” was not run: it names a secret, which process lists would show. Leave it out."
        )
    return words


def _record(session: Session, runs: Sequence[tuple[DeviceData, PhoneModel, list[ScriptRun]]]) -> None:
    with writing(session):
        session.execute(delete(CommandRun).where(CommandRun.device_id.in_([device.id for device, _, _ in runs])))
        present = set(session.scalars(select(Device.id).where(Device.id.in_([device.id for device, _, _ in runs]))))
        for device, model, ended in runs:
            for position, (command, run) in enumerate(zip(model.commands, ended, strict=True)):
                level = logging.WARNING if run.error else logging.INFO
                log.log(level, "command %d for %s: exit %s %s", position + 1, device.mac, run.exit, run.error)
                if device.id in present:
                    session.add(
                        CommandRun(
                            device_id=device.id,
                            position=position,
                            command=command,
                            exit=run.exit,
                            output=run.output,
                            error=run.error,
                        )
                    )


def notify(
    site: Site, device: Device | DeviceData, address: str, waits_seconds: Sequence[float] = WAITS_SECONDS
) -> CheckSyncResult:
    """Send check-sync to `device` at `address` in its model's words. Raises InvalidValue for an impossible address."""
    model = site.catalog.model(device.model, device.tenant.name)
    return send_check_sync(
        address,
        user=device.lines[0].userid if device.lines else "",
        event=model.check_sync if model else "check-sync",
        from_host=site.settings.server_address,
        waits_seconds=waits_seconds,
    )


def _ask(site: Site, device: DeviceData, address: str) -> None:
    try:
        result = notify(site, device, address, _GLANCE_SECONDS)
    except InvalidValue as e:
        log.warning("check-sync for %s: %s", format_mac(device.mac), e)
    else:
        log.info("check-sync for %s sent to %s", format_mac(device.mac), result.target)
