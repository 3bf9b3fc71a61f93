import pytest

from webprov.fetchwords import Answer, reasons_of, words_for
from webprov.serving.askers import Reason


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_and_one_kind(reason):
    words = words_for(reason)

    assert words.text
    assert words.text != reason
    assert [kind for kind in Answer if reason in reasons_of(kind)] == [words.answer]


def test_reason_without_words_speaks_for_itself():
    assert words_for("window closed").text == "window closed"
    assert words_for("window closed").answer is Answer.REFUSED
