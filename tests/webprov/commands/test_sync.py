import pytest


@pytest.fixture
def root(fleet, config, tmp_path, storage):
    """External mode with S3 and something to sync."""
    for name, text in (("access", "storage-access-key"), ("secret", "storage-secret-key")):
        (tmp_path / name).write_text(text)
    typed = storage.settings(
        s3_access_key=f"@{tmp_path}/access", s3_secret_key=f"@{tmp_path}/secret", s3_prefix=f"{tmp_path.name}/"
    )
    fleet("settings", "set", *(f"{name}={value}" for name, value in typed.items()))
    for name in ("PROFILES/a.xml", "PROFILES/b.xml", "PROFILES/c.xml", "CONTACTS/acme/desk.xml"):
        (config.provisioning_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (config.provisioning_dir / name).write_text(name)
    return config.provisioning_dir


def keys(storage, tmp_path):
    prefix = f"{tmp_path.name}/"
    found = [key.removeprefix(prefix) for key in storage.objects() if key.startswith(prefix)]
    return sorted(key for key in found if not key.startswith(".webprov"))


def test_assets_are_synced_without_a_worker(fleet, root, storage, tmp_path):
    assert fleet("sync", "assets") == "1 directory synced: 3 files carried, 0 removed.\n"

    assert keys(storage, tmp_path) == ["PROFILES/a.xml", "PROFILES/b.xml", "PROFILES/c.xml"]


def test_contacts_are_synced_and_told_as_json(fleet, root, storage, tmp_path):
    told = fleet.json("sync", "contacts")

    assert (told["state"], told["files"], told["failed"]) == ("done", 1, [])
    assert keys(storage, tmp_path) == ["CONTACTS/acme/desk.xml"]


def test_a_source_that_lost_its_files_needs_force(fleet, root, storage, tmp_path):
    fleet("sync", "assets")
    for path in root.glob("PROFILES/*"):
        path.unlink()

    refused = fleet.try_("sync", "assets")
    assert refused.exit_code == 1
    assert "of 3 files none is left here" in refused.stderr
    assert "webprov sync assets --force" in refused.stderr
    assert len(keys(storage, tmp_path)) == 3

    fleet("sync", "assets", "--force")
    assert keys(storage, tmp_path) == []


def test_without_storage_it_says_what_to_choose(fleet):
    refused = fleet.try_("sync", "assets")

    assert refused.exit_code == 1
    assert "Choose External mode and S3-Compatible Storage first." in refused.stderr


def test_contacts_on_their_way_count_as_left(fleet, root):
    assert fleet.json("status")["outbox"] >= 1
    fleet("sync", "contacts")

    assert fleet.json("status")["outbox"] == 0
