"""Templates as one tenant sees them: found, checked by the gate, compiled once, watched for edits (spec 4)."""

import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path

from mako.exceptions import MakoException
from mako.template import Template

from webprov.errors import TemplateError
from webprov.phones.phonemodel import Refusal, Scope
from webprov.rendering.gate import TemplateFacts, check_template, is_template_name
from webprov.rendering.kinds import Refused
from webprov.rendering.mako_lexer import CompilingLexer
from webprov.rendering.work import MAX_LEVELS, MAX_LOOP_DEPTH, MAX_WORK, Reference

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_MAX_BYTES = 512 * 1024
_NUMBERS = count()
_MISSING = "there is no such template; check the spelling or put the file into place"


@dataclass(frozen=True, slots=True)
class LoadedTemplate:
    """A template that passed the gate, compiled; `facts` and `compiled` stem from the same bytes."""

    name: str
    facts: TemplateFacts
    compiled: Template
    sha256: str


@dataclass(frozen=True, slots=True)
class Closure:
    """A template with everything it includes and inherits. `names` says where each variable is first used, `handled`
    which ones are not just passed on."""

    files: tuple[LoadedTemplate, ...]
    names: dict[str, tuple[str, int]]
    handled: frozenset[str] = frozenset()

    @property
    def main(self) -> LoadedTemplate:
        """The template itself."""
        return self.files[0]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is remembered of one file: the stamp of what was read, and the template or why it cannot be used."""

    stamp: tuple[int, ...]
    sha256: str
    loaded: LoadedTemplate | None
    trouble: TemplateError | None


class TemplateLibrary:
    """Finds templates in `user/<tenant>/`, then `user/`, then `shipped`. Safe to use from several threads."""

    def __init__(self, shipped: Path, user: Path) -> None:
        self.shipped = shipped
        self.user = user
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._names: dict[str, LoadedTemplate] = {}
        self._closures: dict[tuple[str, str], Closure] = {}

    def snapshot(self) -> "TemplateLibrary":
        """The library as it is now: each template is looked up on disk once, and then stays as it was."""
        return _Snapshot(self)

    def with_draft(self, path: Path, content: bytes | None) -> "TemplateLibrary":
        """The library as it would be with this content at `path`, or with no file there."""
        return _Drafted(self, str(path), content)

    def load(self, name: str, tenant: str) -> LoadedTemplate:
        """The template of that name in the tenant's view.

        Raises TemplateError where there is none, or the gate refuses it.
        """
        entry = self._entry(name, tenant)
        if entry.trouble is not None:
            raise TemplateError(entry.trouble.file, entry.trouble.line, entry.trouble.reason)
        assert entry.loaded is not None
        return entry.loaded

    def exists(self, name: str, tenant: str) -> bool:
        """Whether the tenant's view has a template of that name, usable or not."""
        return is_template_name(name) and any(self._is_there(path) for path, _ in self._candidates(name, tenant))

    def closure(self, name: str, tenant: str) -> Closure:
        """The template with all that it brings in; raises TemplateError for a circle, a missing file, too much work."""
        known = self._closures.get((name, tenant))
        if known is not None and all(self.load(file.name, tenant) is file for file in known.files):
            return known
        files: dict[str, LoadedTemplate] = {}
        self._gather(name, tenant, (), files)
        _check_bounds(files, name)
        names: dict[str, tuple[str, int]] = {}
        for file in files.values():
            for variable, line in file.facts.names.items():
                names.setdefault(variable, (file.name, line))
        handled = frozenset().union(*(file.facts.handled for file in files.values()))
        found = self._closures[name, tenant] = Closure(tuple(files.values()), names, handled)
        return found

    def reach(self, name: str, tenant: str) -> frozenset[str]:
        """The template and everything it brings in, as far as that can be read; never raises."""
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += self._state(one, tenant)[1]
        return frozenset(seen)

    def fingerprint(self, names: Iterable[str], tenant: str) -> str:
        """A hash that changes when one of these templates, or anything they bring in, changes in the tenant's view."""
        digest = hashlib.sha256()
        seen: set[str] = set()
        waiting = sorted(set(names), reverse=True)
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            sha256, brought = self._state(name, tenant)
            digest.update(f"{name}\0{sha256}\n".encode())
            waiting += sorted(brought, reverse=True)
        return digest.hexdigest()

    def meaning(self, name: str, tenant: str) -> str:
        """The same for as long as the template and all that it brings in differ in comments alone; "" = unusable."""
        try:
            files = self.closure(name, tenant).files
        except TemplateError:
            return ""
        return " ".join(f"{file.name}={file.facts.meaning}" for file in files)

    def check(self) -> list[Refusal]:
        """Every refusal in every template of every root, the narrower scopes last."""
        return [*_walk_check(self, self.shipped, ""), *_walk_check(self, self.user, "user_provisioning/")]

    def check_path(self, path: Path) -> list[Refusal]:
        """Every refusal in the template at `path`, or in those below it; they need not lie in a root."""
        files = sorted(file for file in path.rglob("*") if is_template(file.name)) if path.is_dir() else [path]
        refusals: list[Refusal] = []
        for file in (file.resolve() for file in files if not file.is_dir()):
            root = next((root.resolve() for root in (self.user, self.shipped) if _is_in(file, root)), file.parent)
            shown = "user_provisioning/" if root == self.user.resolve() else ""
            refusals += _check_file(self, file, root, file.relative_to(root).as_posix(), shown)
        return refusals

    def name_template(self, text: str) -> LoadedTemplate:
        """A file name like `${mac}.cfg` as a template; raises TemplateError."""
        found = self._names.get(text)
        if found is None:
            facts = check_template(text[:80], text)
            if facts.refusals or facts.references or "\n" in text:
                reason = facts.refusals[0].reason if facts.refusals else "a file name is one line without tags"
                raise TemplateError(text[:80], 0, f"not usable as a file name: {reason}")
            found = self._names[text] = LoadedTemplate(text, facts, _compile(text[:80], text), "")
        return found

    def scope(self, name: str, tenant: str) -> Scope:
        """Whose file of that name counts for the tenant; raises TemplateError where there is none."""
        for path, root in self._candidates(name, tenant):
            if self._at(name, path, root) is not None:
                return {self.shipped: Scope.SHIPPED, self.user: Scope.GLOBAL}.get(root, Scope.TENANT)
        raise TemplateError(name, 0, _MISSING)

    def _entry(self, name: str, tenant: str) -> _Entry:
        for path, root in self._candidates(name, tenant):
            found = self._at(name, path, root)
            if found is not None:
                return found
        raise TemplateError(name, 0, _MISSING)

    def _at(self, name: str, path: str, root: Path) -> _Entry | None:
        """What lies at `path`; None where nothing does."""
        try:
            status = os.stat(path)  # noqa: PTH116  a string: this runs for every file of every device
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as e:
            raise TemplateError(name, 0, f"cannot be read: {e.strerror}") from None
        stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)
        key = (path, name)
        known = self._entries.get(key)
        if known is None or known.stamp != stamp:
            known = self._entries[key] = self._read(name, Path(path), root, stamp)
        return known

    def _is_there(self, path: str) -> bool:
        return Path(path).is_file()

    def _candidates(self, name: str, tenant: str) -> Iterator[tuple[str, Path]]:
        if not is_template_name(name) or not (tenant == "" or _TENANT.fullmatch(tenant)):
            raise TemplateError(name[:80], 0, "this is not the name of a template; write it like yealink/phone.cfg")
        if tenant:
            yield f"{self.user}/{tenant}/{name}", self.user / tenant
        yield f"{self.user}/{name}", self.user
        yield f"{self.shipped}/{name}", self.shipped

    def _read(self, name: str, path: Path, root: Path, stamp: tuple[int, ...]) -> _Entry:
        with self._lock:
            sha256 = ""
            try:
                content = read_inside(name, path, root)
                sha256 = hashlib.sha256(content).hexdigest()
                return _Entry(stamp, sha256, _load(name, content, sha256), None)
            except TemplateError as e:
                return _Entry(stamp, sha256, None, e)

    def _gather(self, name: str, tenant: str, above: tuple[str, ...], files: dict[str, LoadedTemplate]) -> None:
        if name in files:
            return
        if len(above) >= MAX_LEVELS:
            raise TemplateError(above[-1], 0, f"templates bring each other in more than {MAX_LEVELS} deep")
        loaded = self.load(name, tenant)
        files[name] = loaded
        for reference in loaded.facts.references:
            if reference.file in (*above, name):
                raise TemplateError(name, reference.line, f"{reference.file} brings itself in again, in a circle")
            try:
                self._gather(reference.file, tenant, (*above, name), files)
            except TemplateError as e:
                if e.file != reference.file or e.line:
                    raise
                raise TemplateError(name, reference.line, f"{e.file}: {e.reason}") from None

    def _state(self, name: str, tenant: str) -> tuple[str, set[str]]:
        try:
            entry = self._entry(name, tenant)
        except TemplateError:
            return "missing", set()
        brought = {r.file for r in entry.loaded.facts.references} if entry.loaded else set()
        return entry.sha256, brought


class _Snapshot(TemplateLibrary):
    """A library at one moment; it shares what the other has read and compiled."""

    def __init__(self, library: TemplateLibrary) -> None:
        self.__dict__.update(vars(library))
        self._seen: dict[tuple[str, str], _Entry] = {}

    def _entry(self, name: str, tenant: str) -> _Entry:
        found = self._seen.get((name, tenant))
        if found is None:
            found = self._seen[name, tenant] = super()._entry(name, tenant)
        return found


class _Drafted(_Snapshot):
    """A library at one moment with one file as it would be; what it finds out stays its own."""

    def __init__(self, library: TemplateLibrary, path: str, content: bytes | None) -> None:
        super().__init__(library)
        self._closures = {}
        self._path = path
        self._content = content
        self._draft: dict[str, _Entry] = {}

    def _at(self, name: str, path: str, root: Path) -> _Entry | None:
        if path != self._path:
            return super()._at(name, path, root)
        if self._content is None:
            return None
        if name not in self._draft:
            self._draft[name] = _read_draft(name, self._content)
        return self._draft[name]

    def _is_there(self, path: str) -> bool:
        return self._content is not None if path == self._path else super()._is_there(path)


def _read_draft(name: str, content: bytes) -> _Entry:
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        if len(content) > _MAX_BYTES:
            raise TemplateError(name, 0, f"is larger than {_MAX_BYTES // 1024} KiB")
        return _Entry((), sha256, _load(name, content, sha256), None)
    except TemplateError as e:
        return _Entry((), sha256, None, e)


def read_inside(name: str, path: Path, root: Path) -> bytes:
    """The bytes of a regular file that lies inside `root` after symbolic links are followed; raises TemplateError."""
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root.resolve(strict=True)):
            raise TemplateError(name, 0, "a symbolic link leads out of the templates' folder; copy the file instead")
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as e:
        raise TemplateError(name, 0, f"cannot be read: {e.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise TemplateError(name, 0, "is not a regular file")
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise TemplateError(name, 0, f"is larger than {_MAX_BYTES // 1024} KiB")
    return content


def read_text(name: str, content: bytes) -> str:
    """The text of a template: UTF-8, line ends as LF; raises TemplateError."""
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as e:
        line = content.count(b"\n", 0, e.start) + 1
        raise TemplateError(name, line, "is not UTF-8; save the file in that encoding") from None


def _load(name: str, content: bytes, sha256: str) -> LoadedTemplate:
    text = read_text(name, content)
    facts = _facts(name, text)
    if facts.refusals:
        first = facts.refusals[0]
        raise TemplateError(name, first.line, first.reason)
    return LoadedTemplate(name, facts, _compile(name, text), sha256)


def _compile(name: str, text: str) -> Template:
    try:
        return Template(  # noqa: S702  the gate has seen it; Escaper escapes for its format
            text=text,
            uri=f"{name}#{next(_NUMBERS)}",  # of its own: Mako forgets the source of a name with the first that goes
            lexer_cls=CompilingLexer,
            default_filters=[],
            strict_undefined=True,
            cache_enabled=False,
        )
    except (MakoException, Refused, SyntaxError, ValueError, RecursionError) as e:
        raise TemplateError(name, 0, "Mako cannot compile this template; simplify it") from e


def _check_bounds(files: dict[str, LoadedTemplate], name: str) -> None:
    levels, loops, work = _bounds(files, name, {})
    if levels > MAX_LEVELS:
        raise TemplateError(name, 0, f"templates bring each other in {levels} deep; {MAX_LEVELS} are allowed")
    if loops > MAX_LOOP_DEPTH:
        raise TemplateError(name, 0, f"loops are nested {loops} deep through included templates; 2 are allowed")
    if work > MAX_WORK:
        raise TemplateError(name, 0, "the loops of this template and of those it includes would run too long")


def _bounds(
    files: dict[str, LoadedTemplate], name: str, known: dict[str, tuple[int, int, int]]
) -> tuple[int, int, int]:
    """Levels, depth of loops and work of one template with all that it brings in."""
    if name not in known:
        facts = files[name].facts
        levels, loops, work = 0, facts.loops, facts.work
        for reference in facts.references:
            inner = _bounds(files, reference.file, known)
            levels = max(levels, inner[0])
            loops = max(loops, reference.loops + inner[1])
            work = min(work + reference.times * inner[2], MAX_WORK + 1)
        known[name] = (levels + 1, loops, work)
    return known[name]


def _is_in(file: Path, root: Path) -> bool:
    return file.is_relative_to(root.resolve())


def _walk_check(library: TemplateLibrary, root: Path, shown: str) -> Iterator[Refusal]:
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        name = path.relative_to(root).as_posix()
        if not path.is_dir() and is_template(name):
            yield from _check_file(library, path, root, name, shown)


def is_template(name: str) -> bool:
    """Is this file below a root of templates meant to be one? Models, notes and hidden files are not."""
    parts = name.split("/")
    hidden = any(part.startswith(".") for part in parts)
    return not (hidden or "models.d" in parts or parts[-1] in ("models.txt", "README.md") or parts[-1].endswith("~"))


@lru_cache(maxsize=256)  # pages list the refusals of every template each time
def _facts(name: str, text: str) -> TemplateFacts:
    return check_template(name, text)


def _check_file(library: TemplateLibrary, path: Path, root: Path, name: str, shown: str) -> Iterator[Refusal]:
    try:
        facts = _facts(name, read_text(name, read_inside(name, path, root)))
    except TemplateError as e:
        yield Refusal(shown + name, e.line, e.reason)
        return
    for refusal in facts.refusals:
        yield Refusal(shown + name, refusal.line, refusal.reason)
    tenant, _, rest = name.partition("/")
    for reference in facts.references:
        yield from _check_reference(library, reference, shown + name, tenant if shown and rest else "")


def _check_reference(library: TemplateLibrary, reference: Reference, file: str, tenant: str) -> Iterator[Refusal]:
    try:
        library.closure(reference.file, tenant if _TENANT.fullmatch(tenant) else "")
    except TemplateError as e:
        yield Refusal(file, reference.line, str(e))
