from webprov.phones.catalog import Origin
from webprov.phones.inheritance import Stated
from webprov.phones.phonemodel import Scope

ONE_LINE = 9
"""Where [acme-one] stands in that family's file."""


def test_a_duplicate_section_refuses_both_across_files_too(load, acme):
    catalog = load({"models.d/acme.ini": acme, "models.d/more.ini": "[x]\n[acme-one]\nlabel = Other\n[acme-one]"})

    twins = {(refusal.file, refusal.line) for refusal in catalog.refusals if refusal.model == "acme-one"}
    assert twins == {("models.d/acme.ini", ONE_LINE), ("models.d/more.ini", 2), ("models.d/more.ini", 4)}
    assert catalog.models() == ()


def test_a_refused_family_refuses_each_heir_with_the_reason(load, acme):
    catalog = load({"models.d/acme.ini": acme.replace("brand = Acme", "brnad = Acme")})

    family, heir = catalog.refusals
    assert (family.model, family.line) == ("_acme", 2)
    assert (heir.model, heir.line) == ("acme-one", ONE_LINE + 1)
    assert "[_acme], which is refused (models.d/acme.ini, line 2)" in heir.reason


def test_a_circle_and_a_deep_chain_are_refused_alone(load, acme):
    circle = "[a]\nextends = b\n[b]\nextends = c\n[c]\nextends = a\n"
    chain = "".join(f"[d{number}]\nextends = d{number + 1}\n" for number in range(3000))

    catalog = load({"models.d/acme.ini": acme, "models.d/bad.ini": circle + chain})

    reasons = {refusal.model: refusal.reason for refusal in catalog.refusals}
    assert "(a -> b -> c -> a)" in reasons["a"]
    assert "more than 20" in reasons["d0"]
    assert [model.key for model in catalog.models()] == ["acme-one"]


def test_narrower_scopes_merge_key_by_key(load, acme):
    catalog = load({
        "models.d/acme.ini": acme,
        "user_provisioning/models.txt": "[acme-one]\nlabel = Ours\nset_VLAN_ID = 20\n",
        "user_provisioning/models.d/family.ini": "[_acme]\nset_SIP_TRANSPORT = tcp\n",
        "user_provisioning/blue/models.txt": "[acme-one]\nlabel = Blue\nset_VLAN_ID =\n[own]\nextends = acme-one",
        "user_provisioning/acme/phone.cfg": "a template, no model",
    })  # fmt: skip

    common, blue = catalog.model("acme-one"), catalog.model("acme-one", "blue")

    assert catalog.refusals == ()
    assert (common.label, common.scope, common.tenant) == ("Ours", Scope.GLOBAL, "")
    assert common.sets == {"COMMON": "01", "SIP_TRANSPORT": "tcp", "VLAN_ID": "20"}
    assert (blue.label, blue.scope, blue.tenant) == ("Blue", Scope.TENANT, "blue")
    assert blue.sets == {"COMMON": "01", "SIP_TRANSPORT": "tcp"}
    assert blue.shared == common.shared
    assert catalog.model("acme-one", "red") is common
    assert catalog.model("own") is None
    assert [model.key for model in catalog.models("blue")] == ["acme-one", "own"]
    assert catalog.origins("acme-one", "blue") == (
        Origin(Scope.SHIPPED, "", "models.d/acme.ini:9"),
        Origin(Scope.GLOBAL, "", "user_provisioning/models.txt:1"),
        Origin(Scope.TENANT, "blue", "user_provisioning/blue/models.txt:1"),
    )
    assert len(catalog.origins("acme-one")) == 2
    assert catalog.origins("nobody") == ()


def test_each_value_says_where_it_comes_from(load, acme):
    catalog = load({
        "models.d/acme.ini": acme.replace("label = Acme One", "firmware = one.rom"),
        "user_provisioning/blue/models.txt": "[_acme]\nset_SIP_TRANSPORT = tls\nline_template =\n",
    })  # fmt: skip

    stated = catalog.stated("acme-one", "blue")

    assert catalog.model("acme-one") is None
    assert stated["set_SIP_TRANSPORT"] == Stated("tls", "user_provisioning/blue/models.txt", 2, "_acme")
    assert stated["brand"] == Stated("Acme", "models.d/acme.ini", 2, "_acme")
    assert "line_template" not in stated
    assert catalog.stated("nobody") == {}


def test_a_tenant_override_of_a_family_changes_its_heirs_there_only(load, acme):
    catalog = load({
        "models.d/acme.ini": acme,
        "user_provisioning/blue/models.txt": "[_acme]\nset_SIP_TRANSPORT = tls\nbrand = Blue\n",
    })  # fmt: skip

    blue = catalog.model("acme-one", "blue")

    assert (blue.brand, blue.sets["SIP_TRANSPORT"], blue.scope) == ("Blue", "tls", Scope.SHIPPED)
    assert blue.shared[0].sets == {"SIP_TRANSPORT": "udp"}, "shared files are the same for all tenants"
    assert catalog.model("acme-one").brand == "Acme"


def test_a_bad_override_costs_the_model_in_that_scope_only(load, acme):
    catalog = load({
        "models.d/acme.ini": acme,
        "user_provisioning/blue/models.txt": "[acme-one]\nlines = x\n",
        "user_provisioning/red/models.txt": "[acme-one]\nshared_2 = a -> b\n",
    })  # fmt: skip

    assert [refusal.file for refusal in catalog.refusals] == [
        "user_provisioning/blue/models.txt", "user_provisioning/red/models.txt",
    ]  # fmt: skip
    assert "per-MAC file" in catalog.refusals[1].reason
    assert catalog.model("acme-one", "blue") is catalog.model("acme-one", "red") is None
    assert catalog.models("blue") == ()
    assert catalog.model("acme-one") is not None


def test_an_empty_value_drops_what_is_inherited(load, acme):
    dropped = "shared_1 =\nline_template =\ncheck_sync =\nset_SIP_TRANSPORT ="

    catalog = load({"models.d/acme.ini": acme.replace("set_COMMON = 01", dropped)})

    model = catalog.model("acme-one")
    assert (model.shared, model.files[0].line_template, model.check_sync, model.sets) == ((), "", "check-sync", {})


def test_maps_join_through_the_scopes(load, acme):
    catalog = load({
        "models.d/acme.ini": acme + "translation_map = acme\n",
        "models.d/maps/acme.ini": "[key]\nblf = 16\nline = 15\n",
        "user_provisioning/models.d/maps/acme.ini": "[key]\nblf = 17\n",
        "user_provisioning/blue/models.d/maps/acme.ini": "[key]\nline = 1\n",
    })  # fmt: skip

    common, blue = catalog.model("acme-one"), catalog.model("acme-one", "blue")

    assert {left: entry.value for left, entry in common.translation.keys.items()} == {"blf": "17", "line": "15"}
    assert {left: entry.value for left, entry in blue.translation.keys.items()} == {"blf": "17", "line": "1"}
    assert common.fingerprint != blue.fingerprint
