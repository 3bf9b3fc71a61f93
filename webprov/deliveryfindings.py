"""What `webprov check --delivery` and its page say about the delivery, each with a remedy (contract)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from webprov.checkup import CheckState, Finding
from webprov.delivery.s3 import S3Transport
from webprov.delivery.script import ScriptTransport
from webprov.deliverycheck import BucketComparison, PhoneFetch, compare_bucket, fetch_like_phones
from webprov.enums import ProvisioningMode
from webprov.errors import TransportError
from webprov.mac import format_mac
from webprov.site import Site

_NAMED = 3


@dataclass(frozen=True)
class DeliveryCheck:
    """What was found, and the comparison with the bucket where there is one that could be listed."""

    findings: tuple[Finding, ...]
    bucket: BucketComparison | None = None


def check_delivery(session: Session, site: Site) -> DeliveryCheck:
    """Look at transport, bucket and DMS now. Nothing is changed; it may take a minute or two for a large bucket."""
    settings, transport = site.settings, site.transport
    if settings.mode is not ProvisioningMode.EXTERNAL:
        return DeliveryCheck((Finding("Delivery: Local mode, phones fetch from this server"),))
    phones = tuple(_phones(fetch_like_phones(session, site)))
    if isinstance(transport, S3Transport):
        try:
            bucket = compare_bucket(session, site, transport)
        except TransportError as e:
            return DeliveryCheck((Finding(f"Bucket {settings.s3_bucket}", CheckState.ERROR, str(e)), *phones))
        return DeliveryCheck((*_bucket(settings.s3_bucket, bucket), *phones), bucket)
    if isinstance(transport, ScriptTransport):
        return DeliveryCheck((_script(transport), *phones))
    return DeliveryCheck((Finding("File transport: none, something else fetches the files"), *phones))


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


def _phones(fetches: Sequence[PhoneFetch]) -> Iterator[Finding]:
    for one in fetches:
        what = f"As phone {format_mac(one.mac)}: GET {one.url}"
        yield Finding(what, CheckState.ERROR if one.trouble else CheckState.OK, one.trouble)


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else ""
    return ", ".join(keys[:_NAMED]) + more


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
