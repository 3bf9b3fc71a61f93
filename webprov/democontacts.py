"""Contacts of the demo: people outside of its tenants, the same each time."""

import random
from collections.abc import Iterable, Iterator

from sqlalchemy.orm import Session

from webprov.changes.contacts import include_lines
from webprov.contactimport import import_contacts
from webprov.csvtable import write_csv
from webprov.directories import regenerate_dirty
from webprov.rights import CONSOLE
from webprov.site import SiteLoader
from webprov.store.contactrecords import CONTACT_FIELDS

CONTACTS = 45
_FIRST = ("Agnes", "Bo", "Chiara", "Dmitri", "Elif", "Frida", "Goran", "Henrike", "Inés", "Jun", "Kofi", "Lina")
_LAST = ("Almqvist", "Bauer", "Çelik", "Dupont", "Ferrari", "Ødegård", "Horvat", "Ivanova", "Kowalczyk", "Novák")
_GROUPS = ("Suppliers", "Carriers", "Authorities", "")
_COMPANIES = ("Northsea Freight", "Kranich & Sons", "Polder Cooling", "Lighthouse Foods", "City Council", "")


def add_contacts(session: Session, loader: SiteLoader, tenants: Iterable[str]) -> None:
    """Give each tenant an address book, the first its own lines as well, and make the directories at once."""
    chance = random.Random(11)  # noqa: S311 - nothing secret comes from it
    for place, tenant in enumerate(tenants):
        import_contacts(session, "".join(write_csv(CONTACT_FIELDS, _people(chance), guard=False)), CONSOLE, tenant)
        include_lines(session, CONSOLE, tenant, on=place == 0)
    regenerate_dirty(session, loader.load(session))


def _people(chance: random.Random) -> Iterator[tuple[str, ...]]:
    for number in range(10, 10 + CONTACTS):
        company, group = chance.choice(_COMPANIES), chance.choice(_GROUPS)
        mobile = f"+49 171 55502{number}" if chance.random() < 0.5 else ""
        email = f"person{number}@example.net" if chance.random() < 0.7 else ""
        name = chance.choice(_FIRST), chance.choice(_LAST)
        yield (*name, company, group, "", f"+49 30 55501{number}", mobile, "", "", email)
