import pytest

from webprov.enums import Protocol
from webprov.phones.catalog import load_catalog
from webprov.phones.modelkeys import MOST_COMMANDS
from webprov.phones.phonemodel import BootRequest, FileRule, MapEntry, SharedRule

ONE_LINE = 9
"""Where [acme-one] stands in that family's file."""


def test_a_model_reads_every_key_of_its_section(load):
    catalog = load({
        "models.d/acme.ini": r"""
            [_acme]                              ; a family
            brand = Acme
            template_1 = acme/phone.cfg -> ${mac}.cfg
            template_2 = acme/more.cfg -> ${mac}-more.cfg
            line_template = acme/line.cfg        ; line_template_2 replaces it
            line_template_2 = acme/line2.cfg
            key_template = acme/key.cfg
            shared_1 = acme/common.cfg -> y${set_COMMON}.cfg
            directory_1 = acme/directory.xml -> acme.xml
            member_1 = acme/member.cfg -> ${mac}.cfg
            alias_1 = ${MAC}.cfg
            upload_1 = ${mac}-local.cfg
            translation_map = acme
            check_sync = check-sync;reboot=false
            user_agent = Acme SIP-{model} {firmware} {mac}
            boot_1 = ${mac}.boot ?
            boot_2 = y${set_COMMON}.cfg
            setup_menu = Menu > Advanced > Auto provision
            set_SIP_TRANSPORT = udp
            [acme-one]
            extends = _acme
            label = Acme One
            lines = 16
            keys = 27
            modules = 3x60
            line_keys = 8
            set_COMMON = 096
            protocol = https
            firmware = one.rom
            command_1 = /usr/local/sbin/notify.sh ${TENANT} ${mac}
            external = no
            override = first = 1 ; kept
              # kept too

              second = 2
            """,
        "models.d/maps/acme.ini": """
            [timezone]
            Europe/Berlin = +1 | Germany
            [key]
            blf = 16
            """,
    })  # fmt: skip

    model = catalog.model("acme-one")

    assert catalog.refusals == ()
    assert model is not None
    assert (model.brand, model.label, model.family) == ("Acme", "Acme One", "_acme")
    assert (model.lines, model.keys, model.modules, model.external) == (16, 27, (3, 60), False)
    assert model.line_keys == 8
    assert model.files == (
        FileRule("acme/phone.cfg", "${mac}.cfg", "acme/line.cfg", "acme/key.cfg"),
        FileRule("acme/more.cfg", "${mac}-more.cfg", "acme/line2.cfg", "acme/key.cfg"),
    )
    assert model.shared == (SharedRule("acme/common.cfg", "y096.cfg", "_acme", {"SIP_TRANSPORT": "udp"}),)
    assert model.directories == (FileRule("acme/directory.xml", "acme.xml"),)
    assert model.members == (FileRule("acme/member.cfg", "${mac}.cfg", "acme/line.cfg", "acme/key.cfg"),)
    assert (model.aliases, model.uploads) == (("${MAC}.cfg",), ("${mac}-local.cfg",))
    assert model.boot == (BootRequest("${mac}.boot", optional=True), BootRequest("y${set_COMMON}.cfg"))
    assert (model.check_sync, model.protocol) == ("check-sync;reboot=false", Protocol.HTTPS)
    assert (model.firmware, model.firmware_dir) == ("one.rom", "FIRMWARE-acme-one")
    assert model.commands == ("/usr/local/sbin/notify.sh ${TENANT} ${mac}",)
    assert model.override == "first = 1 ; kept\n# kept too\n\nsecond = 2"
    assert model.sets == {"COMMON": "096", "SIP_TRANSPORT": "udp"}
    assert model.setup["menu"] == "Menu > Advanced > Auto provision"
    assert model.translation.timezones == {"Europe/Berlin": MapEntry("+1", "Germany")}
    assert model.translation.keys == {"blf": MapEntry("16")}
    assert model.source == "models.d/acme.ini:21"


def test_models_are_offered_by_brand_and_label_without_families(load, acme):
    catalog = load({
        "models.d/acme.ini": f"{acme}[acme-b]\nextends = acme-one\nlabel = b\n[acme-a]\nextends = acme-b\nlabel = A",
        "models.d/zeta.ini": "[zeta]\nbrand = aa\nlabel = z\ntemplate_1 = a -> b",
    })  # fmt: skip

    assert [model.key for model in catalog.models()] == ["zeta", "acme-a", "acme-one", "acme-b"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("lable = x", "Did you mean label?"),
        ("zzz = x", "no key “zzz”"),
        ("template_0 = a -> b", "no key “template_0”"),
        ("template = a -> b", "Write template_1"),
        ("template_2 = a", "not a file rule"),
        ("template_2 = ../a -> b", "stay below its folder"),
        ("template_2 = a -> /b", "stay below its folder"),
        ("line_template_3 = a", "Give both the same number"),
        ("lines = many", "not a number"),
        ("lines = 1001", "not a number"),
        ("modules = 60", "Write it like 3x60"),
        ("protocol = gopher", "Use one of http"),
        ("external = maybe", "neither yes nor no"),
        ("firmware_dir = /etc", "FIRMWARE-"),
        ("set_lower = x", "set_SIP_TRANSPORT"),
        ("set___x = x", "set_SIP_TRANSPORT"),
        ("command_1 = notify.sh", "whole path"),
        ('command_1 = /bin/x "', "quotation mark"),
        ("user_agent = Acme {model", "placeholders"),
        ("translation_map = ../x", "not the name of a map"),
        ("translation_map = nowhere", "models.d/maps/nowhere.ini"),
        ("check_sync = é", "not an event"),
        ("label = again", "already"),
        ("Label = again", "already"),
        ("just words", "key = value"),
        ("  and = more", "several lines"),
        ("shared_2 = a -> ${mac}.cfg", "Use template_N"),
        ("shared_2 = a -> ${set_NONE}.cfg", "needs set_NONE"),
        ("shared_2 = a -> Y01.cfg", "Two shared files"),
        ("boot_1 = ..", "stay below"),
        ("brand = \x07", "control character"),
    ],
)
def test_a_bad_line_refuses_its_model_alone(load, line, reason, acme):
    catalog = load({"models.d/acme.ini": f"{acme}{line}\n[acme-two]\nextends = _acme\nlabel = Two\nset_COMMON = 2"})

    [refusal] = catalog.refusals
    assert reason in refusal.reason
    assert (refusal.file, refusal.line, refusal.model) == ("models.d/acme.ini", ONE_LINE + 4, "acme-one")
    assert catalog.model("acme-one") is None
    assert catalog.model("acme-two") is not None


def commands(first: int, last: int) -> str:
    return "".join(f"command_{number} = /bin/echo {number}\n" for number in range(first, last + 1))


def test_more_commands_than_a_turn_has_time_for_refuse_the_model(load, acme):
    catalog = load({"models.d/acme.ini": acme + commands(1, MOST_COMMANDS + 1)})

    [refusal] = catalog.refusals
    assert refusal.reason == (
        "[acme-one] has 8 commands; at most 7 may run for a phone. Let one program do the work of several, or drop"
        " command_8 with an empty value."
    )
    assert (refusal.file, refusal.line) == ("models.d/acme.ini", ONE_LINE + 4 + MOST_COMMANDS)


def test_inherited_commands_count_and_dropped_ones_do_not(load, acme):
    more = "[acme-{0}]\nextends = acme-one\nlabel = {0}\n"
    heavy = more.format("heavy") + "command_20 = /bin/echo\n"
    swapped = more.format("swapped") + "command_3 =\ncommand_20 = /bin/echo\n"
    catalog = load({"models.d/acme.ini": acme + commands(1, MOST_COMMANDS) + heavy + swapped})

    [refusal] = catalog.refusals
    assert (refusal.model, refusal.reason.startswith("[acme-heavy] has 8 commands")) == ("acme-heavy", True)
    assert len(catalog.model("acme-one").commands) == len(catalog.model("acme-swapped").commands) == MOST_COMMANDS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[x]\nlabel = x\ntemplate_1 = a -> b", "has no brand"),
        ("[x]\nbrand = x\ntemplate_1 = a -> b", "has no label"),
        ("[x]\nbrand = x\nlabel = x", "has no template_1"),
        ("[DEFAULT]\nlabel = x", "[DEFAULT] has no template_1"),
        ("[x]\nextends = y", "no section [y]"),
        ("[x]\nextends = x", "circle (x -> x)"),
        ("[x", "not a section"),
        ("[]\nlabel = x", "needs a name"),
        ("[x] y", "not a section"),
        ("label = x", "before the first [section]"),
        ("[Acme-One]\nextends = _acme\nlabel = x\nset_COMMON = 7", "that of [acme-one]"),
        ("[acme one]\nextends = _acme\nlabel = x\nset_COMMON = 7\n[acme-one-]", ""),
        ("[x]\nbrand = x\nlabel = x\nshared_1 = x -> Y01.cfg", "both make the shared file"),
    ],
)
def test_a_bad_section_leaves_the_others_alone(load, text, reason, acme):
    catalog = load({"models.d/acme.ini": acme, "models.d/bad.ini": text})

    assert any(refusal.file == "models.d/bad.ini" and reason in refusal.reason for refusal in catalog.refusals)
    assert [model.key for model in catalog.models()] == ["acme-one"]


def test_a_bad_map_refuses_the_models_that_use_it(load, acme):
    catalog = load({
        "models.d/acme.ini": acme + "translation_map = acme\n[other]\nextends = _acme\nlabel = Other\nset_COMMON = 2",
        "models.d/maps/acme.ini": "[key]\nbif = 16\n",
    })  # fmt: skip

    of_map, of_model = catalog.refusals
    assert (of_map.file, of_map.line, of_map.model) == ("models.d/maps/acme.ini", 2, "")
    assert (of_model.model, of_model.line) == ("acme-one", ONE_LINE + 4)
    assert "models.d/maps/acme.ini, line 2" in of_model.reason
    assert catalog.model("other") is not None


def test_the_fingerprint_follows_values_only(load, acme):
    first = load({"models.d/acme.ini": acme}).model("acme-one")
    moved = load({"models.d/acme.ini": "# a comment\n" + acme}).model("acme-one")
    changed = load({"models.d/acme.ini": acme.replace("udp", "tcp")}).model("acme-one")

    assert first.source != moved.source
    assert first.fingerprint == moved.fingerprint != changed.fingerprint


def test_a_missing_template_refuses_its_models(tmp_path, load, acme):
    load({
        "models.d/acme.ini": acme + "[other]\nextends = _acme\nlabel = Other\nset_COMMON = 2\nline_template = no.cfg",
        "user_provisioning/blue/models.txt": "[blue]\nextends = acme-one\ntemplate_1 = blue.cfg -> ${mac}.cfg",
    })  # fmt: skip
    there = {("acme/phone.cfg", ""), ("acme/line.cfg", ""), ("acme/common.cfg", ""),
             ("acme/line.cfg", "blue"), ("blue.cfg", "blue")}  # fmt: skip

    def exists(name, tenant):
        return (name, tenant) in there

    catalog = load_catalog(tmp_path / "models.d", tmp_path / "user_provisioning", exists)

    [refusal] = catalog.refusals
    assert (refusal.model, refusal.line) == ("other", ONE_LINE + 8)
    assert "no.cfg is missing" in refusal.reason
    assert catalog.model("acme-one") is not None
    assert catalog.model("blue", "blue") is not None


@pytest.mark.parametrize("key", ["contacts", "Profiles", "firmware-x", ".hidden"])
def test_models_whose_folder_is_taken_are_refused(load, acme, key):
    catalog = load({"models.d/acme.ini": f"{acme}[{key}]\nextends = acme-one\nset_COMMON = 2"})

    assert f"would be {key}, which is not for files of phones" in catalog.refusals[0].reason
    assert [model.key for model in catalog.models()] == ["acme-one"]


@pytest.mark.parametrize("output", ["CONTACTS/x.cfg", "contacts/${mac}.cfg", "FIRMWARE-x/a.cfg"])
def test_files_of_a_phone_keep_out_of_shared_folders(load, output, acme):
    catalog = load({"models.d/acme.ini": f"{acme}template_2 = a -> {output}\n"})

    assert "not for a phone's own files" in catalog.refusals[0].reason


def test_broken_folders_are_named_and_nothing_else_is_lost(tmp_path, load, acme):
    load(
        {
            "models.d/acme.ini": acme,
            "user_provisioning/models.d": "no folder",
            "user_provisioning/blue/models.txt/x": "",
        }
    )
    (tmp_path / "models.d" / "loop.ini").symlink_to("loop.ini")
    (tmp_path / "models.d" / ".hidden.ini").write_text("junk")

    catalog = load_catalog(tmp_path / "models.d", tmp_path / "user_provisioning")
    empty = load_catalog(tmp_path / "nowhere", tmp_path / "nowhere")

    assert {refusal.file for refusal in catalog.refusals} == {
        "models.d/loop.ini", "user_provisioning/models.d", "user_provisioning/models.d/maps",
        "user_provisioning/blue/models.txt",
    }  # fmt: skip
    assert catalog.model("acme-one") is not None
    assert [refusal.file for refusal in empty.refusals] == ["nowhere"]
    assert empty.models() == ()
