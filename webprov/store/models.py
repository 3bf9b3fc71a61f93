"""The tables. Rows only: what they mean together stands in `devicedata`, `settings` and `changes`.

Empty text means "not set"; times are aware UTC; a MAC is 12 upper-case hex digits.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.orm import registry as type_registry
from sqlalchemy.types import TypeDecorator

from webprov.enums import Role
from webprov.store.secrets import Secret


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python, naive UTC in the database (SQLite keeps no zone)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value else None


class UtcMicroseconds(TypeDecorator[datetime]):
    """Aware UTC in Python, microseconds since the epoch in the database: a third of the size of a time written out,
    which counts where a table grows by thousands of rows a second and has its time in each index."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:  # noqa: ARG002
        return (value - _EPOCH) // _MICROSECOND if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + value * _MICROSECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utc_now() -> datetime:
    """Now, aware."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The plain base of all tables; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # the types stand in a registry of our own: Flask-SQLAlchemy derives a base with both, which takes them only so
    registry = type_registry(metadata=metadata, type_annotation_map={datetime: UtcDateTime, dict[str, Any]: JSON})


class Counter(Base):
    """A version that only grows: `settings`, `variables` (global ones), `files` (what phones may fetch), `lockouts`,
    `logins` (the devices' own)."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(default=0)


class InstanceFact(Base):
    """A fact about this instance: `key_check` (encrypted with its key), `setup_token` (hash), `second_factor_roles`
    (who has to have one)."""

    __tablename__ = "instance_facts"
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class SettingsRecord(Base):
    """The one row of Provisioning Settings; fields by their contract names, passwords and keys apart and encrypted."""

    __tablename__ = "settings"
    id: Mapped[int] = mapped_column(primary_key=True)
    plain: Mapped[dict[str, Any]]
    secret: Mapped[str] = mapped_column(Secret)  # JSON object
    version: Mapped[int] = mapped_column(default=1)
    saved_by: Mapped[str] = mapped_column(default="")
    saved_at: Mapped[datetime] = mapped_column(default=utc_now)


class User(Base):
    """A person who signs in. `session_version` grows to end all their sessions at once (security UI-08)."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    role: Mapped[str]
    tenant_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id", ondelete="RESTRICT"))
    disabled: Mapped[bool] = mapped_column(default=False)
    theme: Mapped[str] = mapped_column(default="system")
    session_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_sign_in_at: Mapped[datetime | None]
    totp_secret: Mapped[str] = mapped_column(Secret, default="", server_default="")  # "": no second factor
    totp_step: Mapped[int] = mapped_column(default=0, server_default="0")  # of the last code used: none counts twice
    recovery_codes: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")  # hashes of those left
    tenant: Mapped["Tenant | None"] = relationship(lazy="joined")

    @property
    def role_kind(self) -> Role:
        """The role as its enum."""
        return Role(self.role)


class SignInFailure(Base):
    """One failed sign-in, counted per account and per source (security UI-06)."""

    __tablename__ = "sign_in_failures"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    user_name: Mapped[str]
    source: Mapped[str]


class Tenant(Base):
    """One organisation. `name` is a slug and never changes; empty servers mean the system's (spec 1)."""

    __tablename__ = "tenants"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    label: Mapped[str] = mapped_column(default="")
    timezone: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="")
    parkext: Mapped[str] = mapped_column(default="")
    registrar: Mapped[str] = mapped_column(default="")
    backup_registrar: Mapped[str] = mapped_column(default="")
    sip_proxy: Mapped[str] = mapped_column(default="")
    backup_sip_proxy: Mapped[str] = mapped_column(default="")
    ntp_server: Mapped[str] = mapped_column(default="")
    networks: Mapped[str] = mapped_column(default="", server_default="")  # where its devices may fetch; "" = anywhere
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    overrides: Mapped[list["TenantOverride"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class TenantOverride(Base):
    """Text that a tenant adds to every file of one model (part of OVERRIDE, spec 3)."""

    __tablename__ = "tenant_overrides"
    __table_args__ = (UniqueConstraint("tenant_id", "model"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    model: Mapped[str]
    text: Mapped[str] = mapped_column(Secret)


class Device(Base):
    """One phone. `version` grows with every change to it, its lines, keys or variables; `rendered_*` say what its files
    were made from (spec 5, stale); `revision` grows with every change of their bytes."""

    __tablename__ = "devices"
    id: Mapped[int] = mapped_column(primary_key=True)
    mac: Mapped[str] = mapped_column(unique=True)
    tenant_id: Mapped[int] = mapped_column(ForeignKey("tenants.id", ondelete="RESTRICT"), index=True)
    model: Mapped[str] = mapped_column(index=True)
    label: Mapped[str] = mapped_column(default="")
    timezone: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="")
    override: Mapped[str] = mapped_column(Secret, default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    admin_password: Mapped[str] = mapped_column(Secret, default="")
    prov_user: Mapped[str] = mapped_column(default="", index=True)
    prov_password: Mapped[str] = mapped_column(Secret, default="")
    previous_user: Mapped[str] = mapped_column(default="", server_default="", index=True)  # until the new one is used
    previous_password: Mapped[str] = mapped_column(Secret, default="", server_default="")
    own_login_at: Mapped[datetime | None]  # since when shared credentials no longer open its files (PH-08)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)

    provisioned_at: Mapped[datetime | None]
    provision_error: Mapped[str] = mapped_column(default="")
    disk_refused: Mapped[bool] = mapped_column(default=False, server_default=false())  # that error was the disk's
    provision_warnings: Mapped[str] = mapped_column(default="")  # one a line
    rendered_settings: Mapped[int] = mapped_column(default=0)
    rendered_variables: Mapped[int] = mapped_column(default=0)
    rendered_tenant: Mapped[int] = mapped_column(default=0)
    rendered_device: Mapped[int] = mapped_column(default=0)
    rendered_model: Mapped[str] = mapped_column(default="")
    revision: Mapped[int] = mapped_column(default=0)
    revision_at: Mapped[datetime | None]  # since when its files have their present bytes
    revision_cause: Mapped[str] = mapped_column(default="", server_default="")  # as webprov.revisions.cause_of says it
    revision_for: Mapped[str] = mapped_column(default="", server_default="")  # the MAC and tenant they were made for
    restored_revision: Mapped[int] = mapped_column(default=0, server_default="0")  # the one put back; 0: rendered
    shared_names: Mapped[str] = mapped_column(default="", server_default="")  # shared files it needs, one a line
    upload_names: Mapped[str] = mapped_column(default="", server_default="")  # what it may upload, one a line
    provisioning_window: Mapped[str] = mapped_column(default="", server_default="", index=True)  # "": as settings say

    script_exit: Mapped[int | None]  # of the transport script; None: it never ran, or could not be started
    script_output: Mapped[str] = mapped_column(default="", server_default="")
    script_at: Mapped[datetime | None]

    last_fetch_at: Mapped[datetime | None]
    last_fetch_protocol: Mapped[str] = mapped_column(default="")
    last_fetch_address: Mapped[str] = mapped_column(default="")
    fetched_revision: Mapped[int] = mapped_column(default=0)
    user_agent: Mapped[str] = mapped_column(default="")

    tenant: Mapped[Tenant] = relationship()
    lines: Mapped[list["Line"]] = relationship(
        order_by="Line.number", cascade="all, delete-orphan", passive_deletes=True, back_populates="device"
    )
    keys: Mapped[list["Key"]] = relationship(
        order_by="Key.module, Key.number", cascade="all, delete-orphan", passive_deletes=True, back_populates="device"
    )
    files: Mapped[list["RenderedFileRecord"]] = relationship(order_by="RenderedFileRecord.position", viewonly=True)


class Line(Base):
    """One SIP account on a device; `number` counts from 1."""

    __tablename__ = "lines"
    __table_args__ = (UniqueConstraint("device_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    number: Mapped[int]
    userid: Mapped[str] = mapped_column(default="", index=True)
    password: Mapped[str] = mapped_column(Secret, default="")
    auth_id: Mapped[str] = mapped_column(default="")
    display_name: Mapped[str] = mapped_column(default="")
    extension: Mapped[str] = mapped_column(default="", index=True)
    first_name: Mapped[str] = mapped_column(default="")
    last_name: Mapped[str] = mapped_column(default="")
    label: Mapped[str] = mapped_column(default="")
    voicemail: Mapped[str] = mapped_column(default="")
    device: Mapped[Device] = relationship(back_populates="lines")


class Key(Base):
    """One programmable key; `module` 0 is the phone itself, 1… its expansion modules; `line` 0 means none chosen."""

    __tablename__ = "keys"
    __table_args__ = (UniqueConstraint("device_id", "module", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    module: Mapped[int] = mapped_column(default=0)
    number: Mapped[int]
    type: Mapped[str]
    value: Mapped[str] = mapped_column(default="")
    label: Mapped[str] = mapped_column(default="")
    line: Mapped[int] = mapped_column(default=1)
    device: Mapped[Device] = relationship(back_populates="keys")


class CustomVariable(Base):
    """A variable of an administrator's own: global (no id set), of a tenant, a device, or a device's line (spec 1, 3).

    `line` is the line's number (0: the device's own), so that it outlives an edit of the line.
    """

    __tablename__ = "custom_variables"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    value: Mapped[str] = mapped_column(Secret, default="")
    secret: Mapped[bool] = mapped_column(default=False)
    tenant_id: Mapped[int | None] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    line: Mapped[int] = mapped_column(default=0)


Index(
    "uq_custom_variables_scope",
    CustomVariable.name,
    func.coalesce(CustomVariable.tenant_id, 0),
    func.coalesce(CustomVariable.device_id, 0),
    CustomVariable.line,
    unique=True,
)


class RenderedFileRecord(Base):
    """One file that phones may fetch: a device's own, or a shared one (`device_id` empty, `owner` its family).

    `path` as the phone asks, `path_key` folded for look-up, `segment` the External folder; `masked` is zlib text with
    placeholders for secrets; `position` is the order of writing, the file that the phone asks for first last.
    """

    __tablename__ = "rendered_files"
    __table_args__ = (UniqueConstraint("segment", "path_key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"), index=True)
    owner: Mapped[str] = mapped_column(default="")
    path: Mapped[str]
    path_key: Mapped[str]
    segment: Mapped[str] = mapped_column(default="")
    position: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str]
    size: Mapped[int]
    masked: Mapped[bytes] = mapped_column(LargeBinary)
    written_at: Mapped[datetime] = mapped_column(default=utc_now)


class PushRecord(Base):
    """What became of one object of the file transport: `sha256` is what lies there as far as we know ("" = nothing).

    `state` is a PushState. A record outlives its device, so that the object can still be removed (spec 5); one whose
    name no rendered file has is an object to remove. `failing_since` is the first failure in a row, `retries` how many
    there were, `retry_at` when the next try is due.
    """

    __tablename__ = "pushes"
    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id", ondelete="SET NULL"), index=True)
    segment: Mapped[str] = mapped_column(default="")
    path: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    sha256: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(index=True)
    error: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime] = mapped_column(default=utc_now)
    failing_since: Mapped[datetime | None]
    retries: Mapped[int] = mapped_column(default=0, server_default="0")
    retry_at: Mapped[datetime | None]


_OF_NOBODY = text("device_id IS NULL")


class FetchRecord(Base):
    """One request of a phone, with the decision and its reason code (spec 8)."""

    __tablename__ = "fetches"
    __table_args__ = (
        Index("ix_fetches_device_id_at", "device_id", "at"),
        Index("ix_fetches_address_at", "address", "at"),
        # those of devices are found by them: each index of a log costs as much as the log itself
        Index("ix_fetches_mac_at", "mac", "at", sqlite_where=_OF_NOBODY, postgresql_where=_OF_NOBODY),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcMicroseconds, index=True)
    protocol: Mapped[str]
    address: Mapped[str]
    user_agent: Mapped[str] = mapped_column(default="")
    path: Mapped[str]
    mac: Mapped[str] = mapped_column(default="")
    device_id: Mapped[int | None] = mapped_column(ForeignKey("devices.id", ondelete="CASCADE"))
    status: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    size: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=0)


class GuessRecord(Base):
    """What one source (IPv4 address, IPv6 /64) guessed lately over all processes, and until when it is out (spec 8).

    `tries` maps what was tried to when; `until` and those times are seconds of the monotonic clock of `boot`,
    so that a clock set wrong neither locks nor frees anybody.
    """

    __tablename__ = "guesses"
    boot: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    tries: Mapped[dict[str, Any]] = mapped_column(default=dict)
    until: Mapped[int] = mapped_column(default=0)
    times: Mapped[int] = mapped_column(default=0)  # how often it was out already
    seen_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class KnownSource(Base):
    """A source from which a known device fetched; for a day it may guess ten times as often (spec 8)."""

    __tablename__ = "known_sources"
    source: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(index=True)


class ChangeRecord(Base):
    """Who changed what, when, from where. `fields` maps a field to [old, new]; secrets say only "changed" (UI-11)."""

    __tablename__ = "changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    user_name: Mapped[str]
    address: Mapped[str] = mapped_column(default="")
    action: Mapped[str]
    thing: Mapped[str]  # settings, tenant, device, variable, user, …
    name: Mapped[str]  # how people call it: a MAC, a slug, a variable's name
    tenant_id: Mapped[int | None] = mapped_column(index=True)
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
