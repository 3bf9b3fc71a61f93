"""Device, line and key variables, their priority, and that previews explain what rendering uses."""

from dataclasses import replace

import pytest

from tests.webprov.rendering.samples import ACME, custom, phone, phone_model, settings, variables_of
from webprov.errors import NotFound
from webprov.phones.phonemodel import MapEntry, TranslationMap
from webprov.rendering.defaults import SET_DEFAULTS
from webprov.rendering.layers import Layer
from webprov.rendering.names import DEVICE_NAMES, KEY_NAMES, LINE_NAMES, RAW_NAMES, SERVER_NAMES, SET_NAMES
from webprov.store.devicedata import CustomValue, KeyData, LineData


def test_every_name_of_the_vocabulary_has_a_value() -> None:
    context = variables_of().context

    produced_by_rendering = {"LINES", "KEYS"}
    assert {*SERVER_NAMES, *DEVICE_NAMES, *RAW_NAMES} - produced_by_rendering <= set(context.values)
    assert set(SET_NAMES) == set(SET_DEFAULTS) <= set(context.values)
    assert all(set(record) >= set(LINE_NAMES) for record in context.lines)
    assert all(set(record) == set(KEY_NAMES) for record in context.keys)


def test_whole_numbers_are_numbers_and_all_else_is_text() -> None:
    context = variables_of().context
    numbers = {"LINE", "LINE_ZERO_BASED", "LINE_COUNT", "KEY", "TZ_OFFSET"}

    for names in (context.values, *context.lines, *context.keys):
        assert {name for name, value in names.items() if isinstance(value, int)} == numbers & set(names)


def test_device_and_tenant_variables() -> None:
    values = variables_of(phone(admin_password="secret")).context.values

    assert (values["MAC"], values["mac"]) == ("001565A1B2C3", "001565a1b2c3")
    assert (values["MODEL"], values["MODEL_LABEL"]) == ("acme-t2", "Acme T2")
    assert (values["TENANT"], values["TENANT_ID"], values["DEFAULT_PARKEXT"]) == ("acme", "7", "700")
    assert values["LABEL"] == values["DEVICE_LABEL"] == "Reception"
    assert (values["ADMIN_PASSWORD"], values["LINE_COUNT"]) == ("secret", 1)


def test_override_joins_model_tenant_and_device_each_on_lines_of_its_own() -> None:
    tenant = replace(ACME, overrides={"acme-t2": "tenant=1\n", "other": "no=1"})

    values = variables_of(
        phone(tenant=tenant, override="device=${MAC}"), phone_model(override="model=1")
    ).context.values

    assert values["OVERRIDE"] == "model=1\ntenant=1\ndevice=${MAC}\n"


@pytest.mark.parametrize(
    ("of_device", "of_tenant", "zone", "layer"),
    [
        ("UTC", "Europe/Berlin", "UTC", Layer.DEVICE),
        ("", "Europe/Berlin", "Europe/Berlin", Layer.TENANT),
        ("", "", "Europe/Paris", Layer.SERVER),
    ],
)
def test_zone_is_the_devices_the_tenants_or_the_systems(
    of_device: str, of_tenant: str, zone: str, layer: Layer
) -> None:
    device = phone(timezone=of_device, tenant=replace(ACME, timezone=of_tenant))

    variables = variables_of(device, with_settings=settings(timezone="Europe/Paris"))

    assert variables.context.values["TZ"] == zone
    assert variables.explain("TZ").layer is layer


def test_zone_variables_say_when_summer_time_starts_and_ends() -> None:
    values = variables_of().context.values

    assert (values["TZ_OFFSET"], values["TZ_DST"], values["DST_OFFSET"]) == (3600, "1", "3600")
    edges = [[values[f"DST_{edge}_{part}"] for part in ("MONTH", "WEEK", "DAY", "HOUR")] for edge in ("START", "END")]
    assert edges == [["3", "5", "7", "2"], ["10", "5", "7", "3"]]
    assert (values["TL_TIMEZONE"], values["TL_TIMEZONE_NAME"]) == ("+1", "Germany (Berlin)")


def test_note_of_a_map_is_a_warning_of_the_phone() -> None:
    entry = MapEntry("+5:30", "India", "the clock is 15 minutes slow")
    model = phone_model(translation=TranslationMap("acme", timezones={"Asia/Kathmandu": entry}))

    context = variables_of(phone(timezone="Asia/Kathmandu"), model).context

    assert context.values["TL_TIMEZONE"] == "+5:30"
    assert "Asia/Kathmandu: the clock is 15 minutes slow." in context.warnings


def test_zone_without_summer_time_leaves_the_rule_empty() -> None:
    values = variables_of(phone(timezone="UTC")).context.values

    assert (values["TZ_DST"], values["DST_START_MONTH"], values["TL_TIMEZONE"]) == ("0", "", "0")


@pytest.mark.parametrize(
    ("language", "expected"),
    [("de", "German"), ("de-AT", "German"), ("pt-br", "Portuguese_BR"), ("pt", "English"), ("fi", "English")],
)
def test_phone_language_goes_by_tag_then_language_then_default(language: str, expected: str) -> None:
    values = variables_of(phone(language=language)).context.values

    assert (values["LANGUAGE"], values["PHONE_LANGUAGE"]) == (language, expected)


def test_language_is_english_where_nobody_says() -> None:
    assert variables_of(phone(tenant=replace(ACME, language=""))).context.values["LANGUAGE"] == "en"


def test_line_variables() -> None:
    line = LineData(2, "u2", "pw", "a2", "Ann Example", "102", "Ann", "Example", "Ann", "*97")
    expected = {
        "LINE": 2, "LINE_ZERO_BASED": 1, "USERID": "u2", "AUTH_ID": "a2", "PASSWORD": "pw", "EXTENSION": "102",
        "DISPLAY_NAME": "Ann Example", "FIRST_NAME": "Ann", "LAST_NAME": "Example", "LABEL": "Ann",
        "LINE_LABEL": "Ann", "VOICEMAIL": "*97",
    }  # fmt: skip

    context = variables_of(phone(lines=(line,))).context

    assert context.lines[1] == expected
    assert context.used_lines == (1,)
    assert context.lines[0] == {**dict.fromkeys(LINE_NAMES, ""), "LINE": 1, "LINE_ZERO_BASED": 0}


@pytest.mark.parametrize(
    ("line", "label"),
    [
        (LineData(1, "u", label="L", extension="1", display_name="D"), "L"),
        (LineData(1, "u", extension="1", display_name="D"), "1"),
        (LineData(1, "u", display_name="D"), "D"),
        (LineData(1, "u"), "u"),
    ],
)
def test_line_label_is_what_people_know_the_line_by(line: LineData, label: str) -> None:
    record = variables_of(phone(lines=(line,))).context.lines[0]

    assert record["LABEL"] == record["LINE_LABEL"] == label


def test_line_takes_its_sip_user_and_the_common_voicemail_where_it_names_none() -> None:
    line = LineData(1, "101", variables=custom(VOICEMAIL_NUMBER="*99"))

    common = variables_of(phone(lines=(replace(line, variables={}),)), variables=custom(VOICEMAIL_NUMBER="*98"))
    own = variables_of(phone(lines=(line,)), variables=custom(VOICEMAIL_NUMBER="*98"))

    assert (common.context.lines[0]["AUTH_ID"], common.context.lines[0]["VOICEMAIL"]) == ("101", "*98")
    assert own.context.lines[0]["VOICEMAIL"] == "*99"


def test_keys_stand_in_slots_of_phone_and_modules() -> None:
    keys = (KeyData(2, "blf", 0, "102", "Bob", 2), KeyData(1, "line", 1))
    without_module = phone(keys=keys[:1])

    context = variables_of(phone(keys=keys)).context

    places = [(record["KEY_MODULE"], record["KEY"]) for record in context.keys]
    assert places == [("0", 1), ("0", 2), ("0", 3), ("0", 4), ("1", 1), ("1", 2)]
    assert len(variables_of(without_module).context.keys) == 4  # no keys on a module: no slots for it
    assert context.used_keys == (1, 4)
    assert context.keys[1] == {
        "KEY": 2, "KEY_MODULE": "0", "KEY_TYPE": "blf", "KEY_CODE": "16", "KEY_VALUE": "102", "KEY_LABEL": "Bob",
        "KEY_LINE": "2",
    }  # fmt: skip
    assert context.keys[0] == {**dict.fromkeys(KEY_NAMES, ""), "KEY": 1, "KEY_MODULE": "0"}


def test_what_the_model_has_no_place_for_is_kept_and_warned_about() -> None:
    lines = tuple(LineData(number, str(number)) for number in range(1, 6))
    keys = (
        KeyData(1, "blf", line=9), KeyData(3, "intercom"), KeyData(5, "blf"), KeyData(6, "blf"),
        KeyData(3, "blf", 1), KeyData(1, "blf", 2),
    )  # fmt: skip

    context = variables_of(phone(lines=lines, keys=keys)).context

    assert context.used_lines == (0, 1)
    assert context.used_keys == (0,)
    assert context.warnings == (
        "Lines 3, 4 and 5 are not written: an Acme T2 has 2 lines.",
        "Key 3 is not written: an Acme T2 knows no intercom keys.",
        "Keys 5 and 6 are not written: an Acme T2 has 4 keys.",
        "Key 3 of module 1 is not written: a module of an Acme T2 has 2 keys.",
        "Key 1 of module 2 is not written: an Acme T2 takes 1 expansion module.",
        "Key 1 uses line 1: there is no line 9.",
    )


@pytest.mark.parametrize(("line_keys", "words"), [(0, "no key"), (1, "only key 1"), (2, "only keys 1 to 2")])
def test_a_line_on_a_key_that_cannot_stand_for_one_is_warned_about(line_keys: int, words: str) -> None:
    keys = (KeyData(1, "blf"), KeyData(3, "line"), KeyData(1, "line", 1))
    model = phone_model(line_keys=line_keys, translation=TranslationMap())

    context = variables_of(phone(keys=keys), model).context

    assert context.used_keys == (0,)
    assert context.warnings == (
        f"Key 3 is not written: {words} of an Acme T2 can stand for a line. "
        f"Key 1 of module 1 is not written: {words} of an Acme T2 can stand for a line.",
    )


def test_line_without_sip_user_is_no_line() -> None:
    context = variables_of(phone(lines=(LineData(1, display_name="Ann"),))).context

    assert (context.used_lines, context.values["LINE_COUNT"], context.lines[0]["DISPLAY_NAME"]) == ((), 0, "")
    assert context.warnings == ("Line 1 is not written: enter a SIP user.",)


def test_one_surplus_line_reads_as_one() -> None:
    lines = (LineData(1, "1"), LineData(2, "2"))

    warnings = variables_of(phone(lines=lines), phone_model(lines=1)).context.warnings

    assert warnings == ("Line 2 is not written: an Acme T2 has 1 line.",)


def test_priority_runs_from_line_to_default() -> None:
    steps = [
        ("SRTP", {}, Layer.DEFAULT, "off"),
        ("SRTP", {"model": "m"}, Layer.MODEL, "m"),
        ("SRTP", {"model": "m", "system": "g"}, Layer.GLOBAL_CUSTOM, "g"),
        ("SRTP", {"model": "m", "system": "g", "tenant": "t"}, Layer.TENANT_CUSTOM, "t"),
        ("SRTP", {"system": "g", "tenant": "t", "device": "d"}, Layer.DEVICE_CUSTOM, "d"),
        ("SRTP", {"system": "g", "tenant": "t", "device": "d", "line": "l"}, Layer.LINE_CUSTOM, "l"),
        ("REG_SERVER", {"line": "l", "device": "d"}, Layer.SERVER, "pbx.acme.example"),
        ("MAC", {"line": "l", "device": "d"}, Layer.DEVICE, "001565A1B2C3"),
        ("TENANT", {"line": "l", "system": "g"}, Layer.TENANT, "acme"),
        ("LABEL", {"line": "l", "device": "d"}, Layer.LINE, "101"),
    ]
    for name, given, layer, value in steps:
        scopes = {scope: custom(**{name: text}) for scope, text in given.items()}
        line = LineData(1, "101", extension="101", variables=scopes.get("line", {}))
        device = phone(
            tenant=replace(ACME, variables=scopes.get("tenant", {})), lines=(line,), variables=scopes.get("device", {})
        )
        sets = {name: given["model"]} if "model" in given else {}

        variables = variables_of(device, phone_model(sets=sets), variables=scopes.get("system", {}))

        found = variables.explain(name, line=1)
        assert (found.layer, found.value) == (layer, value)


def test_explaining_and_rendering_never_disagree() -> None:
    line = LineData(2, "102", variables=custom(SRTP="line", MAC="shadowed", MINE="1"))
    variables = variables_of(
        phone(lines=(line,), keys=(KeyData(1, "line", line=2),), variables=custom(SRTP="device", LABEL="shadowed")),
        phone_model(sets={"COMMON": "096"}),
        variables=custom(GLOBAL="g"),
    )
    context = variables.context
    as_line = {**context.values, **context.lines[1]}

    assert {found.name: found.value for found in variables.explain_all()} == context.values
    assert {found.name: found.value for found in variables.explain_all(line=2)} == as_line
    assert {found.name: found.value for found in variables.explain_all(key=1)} == {**as_line, **context.keys[0]}
    for found in variables.explain_all(line=2):
        assert variables.explain(found.name, line=2) == found
        assert found.source


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("REG_SERVER", "Server address"),
        ("SERVER", "= REG_SERVER"),
        ("PROXY_SERVER", "= REG_SERVER"),
        ("FIRMWARE_SERVER", "= PROV_SERVER"),
        ("PROTO", "Default protocol"),
        ("PROV_USER", "HTTP user"),
        ("DEFAULT_PARKEXT", "tenant acme"),
        ("COLOUR", "global variable"),
        ("LLDP", "default"),
    ],
)
def test_explanation_says_where_a_value_comes_from(name: str, source: str) -> None:
    assert variables_of(variables=custom(COLOUR="red")).explain(name).source == source


def test_secrets_are_marked_also_inside_urls() -> None:
    variables = variables_of(variables={"TOKEN": CustomValue("t", secret=True), "COLOUR": CustomValue("red")})

    secret = {found.name for found in variables.explain_all(line=1) if found.secret}

    assert {"PASSWORD", "ADMIN_PASSWORD", "PROV_PASSWORD", "PROTO_URL", "FIRMWARE_URL", "OVERRIDE", "TOKEN"} <= secret
    assert not {"COLOUR", "MAC", "REG_SERVER", "PROV_USER"} & secret


@pytest.mark.parametrize(("name", "line", "key"), [("NOPE", None, None), ("MAC", 3, None), ("MAC", None, 0)])
def test_explaining_what_is_not_there_says_so(name: str, line: int | None, key: int | None) -> None:
    with pytest.raises(NotFound):
        variables_of().explain(name, line, key)


def test_model_values_keep_their_own_name_beside_overrides() -> None:
    values = variables_of(model=phone_model(sets={"COMMON": "096"}), variables=custom(COMMON="7")).context.values

    assert (values["COMMON"], values["set_COMMON"]) == ("7", "096")
