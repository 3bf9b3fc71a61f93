import hashlib
import io

import pytest

from tests.factories import make_device, make_tenant, small_config
from webprov.assetfiles import AssetFolder, asset_folder, delete_asset, firmware_in_use, upload_asset
from webprov.enums import Role
from webprov.errors import InvalidValue, NotAllowed, NotFound, StorageError
from webprov.rights import CONSOLE, Actor
from webprov.site import SiteLoader
from webprov.store.models import ChangeRecord


@pytest.fixture
def config(tmp_path):
    config = small_config(tmp_path)
    with (config.models_dir / "test.ini").open("a") as file:
        file.write("\n[test-big]\nextends = _deskphone\nlabel = Big\nfirmware = big-1.2.rom\n")
    return config


@pytest.fixture
def site(config, session):
    make_tenant(session)
    return SiteLoader(config).load(session)


@pytest.fixture
def assets(config, session, site) -> AssetFolder:
    return asset_folder(session, config.provisioning_dir, site.catalog)


def put(assets: AssetFolder, name: str, content: bytes = b"x"):
    return assets.write(name, io.BytesIO(content))


def test_file_is_stored_whole_with_its_checksum(assets, config):
    stored = put(assets, "FIRMWARE-test-big/big-1.2.rom", b"a" * 3_000_000)

    path = config.provisioning_dir / "FIRMWARE-test-big" / "big-1.2.rom"
    assert path.read_bytes() == b"a" * 3_000_000
    assert stored.sha256 == hashlib.sha256(b"a" * 3_000_000).hexdigest() == assets.checksum(stored.name)
    assert (stored.size, stored.replaced) == (3_000_000, False)
    assert path.stat().st_mode & 0o777 == 0o640
    assert put(assets, "FIRMWARE-test-big/big-1.2.rom", b"b").replaced
    assert assets.checksum(stored.name) == hashlib.sha256(b"b").hexdigest()


def test_broken_upload_leaves_the_old_file_and_nothing_else(assets, config):
    put(assets, "Config/a.wav", b"old")

    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="no space left"):
        assets.write("Config/a.wav", Broken())
    assert [path.name for path in (config.provisioning_dir / "Config").iterdir()] == ["a.wav"]
    assert (config.provisioning_dir / "Config" / "a.wav").read_bytes() == b"old"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../evil",
        "Config/../../evil",
        "/etc/passwd",
        "Config//a",
        ".hidden",
        "Config/.a.tmp",
        "Config/a\0b",
        "Config/a\nb",
        "Config/ü.wav",
        "Config/a\\b",
        "Config/<b>",
        "CONTACTS/acme/book.xml",
        "contacts/x",
        "test-desk/x.cfg",
        "Config/a.bak",
        "805ec0000001.cfg",
        "a" * 200,
        "/".join("abcdefghij"),
    ],
)
def test_names_that_could_do_harm_are_refused(assets, config, name):
    with pytest.raises(InvalidValue):
        put(assets, name)
    assert not list(config.instance.rglob("*evil*"))


def test_names_that_provisioning_made_are_not_touched(session, config, site):
    assets = AssetFolder(config.provisioning_dir, site.catalog, {"common.cfg"})

    with pytest.raises(InvalidValue, match="webprov writes its own files"):
        put(assets, "Common.cfg")
    assert put(assets, "Config/common.cfg").size == 1


def test_two_spellings_of_a_name_are_refused(assets):
    put(assets, "Config/Ring.wav")

    with pytest.raises(InvalidValue, match=r"There is Ring\.wav already"):
        put(assets, "Config/ring.wav")


def test_links_lead_nowhere(assets, config, tmp_path):
    (config.provisioning_dir / "Config").mkdir(parents=True)
    (config.provisioning_dir / "out").symlink_to(tmp_path)
    (config.provisioning_dir / "Config" / "key").symlink_to(config.key_file)

    with pytest.raises(InvalidValue, match="leads out"):
        put(assets, "out/x")
    assert assets.find("Config/key") is None
    assert assets.entries("Config") == ([], [])
    assert not assets.has_folder("out")
    with pytest.raises(NotFound):
        assets.remove("Config/key")


def test_entries_are_folders_and_files_of_ours_alone(assets, config):
    for name in ("Config/a.wav", "Config/deep/b.wav", "top.txt"):
        put(assets, name)
    for name in ("CONTACTS/acme", "test-desk"):
        (config.provisioning_dir / name).mkdir(parents=True)
    (config.provisioning_dir / "805ec0000001.cfg").write_text("device's")

    folders, files = assets.entries("")
    assert (folders, [file.name for file in files]) == (["Config"], ["top.txt"])
    folders, files = assets.entries("Config")
    assert (folders, [file.name for file in files]) == (["Config/deep"], ["Config/a.wav"])
    for folder in ("nowhere", "../..", "CONTACTS", "Config/a.wav"):
        with pytest.raises(NotFound):
            assets.entries(folder)


def test_removing_takes_empty_folders_along(assets, config):
    put(assets, "Config/deep/b.wav")
    put(assets, "Config/a.wav")

    assets.remove("Config/deep/b.wav")
    assert not (config.provisioning_dir / "Config" / "deep").exists()
    assets.remove("Config/a.wav")
    assert config.provisioning_dir.exists()
    assert not (config.provisioning_dir / "Config").exists()


def test_firmware_is_that_of_models_in_use(session, site, assets):
    assert list(firmware_in_use(session, site.catalog, assets)) == []
    make_device(session, site, model="test-big")
    make_device(session, site, "805EC0000002")

    (missing,) = firmware_in_use(session, site.catalog, assets)
    put(assets, missing.name)
    (there,) = firmware_in_use(session, site.catalog, assets)

    assert (missing.label, missing.name, missing.devices, missing.file) == (
        "Big",
        "FIRMWARE-test-big/big-1.2.rom",
        1,
        None,
    )
    assert there.file.size == 1


def test_uploads_and_deletions_are_recorded_and_for_administrators(session, assets):
    sam = Actor("Sam", Role.SUPPORT)
    with pytest.raises(NotAllowed):
        upload_asset(session, assets, "Config/a.wav", io.BytesIO(b"x"), sam)

    stored = upload_asset(session, assets, "Config/a.wav", io.BytesIO(b"x"), CONSOLE)
    upload_asset(session, assets, "Config/a.wav", io.BytesIO(b"y"), CONSOLE)
    with pytest.raises(NotAllowed):
        delete_asset(session, assets, "Config/a.wav", sam)
    delete_asset(session, assets, "Config/a.wav", CONSOLE)

    records = session.query(ChangeRecord).filter_by(thing="file").all()
    assert [record.action for record in records] == ["upload", "replace", "delete"]
    assert records[0].fields["sha256"] == ["", stored.sha256]
