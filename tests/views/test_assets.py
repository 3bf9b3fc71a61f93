import re

import pytest

from views.assets import ICONS, icon_sprite
from webprov.config import data_dir


def test_sprite_holds_every_icon_in_use():
    used = set()
    for path in data_dir("templates").rglob("*.html"):
        used |= set(re.findall(r'\bicon\("([a-z0-9-]+)"', path.read_text()))
    symbols = set(re.findall(r'<symbol[^>]*\bid="([^"]+)"', icon_sprite()))

    assert symbols == ICONS
    assert used - ICONS == set()


@pytest.mark.parametrize(
    ("address", "mimetype", "part"),
    [
        ("/static/icons.svg", "image/svg+xml", "<symbol"),
        ("/static/htmx.min.js", "text/javascript", "htmx"),
        ("/bootstrap/static/css/bootstrap.min.css", "text/css", "Bootstrap"),
    ],
)
def test_files_come_from_here(client, address, mimetype, part):
    with client.get(address) as answer:
        text = answer.text

    assert (answer.status_code, answer.mimetype) == (200, mimetype)
    assert part in text
