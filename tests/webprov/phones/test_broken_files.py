"""What hands and disks do to files of models (security R8): only that model is lost, and it comes back by itself."""

import os
import time

import pytest

from webprov.phones.catalogcache import CatalogCache

GOOD = "[good]\nbrand = Acme\nlabel = Good\ntemplate_1 = acme.cfg -> ${mac}.cfg\n"
BAD = GOOD.replace("good", "bad").replace("Good", "Bad")
KEYS = "\n".join(f"set_K{n} = {n}" for n in range(20))

TEXTS = {
    "cut in a line": (BAD + "lin", 5, "cannot be read"),
    "cut in a header": (BAD + "[ba", 5, "is not a section"),
    "two sections": (BAD + BAD, 1, "also stands in"),
    "the good one twice elsewhere": (BAD + "lines = x\n" + GOOD.replace("good", "other"), 5, "not a number"),
    "a key twice": (BAD + "lines = 1\nlines = 2\n", 6, "stands in line 5 already"),
    "a key twice in other case": (BAD + "lines = 1\nLines = 2\n", 6, "stands in line 5 already"),
    "an unknown key": (BAD + "labl = x\n", 5, "Did you mean label?"),
    "no number": (BAD + "lines = many\n", 5, "not a number"),
    "a huge number": (BAD + "lines = 999999999999\n", 5, "not a number"),
    "a negative number": (BAD + "keys = -1\n", 5, "not a number"),
    "odd modules": (BAD + "modules = three\n", 5, "3x60"),
    "a rule without an arrow": (BAD + "template_2 = acme.cfg\n", 5, "is not a file rule"),
    "a rule that leaves the folder": (BAD + "template_2 = ../x -> y\n", 5, "stay below"),
    "an absolute output": (BAD + "template_2 = acme.cfg -> /etc/passwd\n", 5, "stay below"),
    "an output among contacts": (BAD + "template_2 = acme.cfg -> CONTACTS/x.xml\n", 5, "CONTACTS"),
    "a missing template": (BAD + "template_2 = none.cfg -> x.cfg\n", 5, "none.cfg is missing"),
    "a missing map": (BAD + "translation_map = nowhere\n", 5, "There is no map nowhere"),
    "a missing family": (BAD + "extends = _nowhere\n", 5, "no section [_nowhere]"),
    "a circle": (BAD + "extends = bad\n", 5, "runs in a circle"),
    "a refused family": (BAD + "extends = _f\n[_f]\nlines = x\n", 5, "which is refused"),
    "no protocol": (BAD + "protocol = gopher\n", 5, "is not a protocol"),
    "no event": (BAD + "check_sync = café\n", 5, "is not an event"),
    "an open quotation mark": (BAD + "command_1 = /bin/x 'y\n", 5, "quotation mark"),
    "a relative command": (BAD + "command_1 = notify.sh\n", 5, "does not start with a path"),
    "an odd placeholder": (BAD + "user_agent = {model\n", 5, "placeholders"),
    "neither yes nor no": (BAD + "external = maybe\n", 5, "neither yes nor no"),
    "no firmware folder": (BAD + "firmware_dir = /srv\n", 5, "is not a firmware folder"),
    "a set_ name in lower case": (BAD + "set_x-y = 1\n", 5, "write set_"),
    "a NUL": (BAD + "label2 = \0\n", 0, "binary data"),
    "a control character": (BAD + "lines = 1\x07\n", 5, "control character"),
    "a line that goes on": (BAD + "lines = 1\n  2\n", 6, "cannot go on over several lines"),
    "a header with something behind": (BAD.replace("[bad]", "[bad] x"), 1, "nothing behind it"),
    "no brand": ("[bad]\nlabel = Bad\ntemplate_1 = acme.cfg -> x\n", 1, "has no brand"),
    "no label": ("[bad]\nbrand = Acme\ntemplate_1 = acme.cfg -> x\n", 1, "has no label"),
    "no files": ("[bad]\nbrand = Acme\nlabel = Bad\n", 1, "has no template_1"),
    "before any section": ("brand = Acme\n" + GOOD.replace("good", "third"), 1, "before the first [section]"),
    "DEFAULT is a section like others": ("[DEFAULT]\nlines = x\n" + KEYS, 2, "not a number"),
    "interpolation is none": (BAD + "lines = %(lines)s\n", 5, "not a number"),
    "another's folder": (BAD.replace("[bad]", "[go?od]") + BAD.replace("[bad]", "[go*od]"), 5, "which is that of"),
    "a reserved folder": (BAD.replace("[bad]", "[FIRMWARE-x]"), 1, "Rename the model"),
}


@pytest.fixture
def folders(tmp_path):
    models_dir, user_dir = tmp_path / "models.d", tmp_path / "user_provisioning"
    (models_dir / "maps").mkdir(parents=True)
    (user_dir / "blue" / "models.d").mkdir(parents=True)
    (models_dir / "acme.ini").write_text(GOOD)
    return models_dir, user_dir


@pytest.fixture
def cache(folders):
    return CatalogCache(*folders, template_exists=lambda name, _: name == "acme.cfg", recheck_seconds=0)


def refusals(cache, file):
    return [refusal for refusal in cache.current().refusals if refusal.file.endswith(file)]


@pytest.mark.parametrize("fault", TEXTS)
@pytest.mark.parametrize("place", ["models.d/z.ini", "models.txt"])
def test_a_broken_section_costs_itself_and_heals(cache, folders, caplog, fault, place):
    text, line, words = TEXTS[fault]
    file = folders[1] / place
    file.parent.mkdir(exist_ok=True)

    file.write_text(text)
    found = refusals(cache, place)

    assert cache.current().model("good").label == "Good"
    assert cache.current().model("bad") is None or "[bad" not in text.splitlines()[max(0, line - 1)]
    assert any(refusal.line == line and words in refusal.reason for refusal in found), found
    assert words in caplog.text
    file.write_text(BAD)
    assert cache.current().model("bad").label == "Bad"
    assert refusals(cache, place) == []


BYTES = {
    "binary": (bytes(range(256)), "not UTF-8"),
    "UTF-16": (BAD.encode("utf-16"), "not UTF-8"),
    "Latin-1": (BAD.replace("Bad", "Bäd").encode("latin-1"), "not UTF-8 (byte 0xE4 in line 3)"),
    "50 MB": (b"# " + b"x" * 50_000_000, "larger than 4 MiB"),
    "6,000 sections": (b"".join(b"[s%d]\n" % n for n in range(6000)), "more than 5000 sections"),
}


@pytest.mark.parametrize("fault", BYTES)
def test_a_broken_file_is_lost_whole_and_quickly(cache, folders, fault):
    content, words = BYTES[fault]
    file = folders[1] / "blue" / "models.d" / "z.ini"

    file.write_bytes(content)
    started = time.monotonic()
    found = refusals(cache, "z.ini")

    assert time.monotonic() - started < 10
    assert any(words in refusal.reason for refusal in found), found
    assert cache.current().model("good", "blue").label == "Good"
    file.write_text(BAD)
    assert cache.current().model("bad", "blue").label == "Bad"


@pytest.mark.parametrize("fault", ["loop", "nowhere", "pipe", "folder", "a file where a folder should be"])
def test_what_is_no_file_is_named_and_passed_over(cache, folders, fault):
    file = folders[1] / "models.d" / "z.ini"
    if fault == "a file where a folder should be":
        file.parent.write_text("x")
    else:
        file.parent.mkdir()
    if fault == "loop":
        file.symlink_to(file.name)
    elif fault == "nowhere":
        file.symlink_to("/nowhere/at/all")
    elif fault == "pipe":
        os.mkfifo(file)
    elif fault == "folder":
        file.mkdir()

    found = cache.current().refusals

    assert found
    assert all("user_provisioning/models.d" in refusal.file for refusal in found)
    assert cache.current().model("good").label == "Good"


def test_a_byte_order_mark_and_carriage_returns_do_no_harm(cache, folders):
    (folders[1] / "models.txt").write_bytes(b"\xef\xbb\xbf" + BAD.replace("\n", "\r\n").encode())

    assert cache.current().model("bad").label == "Bad"
    assert cache.current().refusals == ()


def test_a_model_that_is_broken_again_and_again_comes_back_each_time(cache, folders):
    file = folders[1] / "models.txt"

    for text, *_ in TEXTS.values():
        file.write_text(text)
        cache.current()
        file.write_text(BAD)
        assert cache.current().model("bad") is not None
