"""One table of names, held against the server's map, the real rclone and the page that lists files."""

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.factories import small_config
from webprov.assetfiles import AssetFolder
from webprov.delivery.assetnames import _RCLONE_MAC, is_asset, names_device
from webprov.delivery.assets import asset_sources, folder_state
from webprov.delivery.rclone import Rclone
from webprov.mac import find_mac
from webprov.serving.assets import Assets
from webprov.site import SiteLoader
from webprov.store.settings import first_settings

ASSETS = [
    "logo.png",
    "bak",
    "y000000000096.wav",
    "000000000000-directory.xml",
    "FIRMWARE-desk/805ec0000001.rom",
    "firmware-desk/v[1]{2}*.rom",
    "Config/805EC0000001-ring.wav",
    "PROFILES/a/80-5e-c0-00-00-01.xml",
    "ringtones/soft.wav",
    "ringtones/x.bak/loud.wav",
    "ringtones/0805ec0000001.wav",
    "ringtones/015ec0000001.wav",
    "1/2/3/4/5/6/7/8/deepest.wav",
]
OTHERS = [
    ".htaccess",
    "logo.png.bak",
    "logo.orig",
    "805ec0000009.cfg",
    "Config/.git/config",
    "Config/.x",
    "Config/x~",
    "Config/x.TMP",
    "FIRMWARE-desk/x.part",
    "PROFILES/a/.x.swp",
    "PROFILES/a/x.swp",
    "ringtones/805EC0000001.wav",
    "ringtones/phone-80:5e:c0:00:00:01/soft.wav",
    "ringtones/000000000000/805ec0000001.wav",
    "805ec0000001/soft.wav",
    "fIRMWARE/80-5e-c0-00-00-01",
    "configs/cfg805ec0000001.xml",
    "1/2/3/4/5/6/7/8/9/too-deep.wav",
]


@pytest.fixture
def root(config):
    for name in (*ASSETS, *OTHERS):
        file = config.provisioning_dir / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return config.provisioning_dir


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    config.provisioning_dir.mkdir(parents=True, exist_ok=True)
    return config


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_may_have_this_name(name):
    assert is_asset(name)


@pytest.mark.parametrize("name", OTHERS)
def test_no_asset_has_this_name(name):
    assert not is_asset(name)


def test_phones_get_what_the_rule_says(root):
    assets = Assets(root, lambda _folder: False)

    found = {name for name in (*ASSETS, *OTHERS) if assets.find(name.casefold())}

    assets.close()
    assert found == set(ASSETS)


def test_the_storage_gets_what_the_rule_says(root, storage, tmp_path):
    typed = {name: value for name, value in storage.settings().items() if name.startswith("s3_")}
    settings = replace(first_settings(), s3_prefix=f"{tmp_path.name}/", **typed)
    sources = asset_sources(root, set(), set(), {})

    for source in sources:
        Rclone(settings).sync(source.folder, source.path, lambda progress: None, source.rules)

    prefix = settings.s3_prefix
    assert {key.removeprefix(prefix) for key in storage.objects() if key.startswith(prefix)} == set(ASSETS)
    assert sum(folder_state(source).files for source in sources) == len(ASSETS)


def test_the_page_lists_what_the_rule_says(root, config, session):
    listed, waiting = set(), [""]
    folder = AssetFolder(root, SiteLoader(config).load(session).catalog)

    while waiting:
        folders, files = folder.entries(waiting.pop())
        waiting += [name for name in folders if folder.has_folder(name)]
        listed |= {file.name for file in files}

    assert listed <= set(ASSETS)
    assert {name for name in ASSETS if "[" not in name and name.count("/") < 8} <= listed


@given(st.text(alphabet="0123456789abcdefABCDEF:-./x", min_size=12, max_size=60))
@example("80-5e:c0000001")
@example("00:00:01:00:00:01")
def test_every_name_with_the_mac_of_a_phone_is_told_from_others(name):
    if find_mac(name):
        assert names_device(name)
    assert names_device(name) == (re.fullmatch(_RCLONE_MAC, name, re.ASCII) is not None)
