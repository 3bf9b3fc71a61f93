def test_tenants_are_created_listed_and_deleted(webprov):
    webprov("tenants", "create", "acme", "--label", "Acme Ltd", "--timezone", "Europe/Berlin", "--parkext", "700")
    webprov("tenants", "create", "globex")
    webprov("tenants", "delete", "globex")

    assert webprov.json("tenants", "list") == [
        {
            "name": "acme",
            "label": "Acme Ltd",
            "timezone": "Europe/Berlin",
            "language": "",
            "parkext": "700",
            "networks": "",
            "devices": 0,
        }
    ]


def test_a_tenant_with_devices_stays(fleet):
    result = fleet.try_("tenants", "delete", "acme")

    assert result.exit_code == 1
    assert "still has 2 devices" in result.stderr


def test_a_bad_name_is_said(webprov):
    result = webprov.try_("tenants", "create", "Acme Ltd")

    assert result.exit_code == 1
    assert "lower-case" in result.stderr


def test_an_empty_list_is_a_remark_and_nothing_to_read(webprov):
    result = webprov.try_("tenants", "list")

    assert (result.stdout, result.exit_code) == ("", 0)
    assert "no tenants" in result.stderr


def test_fields_of_a_tenant_are_set_with_the_forms_checks(webprov):
    webprov("tenants", "create", "acme", "--networks", "10.20.0.0/16")

    done = webprov("tenants", "set", "acme", "registrar=PBX.acme.example", "networks=10.1.2.3")
    unknown = webprov.try_("tenants", "set", "acme", "color=red")
    wrong = webprov.try_("tenants", "set", "acme", "networks=10.0.0/8")

    assert "Tenant acme changed." in done
    assert "10.1.2.3" in webprov("tenants", "list")
    assert (unknown.exit_code, "no field color" in unknown.stderr) == (2, True)
    assert (wrong.exit_code, "10.0.0/8" in wrong.stderr) == (1, True)
