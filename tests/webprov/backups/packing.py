"""Backups taken apart and put together otherwise."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """The files that a backup holds, by their names in the instance."""
    parts = ("provisioning", "user_provisioning", "uploads", "tls", "scripts", "secret.key")
    found = (path for part in parts for path in [folder / part, *(folder / part).rglob("*")])
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file() and not path.is_symlink()
    }


def repack(source: Path, target: Path, *, replace=(), add=(), members=(), sums=True, cut=()) -> None:
    """The backup with other contents, more files, or members of any kind before its end."""
    replace, add = dict(replace), dict(add)
    with tarfile.open(source) as old:
        entries = [(member, old.extractfile(member).read()) for member in old]
    with gzip.open(target, "wb") as packed, tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as new:
        found = {}

        def put(name: str, content: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
            found[name] = hashlib.sha256(content).hexdigest()

        for member, content in entries:
            if member.name != "sums.json" and member.name not in cut:
                put(member.name, replace.get(member.name, content))
        for name, content in add.items():
            put(name, content)
        for member, content in members:
            new.addfile(member, io.BytesIO(content) if content else None)
        if sums:
            put("sums.json", json.dumps(found).encode())


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made, b"x" * size
