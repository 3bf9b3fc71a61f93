import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties import examples
from webprov.errors import InvalidValue
from webprov.phones.modelkeys import check_statement, model_segment


@pytest.mark.parametrize(
    ("key", "segment"),
    [("yealink-t54w", "yealink-t54w"), ("A b/ü", "A-b--"), ("..", "--"), (".", "-"), ("", "-"), ("a_b.c", "a_b.c")],
)
def test_model_segment_is_one_plain_folder_name(key, segment):
    assert model_segment(key) == segment


@examples(200, 20_000)
@given(st.text(max_size=40) | st.text(alphabet="./ a", max_size=3))
def test_fs01_any_key_makes_one_plain_folder_name(key):
    segment = model_segment(key)

    assert re.fullmatch("[A-Za-z0-9._-]+", segment, re.ASCII)
    assert segment not in (".", "..")


@pytest.mark.parametrize("form", ["{url}/", "{address}", "p={url}", "{host}"])
def test_setup_form_says_how_an_address_is_written(form):
    check_statement("setup_form", form)


@pytest.mark.parametrize("form", ["http://pbx/", "{url}{address}", "{url}{x}", "{0}"])
def test_setup_form_without_a_place_for_the_address_is_refused(form):
    with pytest.raises(InvalidValue, match="whole URL"):
        check_statement("setup_form", form)


@pytest.mark.parametrize("facts", ["verified: the maker's guide for V86", "partly: keys counted on pictures"])
def test_facts_say_how_sure_they_are_and_why(facts):
    check_statement("facts", facts)


@pytest.mark.parametrize("facts", ["verified", "verified: ", "sure: the guide", "the guide"])
def test_facts_without_that_are_refused(facts):
    with pytest.raises(InvalidValue, match="how sure"):
        check_statement("facts", facts)
