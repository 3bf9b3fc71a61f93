from pathlib import Path

import pytest

from webprov.config import data_dir
from webprov.phones.catalog import load_catalog
from webprov.phones.discovery import Discovery, contradiction
from webprov.phones.useragents import Said


@pytest.fixture(scope="module")
def shipped():
    """Guesses by the models that ship."""
    return Discovery(load_catalog(data_dir("models.d"), Path("/nonexistent")).models())


@pytest.mark.parametrize(
    ("agent", "model"),
    [
        ("Yealink SIP-T54W 96.86.0.45 80:5e:c0:00:00:01", "yealink-t54w"),
        ("Yealink SIP-T19P_E2 53.84.0.125 80:5e:c0:00:00:01", "yealink-t19p-e2"),
        ("FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 Type/Application", "polycom-vvx450"),
        ("FileTransport PolycomSoundPointIP-SPIP_331-UA/4.0.3.7562 Type/Application", "polycom-ip331"),
        ("Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-4 000413922D24 SXM:0 UXM:0)", "snom-d785"),
        ("Mozilla/4.0 (compatible; snomPA1-SIP 8.4.35 1.1.3-s)", "snom-pa1"),
        ("Grandstream Model HW GRP2614 SW 1.0.9.26 DevId c074ad000006", "grandstream-grp2614"),
    ],
)
def test_user_agent_tells_the_model(shipped, agent, model):
    guess = shipped.guess("02AA00000001", agent)

    assert guess.model == model
    assert guess.brand.lower() == model.partition("-")[0]
    assert guess.said.firmware


def test_unknown_model_of_a_known_brand_leaves_the_choice(shipped):
    guess = shipped.guess("805EC0000001", "Yealink SIP-T999X 1.2.3.4 80:5e:c0:00:00:01")

    assert (guess.brand, guess.model) == ("Yealink", "")
    assert guess.said == Said("T999X", "1.2.3.4", "805EC0000001")


@pytest.mark.parametrize(
    ("mac", "brand"),
    [("805EC0123456", "Yealink"), ("0004F2123456", "Polycom"), ("000413123456", "Snom"), ("02AA00123456", "")],
)
def test_first_half_of_the_mac_tells_the_brand_but_never_the_model(shipped, mac, brand):
    guess = shipped.guess(mac, "curl/8.5")

    assert (guess.brand, guess.model) == (brand, "")


def test_name_that_a_model_completes_by_its_own_values_tells_the_model(shipped):
    assert shipped.guess("000413123456", "curl/8.5", ["provisioning/snomD785-000413123456.htm"]).model == "snom-d785"
    assert shipped.guess("000413123456", "curl/8.5", ["snomD785.htm"]).model == "snom-d785"


@pytest.fixture
def small(load):
    """Two brands: one names a file of its own kind, each model a shared one."""
    return Discovery(
        load(
            {
                "models.d/a.ini": (
                    "[_a]\nbrand = Acme\ntemplate_1 = a/p.cfg -> ${mac}.cfg\nshared_1 = a/c.cfg -> y${set_N}.cfg\n"
                    "[a-1]\nextends = _a\nlabel = One\nset_N = 01\n[a-2]\nextends = _a\nlabel = Two\nset_N = 02\n"
                    "[b-1]\nbrand = Beta\nlabel = Beta One\ntemplate_1 = b/p.xml -> cfg${mac}.xml\n"
                )
            }
        ).models()
    )


@pytest.mark.parametrize(
    ("paths", "guessed"),
    [
        (["/provisioning/CFG02aa00000001.xml"], ("Beta", "b-1")),
        (["02aa00000001.cfg"], ("Acme", "")),
        (["02aa00000001.cfg", "y02.cfg"], ("Acme", "a-2")),
        (["readme.txt", ""], ("", "")),
    ],
)
def test_names_of_files_tell_what_is_left(small, paths, guessed):
    guess = small.guess("02AA00000001", "", paths)

    assert (guess.brand, guess.model) == guessed


@pytest.mark.parametrize(
    ("agent", "found"),
    [
        ("Yealink SIP-T54W 96.86.0.45 80:5e:c0:00:00:01", ""),
        ("Yealink SIP-T46U 108.86.0.45 80:5e:c0:00:00:01", "model"),
        ("Yealink SIP-T54W 96.86.0.45 80:5e:c0:00:00:02", "mac"),
        ("curl/8.5", ""),
    ],
)
def test_contradiction_is_what_the_phone_says_otherwise(shipped, agent, found):
    assert contradiction(shipped.guess("805EC0000001", agent), "805EC0000001", "yealink-t54w") == found
