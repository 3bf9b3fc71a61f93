import threading

from tests.webprov.serving.fleet import MAC
from webprov.serving.index import FileIndex, content_type
from webprov.store.watch import CounterWatch


def make(fleet, **files):
    watch = CounterWatch(fleet.instance.engine)
    return FileIndex(fleet.instance.engine, watch), watch


def test_the_index_answers_right_while_its_map_is_behind(fleet, monkeypatch):
    device_id = fleet.add_phone()
    fleet.add_file("Upper.CFG", device_id=device_id, segment="Acme-T54W")
    monkeypatch.setattr(FileIndex, "_follow", lambda self: None)
    index, watch = make(fleet)

    known = [index.find(name) for name in ("805EC0123456.cfg", "acme-t54w/upper.cfg")]
    fleet.add_file("new.cfg")
    watch._due = 0
    asked = [index.find(name) for name in ("805EC0123456.cfg", "acme-t54w/upper.cfg")]

    assert asked == known
    assert [file.disk_path for file in known] == ["805ec0123456.cfg", "Acme-T54W/Upper.CFG"]
    assert (known[0].device.mac, known[0].device.id) == (MAC, device_id)
    assert index.find("new.cfg").device is None
    assert [index.find(name) for name in ("upper.cfg", "other/upper.cfg", "acme-t54w/", "")] == [None] * 4
    index.close()
    watch.close()


def test_the_map_follows_what_is_provisioned(fleet):
    index, watch = make(fleet)
    fleet.add_phone()
    watch._due = 0
    assert index.find(f"{MAC}.cfg") is not None

    for _ in range(200):
        if index.knows(MAC):
            break
        threading.Event().wait(0.01)

    assert index.knows(MAC)
    assert not index.knows("805EC0999999")
    index.close()
    watch.close()


def test_content_types_follow_the_suffix():
    assert content_type("a/b.XML") == "application/xml"
    assert content_type("x.json") == "application/json"
    assert content_type("805ec0123456.cfg") == "text/plain; charset=utf-8"
