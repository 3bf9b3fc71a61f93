"""What `webprov check --delivery` and its page say about the delivery, each with a remedy (contract)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from webprov.checkup import CheckState, Finding
from webprov.delivery.s3 import S3Transport
from webprov.delivery.script import ScriptTransport
from webprov.deliverycheck import BucketComparison, compare_bucket
from webprov.deliveryfetches import PhoneBoot, boot_like_phones
from webprov.enums import ProvisioningMode
from webprov.errors import TransportError
from webprov.mac import format_mac
from webprov.simulation import Step
from webprov.site import Site

_NAMED = 3
_WAITS = "Its newest content still has to be delivered; the page File transport says what holds it up."


@dataclass(frozen=True)
class DeliveryCheck:
    """What was found, and the comparison with the bucket where there is one that could be listed."""

    findings: tuple[Finding, ...]
    bucket: BucketComparison | None = None


def check_delivery(session: Session, site: Site, mac: str = "") -> DeliveryCheck:
    """Look at transport, bucket and DMS now, at the latter as device `mac`, or as one device of each model.

    Nothing is changed; it may take a minute or two for a large bucket.
    """
    found = check_bucket(session, site)
    return replace(found, findings=(*found.findings, *_phones(boot_like_phones(session, site, mac))))


def check_bucket(session: Session, site: Site) -> DeliveryCheck:
    """As `check_delivery`, without asking the DMS."""
    settings, transport = site.settings, site.transport
    if settings.mode is not ProvisioningMode.EXTERNAL:
        return DeliveryCheck((Finding("Delivery: Local mode, phones fetch from this server"),))
    if isinstance(transport, S3Transport):
        try:
            bucket = compare_bucket(session, site, transport)
        except TransportError as e:
            return DeliveryCheck((Finding(f"Bucket {settings.s3_bucket}", CheckState.ERROR, str(e)),))
        return DeliveryCheck(tuple(_bucket(settings.s3_bucket, bucket)), bucket)
    if isinstance(transport, ScriptTransport):
        return DeliveryCheck((_script(transport),))
    return DeliveryCheck((Finding("File transport: none, something else fetches the files"),))


def _script(transport: ScriptTransport) -> Finding:
    try:
        warnings = transport.probe()
    except TransportError as e:
        return Finding("Custom script", CheckState.ERROR, str(e))
    return Finding("Custom script", CheckState.WARNING if warnings else CheckState.OK, " ".join(warnings))


def _bucket(name: str, found: BucketComparison) -> Iterator[Finding]:
    if found.missing:
        yield _wrong(name, "missing", found.missing, CheckState.ERROR, "Phones that ask for them get nothing.")
    if found.stale:
        yield _wrong(name, "with another content", found.stale, CheckState.ERROR, "Phones get old or foreign files.")
    if found.orphans:
        keys = [orphan.key for orphan in found.orphans]
        yield _wrong(name, "orphaned", keys, CheckState.WARNING, "They may hold passwords of phones that are gone.")
    if "" in found.public:
        remedy = "Anybody can list it. Take that right from everybody in the storage's policy."
        yield Finding(f"Bucket {name}: its listing is public", CheckState.ERROR, remedy)
    public = [key for key in found.public if key]
    if public:
        remedy = "They hold SIP passwords. Take the right to read from everybody in the storage's policy."
        yield Finding(f"Bucket {name}: objects are public ({_some(public)})", CheckState.ERROR, remedy)
    if found.waiting:
        remedy = "They go by themselves while a worker runs; the page File transport says what holds them up."
        yield Finding(f"Bucket {name}: {_files(found.waiting)} still to be delivered", CheckState.WARNING, remedy)
    if found.is_true and not found.waiting:
        yield Finding(f"Bucket {name}: {_files(found.expected)} as they should be")


def _wrong(name: str, what: str, keys: Sequence[str], state: CheckState, why: str) -> Finding:
    remedy = f"{why} Repair: webprov check --delivery --repair"
    return Finding(f"Bucket {name}: {_files(len(keys))} {what} ({_some(keys)})", state, remedy)


def _phones(boots: Sequence[PhoneBoot]) -> Iterator[Finding]:
    """What differs, by device and file; one line for a phone that would get everything."""
    late = [boot.model for boot in boots if not boot.steps and not boot.error]
    for boot in boots:
        what = f"As phone {format_mac(boot.mac)} ({boot.label or boot.model})"
        if boot.error:
            yield Finding(f"{what}: not asked", CheckState.WARNING, boot.error)
        elif boot.steps:
            yield from _boot(what, boot)
    if late:
        remedy = "Ask as one device of such a model: webprov check --delivery --device MAC"
        yield Finding(f"DMS not asked for {_some(late)}: the time was over", CheckState.WARNING, remedy)


def _boot(what: str, boot: PhoneBoot) -> Iterator[Finding]:
    asked = [step for step in boot.steps if step.asked]
    differing = [step for step in asked if step.differs or step.status in (0, 401)]
    for step in differing:
        where = f"{what}: {boot.url}/{step.request}"
        waits = step.request in boot.waiting
        yield Finding(where, CheckState.WARNING, _WAITS) if waits else Finding(where, CheckState.ERROR, step.note)
    if len(asked) < len(boot.steps):
        first = boot.steps[len(asked)]
        yield Finding(f"{what}: {_files(len(boot.steps) - len(asked))} not asked for", CheckState.WARNING, first.note)
    elif not differing:
        yield Finding(f"{what} at {boot.url}: {_counts(asked)}")


def _counts(asked: Sequence[Step]) -> str:
    current = sum(step.current for step in asked)
    there = sum(step.status == 200 for step in asked) - current
    absent = len(asked) - current - there
    parts = [f"{_files(current)} current"]
    parts += [f"{_files(there)} there that webprov did not make"] if there else []
    parts += [f"{_files(absent)} that it can do without"] if absent else []
    return ", ".join(parts)


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
    return ", ".join(keys[:_NAMED]) + more


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
