import logging
import os

import pytest

from webprov.phones.catalogcache import CatalogCache, catalog_stamp

MODEL = "[one]\nbrand = Acme\nlabel = One\ntemplate_1 = acme.cfg -> ${mac}.cfg\n"


@pytest.fixture
def folders(tmp_path):
    models_dir, user_dir = tmp_path / "models.d", tmp_path / "user_provisioning"
    (models_dir / "maps").mkdir(parents=True)
    (user_dir / "blue" / "models.d").mkdir(parents=True)
    (models_dir / "acme.ini").write_text(MODEL)
    return models_dir, user_dir


def test_the_stamp_differs_with_any_file_of_the_catalogue(folders):
    models_dir, user_dir = folders
    seen = {catalog_stamp(*folders)}

    for path in (
        models_dir / "acme.ini", models_dir / "maps/acme.ini", user_dir / "models.txt",
        user_dir / "blue/models.d/x.ini", user_dir / "blue/models.txt",
    ):  # fmt: skip
        path.write_text(MODEL + "# more")
        seen.add(catalog_stamp(*folders))
    (models_dir / "acme.ini").chmod(0o600)
    seen.add(catalog_stamp(*folders))
    (models_dir / "acme.ini").unlink()
    seen.add(catalog_stamp(*folders))
    (models_dir / "loop.ini").symlink_to("loop.ini")
    seen.add(catalog_stamp(*folders))
    (user_dir / "blue" / "other.txt").write_text("")

    assert len(seen) == 9
    assert catalog_stamp(*folders) in seen


def test_the_cache_reads_again_only_after_a_change(folders):
    cache = CatalogCache(*folders, recheck_seconds=0)
    first = cache.current()

    assert cache.current() is first
    (folders[0] / "acme.ini").write_text(MODEL + "lines = 3\n")
    assert cache.current().model("one").lines == 3


def test_the_cache_looks_at_the_disk_now_and_then_or_when_told(folders):
    cache = CatalogCache(*folders, recheck_seconds=3600)
    first = cache.current()
    (folders[0] / "acme.ini").write_text(MODEL + "lines = 3\n")

    assert cache.current() is first
    assert cache.reload().model("one").lines == 3
    assert cache.current() is not first


def test_a_template_that_turns_up_brings_its_models_back(folders):
    there = set()
    cache = CatalogCache(*folders, template_exists=lambda name, tenant: name in there, recheck_seconds=0)

    assert cache.current().model("one") is None
    there.add("acme.cfg")
    assert cache.current().model("one") is not None


def test_a_refusal_is_logged_once(folders, caplog):
    cache = CatalogCache(*folders, recheck_seconds=0)
    (folders[0] / "bad.ini").write_text("[two]\nlabl = x\n")

    with caplog.at_level(logging.WARNING):
        cache.current()
        os.utime(folders[0] / "acme.ini")
        cache.current()

    [record] = caplog.records
    assert record.getMessage() == "models.d/bad.ini, line 2 [two]: There is no key “labl”. Did you mean label?"
