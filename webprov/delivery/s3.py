"""S3-compatible storage as the way to the external DMS (spec 6; security TR-05 to TR-09)."""

import io
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import md5, sha256
from typing import TypeVar
from urllib.parse import urlsplit

from minio import Minio
from minio.error import MinioException
from minio.helpers import ObjectWriteResult

from webprov.delivery.breaker import Breaker
from webprov.delivery.crew import Crew, Late
from webprov.delivery.guardedhttp import GuardedPool
from webprov.delivery.mediatypes import content_type
from webprov.delivery.pushes import Haste, PushContext, PushedFile, PushResult, object_key
from webprov.delivery.s3errors import FAILURES, answer_code, transport_error
from webprov.errors import TransportError
from webprov.store.settings import ProvisioningSettings

LIMIT_SECONDS = 10.0
_AT_ONCE = 32
_SLOW_SECONDS = 3.0
_AGAIN_SECONDS = 0.3
_LISTING_SECONDS = 120.0
T = TypeVar("T")
Hear = Callable[[Mapping[int, list[PushResult]]], None]


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing shows it; `etag` without its quotes, in lower case."""

    etag: str
    size: int


def open_s3(settings: ProvisioningSettings) -> "S3Transport":
    """The transport to the bucket of `settings`, which have been checked; nothing is connected yet."""
    url = urlsplit(settings.s3_endpoint)
    pool = GuardedPool(connections=_AT_ONCE)
    client = Minio(
        endpoint=url.netloc,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key,
        region=settings.s3_region or "us-east-1",
        secure=url.scheme == "https",
        http_client=pool,
    )
    return S3Transport(client, pool, settings.s3_bucket, settings.s3_prefix, endpoint=settings.s3_endpoint)


class S3Transport:
    """Puts rendered files into one bucket, each under prefix + segment. Threads may share it; processes may not."""

    def __init__(
        self,
        client: Minio,
        pool: GuardedPool,
        bucket: str,
        key_prefix: str = "",
        *,
        endpoint: str,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        """`pool` is the client's; `key_prefix` begins the name of every object; `endpoint` is how sentences call it;
        `limit_seconds` bounds each call as a whole."""
        self._client = client
        self._pool = pool
        self._bucket = bucket
        self.prefix = key_prefix
        self._endpoint = endpoint
        self._limit_seconds = limit_seconds
        self._breaker = Breaker()

    @property
    def is_paused(self) -> bool:
        """Whether so much has failed in a row that nothing is tried for a while."""
        return self._breaker.refusal is not None

    def probe(self) -> list[str]:
        """Write a small object under the prefix and remove it. Warnings; raises TransportError at the field."""
        key = f"{self.prefix}.webprov-{secrets.token_hex(6)}"
        ((found,),) = self._within([[partial(self._attempt, partial(self._probe, key))]], LIMIT_SECONDS)
        if isinstance(found, TransportError):
            raise found
        self._breaker.note(None)
        return found

    def _probe(self, key: str) -> list[str]:
        content = b"webprov checks that it can write here. This object can be removed.\n"
        try:
            self._put(key, content, "text/plain; charset=utf-8")
        except MinioException as e:
            if answer_code(e) not in ("500", "InternalError"):
                raise
            # rclone's server removes a folder with its last object, and fails who writes there at that moment
            time.sleep(_AGAIN_SECONDS)
            self._put(key, content, "text/plain; charset=utf-8")
        try:
            self._client.remove_object(bucket_name=self._bucket, object_name=key)
        except FAILURES:
            return [
                f"The object {key} was written but could not be removed. Allow these keys to delete under the prefix."
            ]
        return []

    def push(self, files: Sequence[PushedFile], context: PushContext) -> list[PushResult]:  # noqa: ARG002
        """Put the files of one device side by side, all within 10 s."""
        return self.push_all([files])[0]

    def push_all(
        self,
        groups: Iterable[Sequence[PushedFile]],
        haste: Haste = Haste.AT_ONCE,
        limit_seconds: float = LIMIT_SECONDS,
        hear: Hear = lambda _: None,
    ) -> list[list[PushResult]]:
        """Put the files of many devices, 32 at once; each group ends within its time from when its turn comes.

        More `groups` are asked for while earlier ones go; `hear` is told what became of those that are done, by
        position, meanwhile.
        """
        keys: list[list[str]] = []

        def tasks() -> Iterator[list[Callable[[], str]]]:
            for files in groups:
                keys.append([self.key(file.segment, file.path) for file in files])
                yield [partial(self._push, key, file) for key, file in zip(keys[-1], files, strict=True)]

        return self._outcomes(keys, tasks(), haste, limit_seconds, hear)

    def _push(self, key: str, file: PushedFile) -> str:
        try:
            content = file.disk.read_bytes()
        except OSError as e:
            raise TransportError("", f"{file.disk} cannot be read. Provision the device again.") from e
        self._put(key, content, content_type(file.path))
        return sha256(content).hexdigest()

    def remove(
        self, keys: Sequence[str], haste: Haste = Haste.AT_ONCE, limit_seconds: float = LIMIT_SECONDS
    ) -> list[PushResult]:
        """Remove objects, each within that time from when its turn comes; one that is not there counts as removed."""
        tasks = [[partial(self._remove, key)] for key in keys]
        done = self._outcomes([[key] for key in keys], tasks, haste, limit_seconds)
        return [result for group in done for result in group]

    def _remove(self, key: str) -> str:
        try:
            self._client.remove_object(bucket_name=self._bucket, object_name=key)
        except FAILURES as e:
            if getattr(e, "code", "") != "NoSuchKey":
                raise
        return ""

    def listing(self) -> dict[str, Listed]:
        """Every object under the prefix by its key; raises TransportError. At most two minutes."""
        ((found,),) = Crew(1, _LISTING_SECONDS, self._pool.abort).run([[partial(self._attempt, self._list)]])
        if isinstance(found, Late):
            raise TransportError("s3_endpoint", f"{self._endpoint} took longer than two minutes to list the bucket.")
        if isinstance(found, TransportError):
            raise found
        return found

    def _list(self) -> dict[str, Listed]:
        found = self._client.list_objects(bucket_name=self._bucket, prefix=self.prefix or None, recursive=True)
        return {
            item.object_name: Listed((item.etag or "").strip('"').lower(), item.size or 0)
            for item in found
            if item.object_name and not item.is_dir
        }

    def has_opaque_etags(self, key: str) -> bool:
        """Whether this object's ETag is no MD5 sum because it is encrypted by KMS or a customer's key."""
        ((found,),) = self._within([[partial(self._attempt, partial(self._encryption, key))]], self._limit_seconds)
        return isinstance(found, list) and _is_opaque(found)

    def _encryption(self, key: str) -> list[str]:
        stat = self._client.stat_object(bucket_name=self._bucket, object_name=key)
        return _encryption_of(stat.metadata or {})

    def read_by_anybody(self, keys: Sequence[str]) -> list[str]:
        """Which of these objects (and, as "", the list of all objects) are given away without keys; nothing is read."""
        tasks: list[Callable[[], bool | TransportError]] = [
            partial(self._attempt, partial(self._is_open, method, url))
            for method, url in [("GET", self._listing_url()), *(("HEAD", self._plain_url(key)) for key in keys)]
        ]
        outcomes = [group[0] for group in self._within([[task] for task in tasks], self._limit_seconds)]
        return [key for key, outcome in zip(["", *keys], outcomes, strict=True) if outcome is True]

    def _is_open(self, method: str, url: str) -> bool:
        return self._pool.urlopen(method, url).status == 200

    def _plain_url(self, key: str) -> str:
        url = self._client.get_presigned_url("GET", bucket_name=self._bucket, object_name=key)
        return url.partition("?")[0]

    def _listing_url(self) -> str:
        return self._plain_url("x").removesuffix("x") + "?list-type=2&max-keys=1"

    def key(self, segment: str, path: str) -> str:
        """Prefix + segment + `/` + path."""
        return object_key(self.prefix, segment, path)

    def close(self) -> None:
        """Let go of connections."""
        self._pool.clear()

    def _put(self, key: str, content: bytes, media_type: str) -> None:
        answer = self._client.put_object(
            bucket_name=self._bucket,
            object_name=key,
            data=io.BytesIO(content),
            length=len(content),
            content_type=media_type,
        )
        if not _confirms(answer, content):
            raise TransportError("s3_endpoint", f"{self._endpoint} confirmed another content than it was sent.")

    def _outcomes(
        self,
        keys: Sequence[Sequence[str]],
        groups: Iterable[Sequence[Callable[[], str]]],
        haste: Haste,
        limit_seconds: float,
        hear: Hear = lambda _: None,
    ) -> list[list[PushResult]]:
        told: dict[int, list[PushResult]] = {}

        def results(position: int, outcomes: Sequence[str | TransportError | Late]) -> list[PushResult]:
            return [_result(key, self._told(one)) for key, one in zip(keys[position], outcomes, strict=True)]

        def tell(found: Mapping[int, Sequence[str | TransportError | Late]]) -> None:
            news = {position: results(position, outcomes) for position, outcomes in found.items()}
            told.update(news)
            hear(news)

        guarded = ([partial(self._unless_paused, task, haste) for task in tasks] for tasks in groups)
        done = self._crew(limit_seconds).run(guarded, tell)
        return [told.get(position) or results(position, outcomes) for position, outcomes in enumerate(done)]

    def _unless_paused(self, task: Callable[[], T], haste: Haste) -> T | TransportError:
        refusal = self._breaker.refusal
        if isinstance(refusal, TransportError) and haste is not Haste.AT_ONCE:
            return refusal
        start = time.monotonic()
        outcome = self._attempt(task)
        self._breaker.note(self._verdict(outcome, time.monotonic() - start, haste))
        return outcome

    def _verdict(self, outcome: object, seconds: float, haste: Haste) -> TransportError | None:
        """What the breaker hears; a task that was broken off knows only that its connection ended."""
        if seconds >= self._limit_seconds:
            return self._too_late()
        if isinstance(outcome, TransportError):
            return outcome
        return self._slow() if seconds > _SLOW_SECONDS and haste is Haste.BULK else None

    def _slow(self) -> TransportError:
        return TransportError(
            "s3_endpoint", f"{self._endpoint} answers so slowly that files wait for a quieter moment."
        )

    def _within(
        self, groups: Sequence[Sequence[Callable[[], T | TransportError]]], limit_seconds: float
    ) -> list[list[T | TransportError]]:
        return [[self._told(outcome) for outcome in outcomes] for outcomes in self._crew(limit_seconds).run(groups)]

    def _crew(self, limit_seconds: float) -> Crew:
        return Crew(_AT_ONCE, min(self._limit_seconds, limit_seconds), self._pool.abort)

    def _told(self, outcome: T | TransportError | Late) -> T | TransportError:
        if not isinstance(outcome, Late):
            return outcome
        return self._too_late()

    def _too_late(self) -> TransportError:
        return TransportError("s3_endpoint", f"{self._endpoint} took longer than {self._limit_seconds:.0f} seconds.")

    def _attempt(self, task: Callable[[], T]) -> T | TransportError:
        try:
            return task()
        except TransportError as e:
            return e
        except FAILURES as e:
            return transport_error(e, self._endpoint, self._bucket)


def _result(key: str, outcome: str | TransportError) -> PushResult:
    return PushResult(key, error=str(outcome)) if isinstance(outcome, TransportError) else PushResult(key, outcome)


def _confirms(answer: ObjectWriteResult, content: bytes) -> bool:
    """Whether the ETag is that of the content, as far as it is an MD5 sum at all."""
    etag = (answer.etag or "").lower()
    if etag == md5(content, usedforsecurity=False).hexdigest() or not re.fullmatch(r"[0-9a-f]{32}", etag):
        return True
    return _is_opaque(_encryption_of(answer.http_headers or {}))


def _encryption_of(headers: Mapping[str, str]) -> list[str]:
    return [value for name, value in headers.items() if "server-side-encryption" in name.lower()]


def _is_opaque(encryption: Sequence[str]) -> bool:
    """Encryption by KMS or a customer's key makes ETags something else than MD5 sums."""
    return bool(encryption) and list(encryption) != ["AES256"]
