"""What is no whole backup of webprov changes nothing, wherever it comes from: security DB-05."""

import gzip
import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.webprov.backups.packing import contents, member, repack
from webprov.backups.restoring import restore_backup
from webprov.errors import BackupError, ConfigError, StorageError
from webprov.store.instance import open_instance


def about(**changed: object) -> dict[str, dict[str, bytes]]:
    words = {"format": 1, "version": "9", "revision": "0017", "made_at": "2026-11-26T06:00:00+00:00", **changed}
    return {"replace": {"webprov.json": json.dumps(words).encode()}}


def counters(*rows: str, head: str = '{"name":"plain","value":"plain"}') -> dict[str, dict[str, bytes]]:
    return {"replace": {"database/counters.jsonl": "\n".join([head, *rows, ""]).encode()}}


HOSTILE = {
    "up": {"add": {"files/scripts/../../../evil": b"x"}},
    "absolute": {"add": {"/tmp/evil": b"x"}},
    "elsewhere": {"add": {"files/evil": b"x"}},
    "the key's folder": {"add": {"files/secret.key": b"x"}},
    "a symbolic link": {"members": [member("files/scripts/a", tarfile.SYMTYPE, "/etc")]},
    "through a link": {"members": [member("files/tls/a", tarfile.SYMTYPE, "/tmp"), member("files/tls/a/b", size=1)]},
    "a hard link": {"members": [member("files/scripts/a", tarfile.LNKTYPE, "secret.key")]},
    "a device": {"members": [member("files/scripts/a", tarfile.CHRTYPE)]},
    "a pipe": {"members": [member("files/scripts/a", tarfile.FIFOTYPE)]},
    "a folder": {"members": [member("files/scripts/a", tarfile.DIRTYPE)]},
    "twice the same": {"add": {"files/scripts/a": b"x"}, "members": [member("files/scripts/a", size=1)]},
    "a file as a folder": {"add": {"files/scripts/a": b"x", "files/scripts/a/b": b"x"}},
    "a strange table": {"add": {"database/sqlite_master.jsonl": b"{}\n"}},
    "a table too few": {"cut": ["database/lines.jsonl"]},
    "a table's name": {"add": {"database/../x.jsonl": b"{}\n"}},
    "no end": {"sums": False},
    "no key": {"cut": ["secret.key"]},
    "another key": {"replace": {"secret.key": b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}},
    "no words of its own": {"cut": ["webprov.json"]},
    "strange words": {"replace": {"webprov.json": b"[]"}},
    "a newer format": about(format=2),
    "newer tables": about(revision="9999"),
    "a revision that is none": about(revision="head~1"),
    "no revision": about(revision=""),
    "no time": about(made_at="yesterday"),
    "a row that is none": counters('["x"]'),
    "rows that clash": counters('["x",1]', '["x",1]'),
    "a column too many": counters(head='{"name":"plain","value":"plain","x) --":"plain"}'),
    "no lines": {"replace": {"database/counters.jsonl": b""}},
    "a pickle": {"replace": {"database/counters.jsonl": b"\x80\x04N."}},
}  # fmt: skip


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_backup_changes_nothing(backup, config, tmp_path, changes):
    file = tmp_path / "hostile.backup"
    repack(backup, file, **changes)
    open_instance(config).close()
    before = {**contents(config.instance), "database": (config.instance / "webprov.sqlite3").read_bytes()}

    with pytest.raises((BackupError, ConfigError, StorageError)) as refused:
        restore_backup(config, file)

    assert {**contents(config.instance), "database": (config.instance / "webprov.sqlite3").read_bytes()} == before
    assert not list((config.instance / "tmp").iterdir())
    assert not Path("/tmp/evil").exists()
    assert len(str(refused.value)) < 500
    assert {path.name for path in tmp_path.iterdir()} == {"hostile.backup", "restored"}


@pytest.mark.parametrize("spoil", ["cut", "flipped", "empty", "noise", "bomb"])
def test_a_damaged_file_is_no_backup(backup, config, tmp_path, spoil):
    data = backup.read_bytes()
    half = len(data) // 2
    file = tmp_path / "damaged.backup"
    file.write_bytes({
        "cut": data[:half],
        "flipped": data[:half] + bytes([data[half] ^ 0x10]) + data[half + 1 :],
        "empty": b"",
        "noise": os.urandom(50_000),
        "bomb": gzip.compress(b"\0" * 50_000_000),
    }[spoil])  # fmt: skip

    with pytest.raises(BackupError):
        restore_backup(config, file)

    assert not config.key_file.exists()


def test_a_head_that_never_ends_is_not_read_to_its_end(config, tmp_path):
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.XHDTYPE, 40_000_000
    file = tmp_path / "long.backup"
    file.write_bytes(gzip.compress(head.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 40_000_000))

    with pytest.raises(BackupError, match="unpacks to more than it says"):
        restore_backup(config, file)


def test_a_file_that_is_not_there_is_named(config, tmp_path):
    with pytest.raises(StorageError, match=r"nothing\.backup cannot be read: No such file"):
        restore_backup(config, tmp_path / "nothing.backup")
