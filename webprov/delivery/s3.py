"""S3-compatible storage as the way to the external DMS (spec 6; security TR-05 to TR-09)."""

import io
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from hashlib import sha256
from typing import TypeVar
from urllib.parse import urlsplit

from minio import Minio

from webprov.delivery.guardedhttp import GuardedPool
from webprov.delivery.mediatypes import content_type
from webprov.delivery.pushes import PushContext, PushedFile, PushResult, object_key
from webprov.delivery.s3errors import FAILURES, transport_error
from webprov.errors import TransportError
from webprov.store.settings import ProvisioningSettings

LIMIT_SECONDS = 10.0
_FILES_AT_ONCE = 4
T = TypeVar("T")


def open_s3(settings: ProvisioningSettings) -> "S3Transport":
    """The transport to the bucket of `settings`, which have been checked; nothing is connected yet."""
    url = urlsplit(settings.s3_endpoint)
    pool = GuardedPool(connections=32)
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
        """`pool` is the client's; `endpoint` is how sentences call it; `limit_seconds` bounds each call as a whole."""
        self._client = client
        self._pool = pool
        self._bucket = bucket
        self._prefix = key_prefix
        self._endpoint = endpoint
        self._limit_seconds = limit_seconds

    def probe(self) -> list[str]:
        """Write a small object under the prefix and remove it. Warnings; raises TransportError at the field."""
        key = f"{self._prefix}.webprov-{secrets.token_hex(6)}"
        results: list[list[str] | TransportError] = self._within([partial(self._probe, key)])
        if isinstance(results[0], TransportError):
            raise results[0]
        return results[0]

    def _probe(self, key: str) -> list[str]:
        content = b"webprov checks that it can write here. This object can be removed.\n"
        self._put(key, content, "text/plain; charset=utf-8")
        try:
            self._client.remove_object(bucket_name=self._bucket, object_name=key)
        except FAILURES:
            return [
                f"The object {key} was written but could not be removed. Allow these keys to delete under the prefix."
            ]
        return []

    def push(self, files: Sequence[PushedFile], context: PushContext) -> list[PushResult]:  # noqa: ARG002
        """Put the files of one device, a few at a time, all within 10 s."""
        return self._outcomes(
            [self.key(file.segment, file.path) for file in files],
            [partial(self._push, file) for file in files],
        )

    def _push(self, file: PushedFile) -> str:
        try:
            content = file.disk.read_bytes()
        except OSError as e:
            raise TransportError("", f"{file.disk} cannot be read. Provision the device again.") from e
        self._put(self.key(file.segment, file.path), content, content_type(file.path))
        return sha256(content).hexdigest()

    def remove(self, keys: Sequence[str]) -> list[PushResult]:
        """Remove objects, all within 10 s; one that is not there counts as removed."""
        return self._outcomes(keys, [partial(self._remove, key) for key in keys])

    def _remove(self, key: str) -> str:
        try:
            self._client.remove_object(bucket_name=self._bucket, object_name=key)
        except FAILURES as e:
            if getattr(e, "code", "") != "NoSuchKey":
                raise
        return ""

    def key(self, segment: str, path: str) -> str:
        """Prefix + segment + `/` + path."""
        return object_key(self._prefix, segment, path)

    def close(self) -> None:
        """Let go of connections."""
        self._pool.clear()

    def _put(self, key: str, content: bytes, media_type: str) -> None:
        self._client.put_object(
            bucket_name=self._bucket,
            object_name=key,
            data=io.BytesIO(content),
            length=len(content),
            content_type=media_type,
        )

    def _outcomes(self, keys: Sequence[str], tasks: Sequence[Callable[[], str]]) -> list[PushResult]:
        done = self._within(tasks)
        return [
            PushResult(key, error=str(result)) if isinstance(result, TransportError) else PushResult(key, result)
            for key, result in zip(keys, done, strict=True)
        ]

    def _within(self, tasks: Sequence[Callable[[], T]]) -> list[T | TransportError]:
        """Run the tasks side by side; what is not done in time is broken off and is an error like any other."""
        executor = ThreadPoolExecutor(_FILES_AT_ONCE, thread_name_prefix="push")
        futures = [executor.submit(self._attempt, task) for task in tasks]
        late = wait(futures, timeout=self._limit_seconds).not_done
        executor.shutdown(wait=False, cancel_futures=True)
        if late:
            self._pool.abort()
        too_late = TransportError(
            "s3_endpoint", f"{self._endpoint} took longer than {self._limit_seconds:.0f} seconds."
        )
        return [too_late if future in late else future.result() for future in futures]

    def _attempt(self, task: Callable[[], T]) -> T | TransportError:
        try:
            return task()
        except TransportError as e:
            return e
        except FAILURES as e:
            return transport_error(e, self._endpoint, self._bucket)
