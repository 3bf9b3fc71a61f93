"""Every shipped directory template, with a hostile address book: parsed back it holds exactly these people.

A template that a brand adds gets a line in READERS; `test_every_directory_template_is_read` says so.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from tests.phone_templates.fleet import ROOT, SETTINGS, TENANT, library
from tests.webprov.rendering.builders import make_model
from webprov.phones.phonemodel import FileRule
from webprov.rendering.directories import Directories, dialable, render_directories, shown_name
from webprov.rendering.systemdata import SystemData
from webprov.rendering.variables import directory_values
from webprov.sampledevices import HOSTILE
from webprov.store.contactrecords import NUMBER_FIELDS, Person

TEMPLATES = ROOT / "phone_templates"
Pair = tuple[str, str]

PEOPLE = [
    *(Person(first_name=name, last_name=f"{place}<&>", work=f"+49 30 {place}00") for place, name in enumerate(HOSTILE)),
    *(Person(company=name, mobile="+49 (0)171 5551234", group=f"R&D “{name}”") for name in HOSTILE),
    Person("Ann", "Example", "Acme & Sons", "Sales", "101", "+49 30 1", "0171/2", "030-3", "*21#", "ann@acme.example"),
    Person(last_name="Same", extension="7"),
    Person(last_name="Same", extension="7"),
    Person(first_name="Sip", other="sip:bo&co@pbx.example"),
    Person(first_name="Nobody can call", email="x@y.example"),
]


def pairs(people: Iterable[Person]) -> Counter[Pair]:
    """Name and number as they are dialled, of everybody."""
    return Counter(
        (shown_name(person), dialable(getattr(person, kind)))
        for person in people
        for kind in NUMBER_FIELDS
        if getattr(person, kind)
    )


def made(template: str, people: Iterable[Person] = PEOPLE, *, output: str = "", **sets: str) -> Directories:
    """The directory of one template as a model with these `set_` values has it."""
    model = make_model(directories=(FileRule(template, output or f"made/{Path(template).name}"),), sets=sets)
    values = directory_values(TENANT, model, SystemData(SETTINGS))
    return render_directories([(model, values)], people, library(), TENANT.name)


def text(element: Element, path: str) -> str:
    return element.findtext(path) or ""


def joined(first: str, last: str) -> str:
    return f"{first} {last}".strip()


def entries(entry: str, name: Callable[[Element], str], *numbers: str) -> Callable[[str], Iterator[Pair]]:
    """Reads XML whose `entry` elements hold a name and numbers in elements of these paths."""

    def read(content: str) -> Iterator[Pair]:
        for element in ElementTree.fromstring(content.encode()).iter(entry):
            for path in numbers:
                yield from ((name(element), number.text) for number in element.findall(path) if number.text)

    return read


def of(path: str) -> Callable[[Element], str]:
    return lambda element: text(element, path)


def both(first: str, last: str) -> Callable[[Element], str]:
    return lambda element: joined(text(element, first), text(element, last))


def titled(entry: str, name: str, number: str) -> Callable[[str], Iterator[Pair]]:
    """The same where the kind stands in brackets behind the name."""
    kinds = "|".join(NUMBER_FIELDS)
    return entries(entry, lambda element: re.sub(rf" \(({kinds})\)$", "", text(element, name)), number)


def read_units(content: str) -> Iterator[Pair]:
    for unit in ElementTree.fromstring(content.encode()).iter("Unit"):
        yield from ((unit.get("Name", ""), number) for n in "123" if (number := unit.get(f"Phone{n}")))


def read_snom(content: str) -> Iterator[Pair]:
    for contact in ElementTree.fromstring(content.encode()).iter("contact"):
        name = joined(text(contact, "first_name"), text(contact, "last_name"))
        yield from ((name, number.get("no", "")) for number in contact.iter("number"))


def read_digium(content: str) -> Iterator[Pair]:
    for contact in ElementTree.fromstring(content.encode()).iter("contact"):
        name = joined(contact.get("first_name", ""), contact.get("last_name", ""))
        yield from ((name, number.get("dial", "")) for number in contact.iter("number"))


def read_csv(content: str) -> Iterator[Pair]:
    for line in content.splitlines():
        name, number = line.split(",")
        yield re.sub(r" \(\w+\)$", "", name), number


def read_panasonic(content: str) -> Iterator[Pair]:
    space = "{http://panasonic/sip_phone}"
    for person in ElementTree.fromstring(content.encode()).iter(f"{space}Personnel"):
        name = text(person, f"{space}Name")
        yield from ((name, number.text or "") for number in person.iter(f"{space}PhoneNum"))


READERS: dict[str, Callable[[str], Iterable[Pair]]] = {
    "yealink/directory.xml": entries("DirectoryEntry", of("Name"), "Telephone"),
    "yealink/phonebook.xml": read_units,
    "flyingvoice/directory.xml": entries("DirectoryEntry", of("Name"), "Telephone"),
    "htek/directory.xml": entries("DirectoryEntry", of("Name"), "Telephone"),
    "polycom/contacts.xml": entries("item", both("fn", "ln"), "ct"),
    "grandstream/phonebook.xml": entries("Contact", both("FirstName", "LastName"), "Phone/phonenumber"),
    "snom/directory.xml": read_snom,
    "snom/tbook.xml": entries("item", both("first_name", "last_name"), "number"),
    "snom/dect-directory.xml": entries("DirectoryEntry", of("Name"), "Telephone", "Office", "Mobile"),
    "cisco/directory.xml": titled("DirectoryEntry", "Name", "Telephone"),
    "cisco/page.xml": titled("DirectoryEntry", "Name", "Telephone"),
    "fanvil/directory.xml": entries("DirectoryEntry", of("Name"), "Telephone", "Mobile", "Other"),
    "gigaset/directory.xml": entries("entry", both("fn", "ln"), "of", "mb", "hm"),
    "mitel/directory.xml": titled("MenuItem", "Prompt", "URI"),
    "mitel/directory.csv": read_csv,
    "digium/contacts.xml": read_digium,
    "vtech/directory.xml": entries("DIR_ENTRY", both("DIR_ENTRY_NAME_FIRST", "DIR_ENTRY_NAME_LAST"),
                                   "DIR_ENTRY_NUMBER_WORK", "DIR_ENTRY_NUMBER_MOBILE", "DIR_ENTRY_NUMBER_OTHER"),
    "avaya/directory.xml": entries("DirectoryEntry", both("FirstName", "LastName"), "PhoneNumbers/Phone/Number"),
    "zoiper/contacts.xml": entries("Contact", of("Name/Display"), "Phone/Phone"),
    "panasonic/phonebook.xml": read_panasonic,
}  # fmt: skip
WITHOUT_PEOPLE = {"cisco/menu.xml"}


def panasonic_pairs() -> Counter[Pair]:
    """Names of 24 characters without & ' < >; numbers of digits, * and #, 00 for +."""
    swap = str.maketrans("&'<>", "+ ()")
    found = (
        (name.translate(swap)[:24].strip(), re.sub(r"^\+", "00", number)) for name, number in pairs(PEOPLE).elements()
    )
    return Counter(pair for pair in found if re.fullmatch(r"[0-9*#]+", pair[1]))


EXPECTED: dict[str, Counter[Pair]] = {
    "panasonic/phonebook.xml": panasonic_pairs(),
    "mitel/directory.csv": Counter(
        (name.replace(",", " ").replace('"', "'"), n) for name, n in pairs(PEOPLE).elements()
    ),
}


def directory_templates() -> set[str]:
    """The templates of the folder that name any collection of contacts, or bring one in that does."""
    found = set()
    for path in TEMPLATES.rglob("*"):
        if path.is_file() and re.search(r"CONTACTS\b|CONTACT_NUMBERS|DIRECTORY_URL|directory\.xml", path.read_text()):
            found.add(path.relative_to(TEMPLATES).as_posix())
    return {name for name in found if not name.endswith(".cfg")} - {"grandstream/system.xml"}


def test_every_directory_template_is_read() -> None:
    assert directory_templates() == {*READERS, *WITHOUT_PEOPLE}


@pytest.mark.parametrize("template", [name for name in READERS if name != "polycom/contacts.xml"])
def test_a_directory_holds_exactly_the_people(template: str) -> None:
    found = made(template)

    assert (found.errors, found.warnings) == ([], [])
    (file,) = found.files.values()
    read = Counter((name.strip(), number) for name, number in READERS[template](file.text))
    expected = Counter(
        {(name.strip(), number): n for (name, number), n in EXPECTED.get(template, pairs(PEOPLE)).items()}
    )
    assert read == expected


def test_a_polycom_takes_each_number_once() -> None:
    (file,) = made("polycom/contacts.xml").files.values()

    read = list(READERS["polycom/contacts.xml"](file.text))
    assert Counter(number for _, number in read) == Counter({number for _, number in pairs(PEOPLE)})
    assert set(read) <= set(pairs(PEOPLE))


@pytest.mark.parametrize("template", [*READERS, *WITHOUT_PEOPLE])
def test_an_empty_directory_is_one(template: str) -> None:
    found = made(template, [])

    assert found.errors == []
    (file,) = found.files.values()
    assert list(READERS.get(template, lambda _: [])(file.text)) == []


@pytest.mark.parametrize("template", READERS)
def test_order_and_bytes_do_not_depend_on_how_people_come(template: str) -> None:
    one, other = made(template), made(template, reversed(PEOPLE))

    assert {path: file.content for path, file in one.files.items()} == {
        path: file.content for path, file in other.files.items()
    }


@pytest.mark.parametrize(
    ("template", "output", "size", "entry"),
    [
        ("cisco/page.xml", "cisco-${DIRECTORY_PAGE}.xml", 32, "DirectoryEntry"),
        ("mitel/directory.xml", "mitel-${DIRECTORY_PAGE}.xml", 15, "MenuItem"),
        ("panasonic/phonebook.xml", "panasonic-${DIRECTORY_PAGE}.xml", 20, "{http://panasonic/sip_phone}Personnel"),
    ],
)
def test_pages_hold_what_a_phone_takes_and_together_everybody(
    template: str, output: str, size: int, entry: str
) -> None:
    people = [Person(first_name=f"Person {number:03}", extension=str(1000 + number)) for number in range(70)]

    found = made(template, people, output=output, DIRECTORY_PAGE_SIZE=str(size))

    prefix = output.partition("$")[0]
    count = -(-70 // size)
    assert sorted(found.files) == sorted(f"{prefix}{page}.xml" for page in range(1, count + 1))
    roots = [ElementTree.fromstring(file.content) for file in found.files.values()]
    sizes = [len(list(root.iter(entry))) for root in roots]
    assert sizes == [size] * (70 // size) + [70 % size] * bool(70 % size)
    read = [pair for file in found.files.values() for pair in READERS[template](file.text)]
    assert Counter(read) == pairs(people)


def test_pages_lead_to_each_other() -> None:
    people = [Person(first_name=f"Person {number:03}", extension=str(1000 + number)) for number in range(70)]
    base = "http://phones:prov-Pa55word@pbx.example.com:8081/provisioning/CONTACTS/acme"

    cisco = made("cisco/page.xml", people, output="cisco-${DIRECTORY_PAGE}.xml", DIRECTORY_PAGE_SIZE="32").files
    mitel = made("mitel/directory.xml", people, output="mitel-${DIRECTORY_PAGE}.xml", DIRECTORY_PAGE_SIZE="15").files

    links = {
        path: dict(re.findall(r"<Name>(Next|Previous)</Name>\s*<URL>(.*?)</URL>", f.text)) for path, f in cisco.items()
    }
    assert links == {
        "cisco-1.xml": {"Next": f"{base}/cisco-2.xml"},
        "cisco-2.xml": {"Next": f"{base}/cisco-3.xml", "Previous": f"{base}/cisco-1.xml"},
        "cisco-3.xml": {"Previous": f"{base}/cisco-2.xml"},
    }
    middle = ElementTree.fromstring(mitel["mitel-3.xml"].content)
    assert (middle.get("previous"), middle.get("next")) == (f"{base}/mitel-2.xml", f"{base}/mitel-4.xml")
    assert "next" not in ElementTree.fromstring(mitel["mitel-5.xml"].content).attrib


def test_grandstream_and_yealink_know_groups() -> None:
    people = [
        Person(first_name="Ann", extension="1", group="Sales"),
        Person(first_name="Bo", extension="2", group="R&D"),
        Person(first_name="Cy", extension="3"),
    ]

    (grandstream,) = made("grandstream/phonebook.xml", people).files.values()
    (yealink,) = made("yealink/phonebook.xml", people).files.values()

    root = ElementTree.fromstring(grandstream.content)
    names = {text(group, "id"): text(group, "name") for group in root.findall("pbgroup")}
    assert [names.get(text(contact, "Group"), "") for contact in root.findall("Contact")] == ["Sales", "R&D", ""]
    menus = [
        (menu.get("Name"), [u.get("Name") for u in menu])
        for menu in ElementTree.fromstring(yealink.content).iter("Menu")
    ]
    assert menus == [("R&D", ["Bo"]), ("Sales", ["Ann"]), ("Contacts", ["Cy"])]
