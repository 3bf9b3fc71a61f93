import pytest

from forms.devices import find_model
from webprov.errors import InvalidValue
from webprov.phones.phonemodel import PhoneModel

MODELS = [
    PhoneModel("yealink-t54w", "Yealink", "Yealink T54W"),
    PhoneModel("yealink-t54", "Yealink", "Yealink T54"),
    PhoneModel("polycom-vvx350", "Polycom", "Polycom VVX 350"),
]


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("yealink-t54w", "yealink-t54w"),
        ("Yealink  T54", "yealink-t54"),
        ("t54w", "yealink-t54w"),
        ("vvx", "polycom-vvx350"),
        ("", ""),
    ],
)
def test_a_model_is_found_by_key_label_or_part(typed, key):
    assert find_model(typed, MODELS) == key


def test_a_part_of_several_names_them():
    with pytest.raises(InvalidValue, match="“T5” fits Yealink T54W, Yealink T54"):
        find_model("T5", MODELS)


def test_a_model_that_is_gone_may_stay():
    assert find_model("old-phone", MODELS, kept="old-phone") == "old-phone"
    with pytest.raises(InvalidValue, match="There is no model"):
        find_model("old-phone", MODELS)
