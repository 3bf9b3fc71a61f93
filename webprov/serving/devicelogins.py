"""The devices' own sign-ins, found by user name (security PH-08).

Each is read when it is first asked for and kept until the counter `logins` grows: a fleet of any size costs memory only
for those that sign in, and no request walks through devices.
"""

from typing import Any, NamedTuple

from sqlalchemy import Engine, Row, or_, select
from sqlalchemy.exc import SQLAlchemyError

from webprov.serving.credentials import Login
from webprov.store.models import Device
from webprov.store.watch import CounterWatch

_REMEMBERED = 50_000
_LONGEST = 250  # names are whatever somebody sends: longer ones are not kept in memory
_MOST = 8  # devices that somebody gave the same user name


class DeviceLogin(NamedTuple):
    """A pair that proves a device. `current`: it is the newest one; `settled`: the device has used that already."""

    device_id: int
    login: Login
    current: bool
    settled: bool
    address: str  # of its last fetch


class DeviceLogins:
    """Finds the sign-ins of a user name."""

    def __init__(self, engine: Engine, watch: CounterWatch) -> None:
        self._engine = engine
        self._watch = watch
        self._count = -1
        self._known: dict[str, tuple[DeviceLogin, ...]] = {}

    def of(self, user: str) -> tuple[DeviceLogin, ...]:
        """What devices sign in with as `user`; also the pair before a renewal, until the new one has been used."""
        count = self._watch.counts().get("logins", 0)
        if count != self._count or len(self._known) >= _REMEMBERED:
            self._known, self._count = {}, count
        known = self._known
        found = known.get(user)
        if found is None:
            try:
                found = self._read(user)
            except SQLAlchemyError:  # CounterWatch says so
                return ()
            if len(user) <= _LONGEST:
                known[user] = found
        return found

    def _read(self, user: str) -> tuple[DeviceLogin, ...]:
        wanted = _WANTED.where(Device.enabled, or_(Device.prov_user == user, Device.previous_user == user))
        with self._engine.connect() as connection:
            rows = connection.execute(wanted.limit(_MOST)).all()
        return tuple(login for row in rows for login in _logins(row, user))


_WANTED: Any = select(
    Device.id,
    Device.prov_user,
    Device.prov_password,
    Device.previous_user,
    Device.previous_password,
    Device.own_login_at,
    Device.last_fetch_address,
)


def _logins(row: Row[Any], user: str) -> list[DeviceLogin]:
    pairs = [(row.prov_user, row.prov_password, True), (row.previous_user, row.previous_password, False)]
    settled = row.own_login_at is not None and not row.previous_user
    return [
        DeviceLogin(row.id, Login(name, password), current, settled, row.last_fetch_address)
        for name, password, current in pairs
        if name == user
    ]
