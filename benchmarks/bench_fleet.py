"""P7a: reading and importing 10,000 devices with lines and keys, against the sqlite3 module alone.

The floor of reading opens the secrets too: a run needs them; that of importing writes tokens made before.
"""

import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.goals import Result, Row, interleaved, print_table
from webprov.changes.bulk import add_devices
from webprov.config import load_config
from webprov.deviceinput import DeviceInput, parse_device
from webprov.store.database import writing
from webprov.store.devicedata import read_devices
from webprov.store.instance import Instance, open_instance
from webprov.store.models import Tenant
from webprov.store.secrets import keyring

DEVICES = 10_000
_DEVICE_COLUMNS = ("id", "mac", "tenant_id", "model", "label", "timezone", "language", "override", "enabled",
                   "admin_password", "prov_user", "prov_password", "version")  # fmt: skip
_LINE_COLUMNS = ("device_id", "number", "userid", "password", "auth_id", "display_name", "extension", "first_name",
                 "last_name", "label", "voicemail")  # fmt: skip
_KEY_COLUMNS = ("device_id", "module", "number", "type", "value", "label", "line")
_COLUMNS = {"devices": _DEVICE_COLUMNS, "lines": _LINE_COLUMNS, "keys": _KEY_COLUMNS}


def measure() -> list[Result]:
    """The rows of P7a, in devices a second."""
    devices = [parse_device(fleet_row(number)) for number in range(DEVICES)]
    with fresh_instance() as instance:
        add(instance, devices)
        tables = _raw_tables(instance)
        reading = interleaved({"read": partial(_read, instance), "sqlite3": partial(_read_raw, instance)})
    writing_ = interleaved({"import": partial(_import, devices), "executemany": partial(_import_raw, tables)})
    return [
        Row("P7a", "reading devices against sqlite3", "devices/s", reading["read"], reading["sqlite3"], 1 / 2.5),
        Row("P7a", "importing against executemany", "devices/s", writing_["import"], writing_["executemany"], 1 / 6),
    ]


def fleet_row(number: int) -> dict[str, str]:
    """A device as a CSV row: every other one has two lines, all have two keys."""
    row = {
        "tenant": "acme",
        "mac": f"805EC0{number:06X}",
        "model": "yealink-t54w",
        "label": f"Desk {number}",
        "line1_userid": f"{number}-acme",
        "line1_password": f"R=#*2cN-D39A#{number}",
        "line1_display_name": f"Søren Çelik {number}",
        "line1_extension": str(number),
        "key1_type": "blf",
        "key1_value": str(number + 1),
        "key2_type": "park",
        "key2_value": "701",
    }
    if number % 2:
        row |= {"line2_userid": f"{number}-fax", "line2_password": f"x7wAu%DfYZM{number}", "line2_display_name": "Fax"}
    return row


@contextmanager
def fresh_instance() -> Iterator[Instance]:
    """An instance of its own with one tenant."""
    with tempfile.TemporaryDirectory() as folder:
        instance = open_instance(load_config({"WEBPROV_INSTANCE": folder}))
        with instance.sessions() as session, writing(session):
            session.add(Tenant(id=1, name="acme"))
        yield instance
        instance.close()


def add(instance: Instance, devices: list[DeviceInput]) -> None:
    """Import devices that have been checked, in one transaction."""
    with instance.sessions() as session, writing(session):
        add_devices(session, [(device, 1) for device in devices])


def _read(instance: Instance) -> float:
    with instance.sessions() as session:
        return _rate(lambda: read_devices(session))


def _read_raw(instance: Instance) -> float:
    decrypt = keyring().decrypt

    def opened(token: str) -> str:
        return decrypt(token) if len(token) > 40 else token

    def read() -> list[Any]:
        rows = {table: connection.execute(_select(table)).fetchall() for table in _COLUMNS}
        parts: dict[str, dict[int, list[Any]]] = {"lines": defaultdict(list), "keys": defaultdict(list)}
        for table, found in parts.items():
            for row in rows[table]:
                found[row[0]].append(row)
        devices = [(*row[:9], *map(opened, row[9:12]), row[12]) for row in rows["devices"]]
        lines = [[(*line[:3], opened(line[3])) for line in parts["lines"][row[0]]] for row in devices]
        return [(row, line, parts["keys"][row[0]]) for row, line in zip(devices, lines, strict=True)]

    with closing(sqlite3.connect(_path(instance))) as connection:
        return _rate(read)


def _import(devices: list[DeviceInput]) -> float:
    with fresh_instance() as instance:
        return _rate(lambda: add(instance, devices))


def _import_raw(tables: dict[str, list[Any]]) -> float:
    def insert() -> None:
        with connection:
            for table, rows in tables.items():
                columns = ", ".join(f'"{name}"' for name in _all_columns(connection, table))
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)

    with fresh_instance() as instance, closing(sqlite3.connect(_path(instance))) as connection:
        connection.execute("PRAGMA synchronous=NORMAL")
        return _rate(insert)


def _raw_tables(instance: Instance) -> dict[str, list[Any]]:
    """Every row as it lies in the database, secrets encrypted already."""
    with closing(sqlite3.connect(_path(instance))) as connection:
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in _COLUMNS}


def _all_columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _select(table: str) -> str:
    columns = ", ".join(f'"{name}"' for name in _COLUMNS[table])
    return f"SELECT {columns} FROM {table} ORDER BY 1"


def _path(instance: Instance) -> Path:
    return instance.config.instance / "webprov.sqlite3"


def _rate(work: Any) -> float:
    start = time.perf_counter()
    work()
    return DEVICES / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(not print_table(measure()))
