import pytest

from webprov.phones.modelkeys import model_segment


@pytest.mark.parametrize(
    ("key", "segment"),
    [("yealink-t54w", "yealink-t54w"), ("A b/ü", "A-b--"), ("..", "--"), (".", "-"), ("", "-"), ("a_b.c", "a_b.c")],
)
def test_model_segment_is_one_plain_folder_name(key, segment):
    assert model_segment(key) == segment
