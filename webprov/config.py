"""How this process is deployed: the environment and `instance/webprov.cfg`, read into one frozen Config (contract)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from webprov.errors import ConfigError, InvalidValue
from webprov.hosts import Host, parse_host

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Config:
    """Everything that is decided outside the browser. Paths are absolute; durations are seconds."""

    instance: Path
    database_url: str
    queue_url: str
    admin_bind: Host
    phone_address: str
    http_processes: int
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    accel_redirect: str
    script_dirs: tuple[Path, ...]
    models_dir: Path
    templates_dir: Path
    tls_cert: Path | None
    tls_key: Path | None
    client_ca: Path | None
    admin_tls_cert: Path | None
    admin_tls_key: Path | None
    contacts_interval_seconds: int
    assets_interval_seconds: int
    retry_interval_seconds: int
    lockout_window_seconds: int
    lockout_time_seconds: int
    fetches_kept_days: int
    fetches_kept_records: int
    upload_limit_bytes: int
    log_level: str
    log_format: str

    @property
    def key_file(self) -> Path:
        """The key that encrypts secrets in the database (0600)."""
        return self.instance / "secret.key"

    @property
    def provisioning_dir(self) -> Path:
        """What phones see."""
        return self.instance / "provisioning"

    @property
    def uploads_dir(self) -> Path:
        """What phones sent, by MAC."""
        return self.instance / "uploads"

    @property
    def imports_dir(self) -> Path:
        """CSV files that wait to be imported, encrypted (0700)."""
        return self.instance / "imports"

    @property
    def user_provisioning_dir(self) -> Path:
        """Overrides of models and templates, those of a tenant below its name."""
        return self.instance / "user_provisioning"


def data_dir(name: str) -> Path:
    """A folder that ships with webprov (`templates`, `models.d`, …): in the package, or beside it in a checkout."""
    packaged = _HERE / name.replace(".", "_")
    return packaged if packaged.is_dir() else _HERE.parent / name


def load_config(environ: Mapping[str, str] | None = None) -> Config:
    """Read `WEBPROV_*` from `environ` (default: the process's), then `webprov.cfg` of the instance, then the defaults.

    Raises ConfigError with the name of the variable.
    """
    environ = os.environ if environ is None else environ
    instance = Path(environ.get("WEBPROV_INSTANCE", "instance")).absolute()
    read = _Reader({**_read_file(instance / "webprov.cfg"), **environ})
    return Config(
        instance=instance,
        database_url=read.text("DATABASE_URL", f"sqlite:///{instance / 'webprov.sqlite3'}"),
        queue_url=read.queue("QUEUE_URL", f"sqlite:///{instance / 'queue.sqlite3'}"),
        admin_bind=read.bind("ADMIN_BIND", "127.0.0.1:8080"),
        phone_address=read.text("PHONE_ADDRESS", "0.0.0.0"),  # noqa: S104 - phones come from everywhere
        http_processes=read.number("HTTP_PROCESSES", min(os.cpu_count() or 1, 4)),
        trusted_proxies=read.networks("TRUSTED_PROXIES"),
        accel_redirect=read.location("ACCEL_REDIRECT"),
        script_dirs=read.paths("SCRIPT_DIRS", f"/usr/local/bin:/usr/local/sbin:{instance / 'scripts'}"),
        models_dir=Path(read.text("MODELS_DIR", str(data_dir("models.d")))).absolute(),
        templates_dir=Path(read.text("TEMPLATES_DIR", str(data_dir("phone_templates")))).absolute(),
        tls_cert=read.path("TLS_CERT"),
        tls_key=read.path("TLS_KEY"),
        client_ca=read.path("CLIENT_CA"),
        admin_tls_cert=read.path("ADMIN_TLS_CERT"),
        admin_tls_key=read.path("ADMIN_TLS_KEY"),
        contacts_interval_seconds=read.number("CONTACTS_INTERVAL", 60),
        assets_interval_seconds=read.number("ASSETS_INTERVAL", 3600),
        retry_interval_seconds=read.number("RETRY_INTERVAL", 60),
        lockout_window_seconds=read.number("LOCKOUT_WINDOW", 600),
        lockout_time_seconds=read.number("LOCKOUT_TIME", 900),
        fetches_kept_days=read.number("FETCHES_KEPT_DAYS", 90),
        fetches_kept_records=read.number("FETCHES_KEPT_RECORDS", 500_000),
        upload_limit_bytes=read.number("UPLOAD_LIMIT_MIB", 1_024) * 1024 * 1024,
        log_level=read.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
        log_format=read.choice("LOG_FORMAT", "text", ("text", "json")),
    )


class _Reader:
    """Values by their name without `WEBPROV_`, each converted or refused by name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str) -> str:
        return self._values.get(f"WEBPROV_{name}", "").strip() or default

    def number(self, name: str, default: int) -> int:
        text = self.text(name, str(default))
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise ConfigError(f"WEBPROV_{name} is “{text}”. Set it to a whole number from 1.")
        return int(text)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        text = self.text(name, default).lower()
        if text not in choices:
            raise ConfigError(f"WEBPROV_{name} is “{text}”. Set it to one of {', '.join(choices)}.")
        return text

    def bind(self, name: str, default: str) -> Host:
        try:
            host = parse_host(self.text(name, default))
        except InvalidValue as e:
            raise ConfigError(f"WEBPROV_{name}: {e}") from e
        if host.port is None:
            raise ConfigError(f"WEBPROV_{name} is “{host}”. Add a port, like 127.0.0.1:8080.")
        return host

    def queue(self, name: str, default: str) -> str:
        text = self.text(name, default)
        if not text.startswith(("sqlite:///", "redis://", "rediss://", "unix://")):
            raise ConfigError(f"WEBPROV_{name} has to begin with redis:// or sqlite:///, like redis://127.0.0.1/0.")
        return text

    def location(self, name: str) -> str:
        text = self.text(name, "")
        if text and not (text.startswith("/") and text.endswith("/")):
            raise ConfigError(f"WEBPROV_{name} is “{text}”. Write a location of the proxy, like /_webprov_assets/.")
        return text

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        try:
            return tuple(ip_network(item.strip()) for item in self.text(name, "").split(",") if item.strip())
        except ValueError as e:
            raise ConfigError(f"WEBPROV_{name}: {e}. Write networks like 10.0.0.0/8, separated by commas.") from e

    def path(self, name: str) -> Path | None:
        text = self.text(name, "")
        return Path(text).absolute() if text else None

    def paths(self, name: str, default: str) -> tuple[Path, ...]:
        return tuple(Path(item) for item in self.text(name, default).split(":") if item)


def _read_file(path: Path) -> dict[str, str]:
    """`NAME = value` lines; `#` starts a comment line. A missing file is empty."""
    if not path.is_file():
        return {}
    values = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        name, equals, value = line.partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not equals or not name.strip().startswith("WEBPROV_"):
            raise ConfigError(f"{path}, line {number}: write WEBPROV_NAME = value.")
        values[name.strip()] = value.strip()
    return values
