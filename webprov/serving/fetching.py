"""`fetch_file` for every protocol: name -> record -> bytes, and the FetchRecord left behind (spec 8)."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import IO

from webprov.delivery.mediatypes import content_type
from webprov.mac import find_mac
from webprov.serving.access import Access, tenant_of_contacts
from webprov.serving.askers import Asker, Reason
from webprov.serving.assets import Assets
from webprov.serving.fetch import Fetch
from webprov.serving.fetchedfile import NOT_THERE, Condition, FetchedFile, has_already, open_asset, read_plain_file
from webprov.serving.fetchlog import FetchLog
from webprov.serving.gatekeeper import Gatekeeper
from webprov.serving.guessing import Guesses
from webprov.serving.index import FileIndex, ServedDevice, ServedFile, http_date
from webprov.serving.ownlogins import OwnLogins
from webprov.serving.safeguards import Safeguards
from webprov.serving.uploads import Uploads
from webprov.store.instance import Instance
from webprov.store.watch import CounterWatch

_LONGEST_NAME = 1024
_STATUS = {Reason.DELIVERED: 200, Reason.UNCHANGED: 304, Reason.BROKEN_OFF: 499}


class Fetching:
    """Everything that the listeners of one process share: rules, index, log. `close` writes what is left."""

    def __init__(self, instance: Instance) -> None:
        self._watch = CounterWatch(instance.engine)
        self._guesses = Guesses(instance, self._watch)
        self._index = FileIndex(instance.engine, self._watch)
        self._access = Access(self._index)
        self._root = str(instance.config.provisioning_dir) + "/"
        self.accel_redirect = instance.config.accel_redirect
        self._assets = Assets(instance.config.provisioning_dir, self._index.is_segment)
        self._uploads = Uploads(instance)
        self._own_logins = OwnLogins(instance)
        self._safeguards = Safeguards(instance, self._index)
        self.gatekeeper = Gatekeeper(instance, self._watch, self._guesses, self._index)
        self.log = FetchLog(instance, lambda: self.gatekeeper.rules.settings.provisioning_window)

    def fetch_file(
        self, name: str, asker: Asker, condition: Condition | None = None, *, head: bool = False
    ) -> FetchedFile:
        """The file that `asker`, who passed the gatekeeper, means by `name`; percent-escapes are decoded already.

        A leading `provisioning/` and the case of letters make no difference. Whatever is not there, gone or not for
        this asker is answered alike.
        """
        record, fetched = self._look_up(name, asker)
        if condition and fetched.reason is Reason.DELIVERED and has_already(fetched, condition):
            fetched.close()
            fetched = fetched._replace(reason=Reason.UNCHANGED, file=None)
        if asker.identity.fresh and fetched.found and not asker.simulated:
            self._own_logins.note(asker.identity.device_id)
        self._record(name, asker, record, fetched, head=head)
        return fetched

    def begin_fetch(self, name: str, asker: Asker) -> tuple[FetchedFile, Callable[[bool], None]]:
        """As `fetch_file`, where sending takes a while and may fail: what is to be sent, and what to call once with
        whether the asker has got it all. Only then is it recorded, so that a forged request counts for nothing."""
        record, fetched = self._look_up(name, asker)

        def finish(complete: bool) -> None:
            broken = fetched.found and not complete
            self._record(name, asker, record, fetched._replace(reason=Reason.BROKEN_OFF) if broken else fetched)

        return fetched, finish

    def refuse(self, name: str, asker: Asker, status: int, reason: Reason, size: int = 0) -> None:
        """Leave a record of a request that fetched nothing: refused, or an upload."""
        source = asker.source
        self.log.add(
            Fetch(time.time(), asker.protocol, source.address, source.key, asker.agent, name, status, reason, size)
        )

    def is_directory_file(self, name: str) -> bool:
        """Whether `name` is a contact directory, which some phones ask for by POST."""
        record = self._index.find(bare_name(name))
        return record is not None and bool(tenant_of_contacts(record))

    def may_upload(self, name: str, asker: Asker) -> Reason:
        """DELIVERED where `asker`, who passed the gatekeeper, may send a file called `name`, or why not."""
        if not self.gatekeeper.rules.settings.uploads_enabled:
            return Reason.UPLOADS_OFF
        if self.gatekeeper.guessed_names(asker):
            return Reason.LOCKED_OUT
        bare = bare_name(name)
        mac = find_mac(bare[:_LONGEST_NAME])
        device = self._index.device(mac) if mac else None
        if device is None:
            self._note_unknown(bare, asker)
            return Reason.UNKNOWN_NAME
        if not device.enabled or not device.may_upload(bare.casefold()) or self._index.find(bare) is not None:
            return Reason.UNKNOWN_NAME
        return self._access.judge_upload(device, asker, own_credentials=self._own_credentials)

    def store_upload(self, name: str, asker: Asker, body: IO[bytes], size: int | None = None) -> Reason:
        """Keep what `asker` sends as `name`: STORED, or why not. `size`: bytes to read from `body`, None: to its end.

        Never parsed; at most 1 MiB each and 20 files a device; given back to the device that sent it alone (PH-15).
        """
        reason = self.may_upload(name, asker)
        bare = bare_name(name)
        device = self._index.device(find_mac(bare) or "") if reason is Reason.DELIVERED else None
        if device is not None:
            reason = self._uploads.store(device, bare, asker, body, size)
        status = {Reason.STORED: 201, Reason.TOO_LARGE: 413}.get(reason, 404)
        self.refuse(name, asker, status, reason, size or 0)
        return reason

    def close(self) -> None:
        """Write what is left and end the threads."""
        self.log.close()
        self._own_logins.close()
        self._guesses.close()
        self._assets.close()
        self._index.close()
        self._watch.close()

    @property
    def _own_credentials(self) -> bool:
        return self.gatekeeper.rules.settings.device_credentials

    def _look_up(self, name: str, asker: Asker) -> tuple[ServedFile | None, FetchedFile]:
        if self.gatekeeper.guessed_names(asker):
            return None, FetchedFile(Reason.LOCKED_OUT)
        bare = bare_name(name)
        if len(bare) > _LONGEST_NAME:
            return None, NOT_THERE
        record, settings = self._index.find(bare), self.gatekeeper.rules.settings
        guarded = self._safeguards.judge(record, asker, settings)
        if record is None:
            return None, self._other(bare, asker)
        reason = self._access.judge(record, asker, own_credentials=settings.device_credentials)
        reason = guarded if reason is Reason.DELIVERED else reason
        if reason is Reason.DELIVERED:
            return record, self._read(record)
        self._assets.find(record.key)  # takes as long as for a name that nobody has (PH-03)
        return record, FetchedFile(reason)

    def _other(self, name: str, asker: Asker) -> FetchedFile:
        """What provisioning did not make: something that a device sent, or an asset."""
        mac = find_mac(name)
        device = self._index.device(mac) if mac else None
        if device is not None and device.enabled and device.may_upload(name.casefold()):
            return self._sent_back(device, name, asker)
        path = self._assets.find(name.casefold())
        if path is not None:
            return open_asset(self._root + path)._replace(path=path)
        if mac and device is None and not self._index.knows(mac):
            self.gatekeeper.note_unknown(asker, mac)
        return NOT_THERE

    def _sent_back(self, device: ServedDevice, name: str, asker: Asker) -> FetchedFile:
        reason = self._access.judge_upload(device, asker, own_credentials=self._own_credentials)
        if reason is Reason.DELIVERED:
            reason = self._safeguards.judge_device(device, asker, self.gatekeeper.rules.settings)
        if reason is not Reason.DELIVERED:
            return FetchedFile(reason)
        found = self._uploads.find(device, name, asker)
        content = read_plain_file(str(found.path)) if found else None
        if found is None or content is None:
            return NOT_THERE
        return FetchedFile(
            Reason.DELIVERED,
            content,
            f'"{sha256(content).hexdigest()[:32]}"',
            http_date(found.at),
            content_type(name),
            len(content),
        )

    def _note_unknown(self, name: str, asker: Asker) -> None:
        mac = find_mac(name[:_LONGEST_NAME])
        if mac and not self._index.knows(mac):
            self.gatekeeper.note_unknown(asker, mac)

    def _read(self, record: ServedFile) -> FetchedFile:
        content = read_plain_file(self._root + record.disk_path)
        if content is None:
            return FetchedFile(Reason.FILE_GONE)
        size = len(content)
        digest = record.sha256 if size == record.size else sha256(content).hexdigest()
        return FetchedFile(
            Reason.DELIVERED, content, f'"{digest[:32]}"', record.last_modified, record.content_type, size
        )

    def _record(
        self, name: str, asker: Asker, record: ServedFile | None, fetched: FetchedFile, *, head: bool = False
    ) -> None:
        reason = fetched.reason
        status = _STATUS.get(reason, 404)
        device = record.device if record else None
        self.log.add(
            Fetch(
                time.time(),
                asker.protocol,
                asker.source.address,
                asker.source.key,
                asker.agent,
                name,
                status,
                reason,
                fetched.size if status == 200 and not head else 0,
                device.mac if device else "",
                device.revision if device else 0,
                fetched.found and not head and not asker.simulated,
            )
        )


def bare_name(name: str) -> str:
    """The name below `provisioning/`, which phones may say or leave out."""
    bare = name.lstrip("/")
    return bare[13:] if bare[:13].lower() == "provisioning/" else bare
