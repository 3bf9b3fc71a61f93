"""Templates as files in three levels: a tenant's, those of all, those shipped; which one wins, and who uses it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from webprov.errors import InvalidValue, TemplateError
from webprov.phones.phonemodel import PhoneModel, Refusal, Scope
from webprov.rendering.gate import is_template_name
from webprov.rendering.library import is_template, read_text
from webprov.site import Site, template_names


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """One file: the template `name` of a scope."""

    name: str
    scope: Scope
    tenant: str
    path: Path


@dataclass(frozen=True)
class Template:
    """All files of one name, the widest scope first; `models` are those whose files it goes into."""

    name: str
    files: tuple[TemplateFile, ...]
    models: tuple[PhoneModel, ...] = ()
    refusals: Mapping[str, Sequence[Refusal]] = field(default_factory=dict)

    @property
    def brand(self) -> str:
        """The folder that it lies in; empty at the top."""
        return self.name.partition("/")[0] if "/" in self.name else ""

    def winner(self, tenant: str) -> TemplateFile | None:
        """The file that counts for `tenant` ("" = for one without files of its own); None where there is none."""
        fitting = [file for file in self.files if file.tenant in ("", tenant)]
        return fitting[-1] if fitting else None

    def refused(self, file: TemplateFile) -> Sequence[Refusal]:
        """Why that file cannot be used."""
        return self.refusals.get(f"{file.tenant}:{file.scope}", ())


def list_templates(site: Site, tenants: Sequence[str]) -> list[Template]:
    """Every template of the system and of these tenants, by name."""
    found: dict[str, list[TemplateFile]] = {}
    for file in _files(site, tenants):
        found.setdefault(file.name, []).append(file)
    used = template_users(site)
    refusals = _refusals(site)
    templates = []
    for name in sorted(found, key=str.casefold):
        files = tuple(found[name])
        own = {f"{file.tenant}:{file.scope}": refusals.get(str(file.path), []) for file in files}
        templates.append(Template(name, files, tuple(used.get(name, ())), own))
    return templates


def find_template(site: Site, name: str, tenants: Sequence[str]) -> Template | None:
    """The template of that name as the system and these tenants have it; None where nobody has a file."""
    if not is_template_name(name):
        return None
    return next((template for template in list_templates(site, tenants) if template.name == name), None)


def template_users(site: Site, tenant: str = "") -> dict[str, list[PhoneModel]]:
    """Per template the models whose files it goes into, by itself or brought in by others."""
    reached: dict[str, frozenset[str]] = {}
    users: dict[str, list[PhoneModel]] = {}
    for model in site.catalog.models(tenant):
        names: set[str] = set()
        for name in template_names(model):
            if name not in reached:
                reached[name] = site.library.reach(name, tenant)
            names |= reached[name]
        for name in names:
            users.setdefault(name, []).append(model)
    return users


def template_path(site: Site, name: str, tenant: str, tenants: Sequence[str]) -> Path:
    """Where the scope's own file of that name lies, or would lie.

    Raises InvalidValue for a name that no template can have, or that would be another scope's file.
    """
    root = site.config.user_provisioning_dir
    if not is_template_name(name) or not is_template(name):
        raise InvalidValue(
            f"“{name[:80]}” cannot be the name of a template. Write letters, digits, . _ - and / between folders, like"
            " yealink/phone.cfg; no part begins with a dot."
        )
    if not tenant and name.partition("/")[0] in tenants and not (site.config.templates_dir / name).is_file():
        raise InvalidValue(f"{name.partition('/')[0]} is a tenant: its folder is not for all. Choose another folder.")
    path = root / tenant / name
    if path.is_dir():
        raise InvalidValue(f"{name} is a folder. Choose another name.")
    if path.is_symlink() or not path.parent.resolve().is_relative_to(root.resolve()):
        raise InvalidValue(f"{path} is, or lies behind, a symbolic link. Change the file that it leads to by hand.")
    return path


def template_text(file: TemplateFile) -> str:
    """What the file says, with LF line ends; what is not UTF-8 shows as U+FFFD. Empty where it cannot be read."""
    try:
        return read_text(file.name, file.path.read_bytes())
    except TemplateError:
        return file.path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def shipped_text(site: Site, name: str) -> str | None:
    """The shipped template of that name; None where none is shipped."""
    path = site.config.templates_dir / name
    if not is_template_name(name) or not path.is_file():
        return None
    return template_text(TemplateFile(name, Scope.SHIPPED, "", path))


def digest(text: str) -> str:
    """Names a text, to tell later whether it is still the same."""
    return hashlib.sha256(text.encode()).hexdigest()


def _files(site: Site, tenants: Sequence[str]) -> Iterator[TemplateFile]:
    for path, name in _walk(site.config.templates_dir):
        yield TemplateFile(name, Scope.SHIPPED, "", path)
    yield from own_files(site, tenants)


def own_files(site: Site, tenants: Sequence[str]) -> Iterator[TemplateFile]:
    """The templates of the system and of these tenants that are not shipped, those of the system first."""
    shipped, user = site.config.templates_dir, site.config.user_provisioning_dir
    own: list[TemplateFile] = []
    for path, name in _walk(user):
        first, _, rest = name.partition("/")
        if first in tenants and rest and not (shipped / name).is_file():
            own.append(TemplateFile(rest, Scope.TENANT, first, path))
        else:
            yield TemplateFile(name, Scope.GLOBAL, "", path)
    yield from own


def _walk(root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(root.rglob("*")) if root.is_dir() else []:
        name = path.relative_to(root).as_posix()
        if is_template(name) and is_template_name(name) and not path.is_dir():
            yield path, name


def _refusals(site: Site) -> dict[str, list[Refusal]]:
    """What cannot be used, by path."""
    found: dict[str, list[Refusal]] = {}
    for refusal in site.library.check():
        inside = refusal.file.removeprefix("user_provisioning/")
        root = site.config.templates_dir if inside == refusal.file else site.config.user_provisioning_dir
        found.setdefault(str(root / inside), []).append(refusal)
    return found
