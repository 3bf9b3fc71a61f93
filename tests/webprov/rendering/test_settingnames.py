import time

from webprov.enums import FileFormat
from webprov.rendering.rendered import RenderedFile
from webprov.rendering.settingnames import doubled_names, line_names, setting_names


def file(text, kind):
    return RenderedFile("a", text.encode(), kind, "utf-8", "brand/a")


def test_names_of_lines_leave_comments_and_sections_out():
    found = file("#!version:1\n; x = 1\na.1 = x=y\n[s]\nSIP1 Name  :v\n\n  b=\nwords\n", FileFormat.KEYVALUE)

    assert setting_names(found) == ["a.1", "SIP1 Name", "b"]


def test_rl05_a_long_line_without_a_value_costs_little():
    began = time.monotonic()

    assert line_names("a" + " " * 100_000 + "b", "#") == [""]

    assert time.monotonic() - began < 0.1


def test_names_of_xml_are_attributes_and_leaves_or_what_an_attribute_says():
    found = file('<r v="1"><g><leaf>x</leaf><none/></g><p a.1="y"/><item name="n.1">z</item></r>', FileFormat.XML)

    assert setting_names(found) == ["v", "leaf", "a.1", "name", "item"]
    assert setting_names(found, attributes=("name",)) == ["v", "leaf", "a.1", "n.1"]


def test_names_of_json_come_from_all_levels():
    assert setting_names(file('{"a": [{"b": 1}], "c": {"d": 2}}', FileFormat.JSON)) == ["a", "b", "c", "d"]


def test_doubled_names_are_found_within_a_section():
    text = "a = 1\nb = 2\na = 3\n[x]\nb = 4\n"

    assert doubled_names(file(text, FileFormat.INI)) == ["a"]
    assert doubled_names(file(text, FileFormat.TEXT)) == []
