import pytest

from webprov.enums import KeyType
from webprov.phones.maps import join_maps, map_digest, read_map
from webprov.phones.phonemodel import MapEntry


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "acme.ini").write_text(text, encoding="utf-8")
        return read_map(tmp_path / "acme.ini", "models.d/maps/acme.ini")

    return read


def test_a_map_names_value_and_display(read):
    layer = read(
        "[timezone]\neurope/berlin = +1 | Germany(Berlin)\n* = 0 | London | not the zone\n"
        "[language]\nEN-gb = English ; a comment\n"
        "[key]\n" + "\n".join(f"{kind} = {number}" for number, kind in enumerate(KeyType))
    )

    assert layer.refusals == ()
    translation = join_maps("acme", [layer])
    assert translation.timezones == {
        "Europe/Berlin": MapEntry("+1", "Germany(Berlin)"),
        "*": MapEntry("0", "London", "not the zone"),
    }
    assert translation.languages == {"en-GB": MapEntry("English")}
    assert set(translation.keys) == set(KeyType)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[key]\nbif = 16", 2, "not a key type"),
        ("[keys]\nblf = 16", 1, "Use [timezone], [language] or [key]"),
        ("[key]\nblf = 16\n[key]\nline = 15", 3, "twice"),
        ("[key]\nblf = 16\nBLF = 17", 3, "already"),
        ("blf = 16", 1, "before the first"),
        ("[key]\nblf", 2, "key = value"),
    ],
)
def test_a_bad_map_is_broken_and_says_where(read, text, line, reason):
    layer = read(text)

    assert layer.broken is not None
    assert layer.refusals == (layer.broken,)
    assert (layer.broken.file, layer.broken.line) == ("models.d/maps/acme.ini", line)
    assert reason in layer.broken.reason


def test_an_unknown_zone_or_language_costs_its_line(read):
    layer = read("[timezone]\nEurope/Berln = +1\nEurope/Paris = +1\n[language]\nenglish_uk = English\n")

    assert layer.broken is None
    assert [refusal.line for refusal in layer.refusals] == [2, 5]
    assert "Did you mean Europe/Berlin? The line is ignored." in layer.refusals[0].reason
    assert set(join_maps("acme", [layer]).timezones) == {"Europe/Paris"}


def test_a_map_full_of_unknown_zones_is_broken(read):
    layer = read("[timezone]\n" + "\n".join(f"Nowhere/{number} = 1" for number in range(2000)))

    assert layer.broken is not None
    assert layer.broken.line == 52


def test_narrower_maps_replace_add_and_drop_entries(read):
    wide = read("[key]\nblf = 16\nline = 15\npark = 10")
    narrow = read("[key]\nblf = 17\nline =\nurl = 20")

    joined = join_maps("acme", [wide, narrow])

    assert joined.keys == {"blf": MapEntry("17"), "park": MapEntry("10"), "url": MapEntry("20")}
    assert map_digest(joined) != map_digest(join_maps("acme", [wide]))
    assert map_digest(joined) == map_digest(join_maps("acme", [wide, narrow]))
