"""A tenant with contacts and a phone whose model has a directory, on the small catalogue of the factories."""

from pathlib import Path
from xml.etree import ElementTree

from sqlalchemy.orm import Session

from webprov.changes.contacts import add_contact
from webprov.config import Config
from webprov.rights import CONSOLE

DIRECTORY = """\
## format: xml encoding=utf-8
<book title="${PHONEBOOK_NAME}">
% for contact in CONTACTS:
<p name="${contact.NAME}" ext="${contact.EXTENSION}" work="${contact.WORK}"/>
% endfor
</book>
"""


def give_directories(config: Config) -> None:
    """Let the desk phone of the small catalogue have a directory, `book.xml`; the lobby phone has none."""
    models = config.models_dir / "test.ini"
    models.write_text(models.read_text() + "directory_1 =\n\n[test-desk-2]\nextends = test-desk\nlabel = Desk 2\n")
    text = models.read_text().replace(
        "label = Testphone Desk\n", "label = Testphone Desk\ndirectory_1 = test/book.xml -> book.xml\n"
    )
    models.write_text(text)
    (config.templates_dir / "test" / "book.xml").write_text(DIRECTORY)


def add_people(session: Session, *names: str, tenant: str = "acme") -> list[int]:
    """Contacts with these first names and extensions from 201 on; their ids."""
    found = []
    for number, name in enumerate(names, start=201):
        found.append(add_contact(session, CONSOLE, tenant, {"first_name": name, "extension": str(number)}).id)
    return found


def book(config: Config, tenant: str = "acme", name: str = "book.xml") -> list[tuple[str, str]] | None:
    """Names and extensions as the tenant's directory file has them; None where there is none."""
    path: Path = config.provisioning_dir / "CONTACTS" / tenant / name
    if not path.exists():
        return None
    return [(entry.get("name", ""), entry.get("ext", "")) for entry in ElementTree.fromstring(path.read_bytes())]
