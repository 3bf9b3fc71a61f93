import threading

from sqlalchemy.exc import OperationalError

from webprov.serving.batches import Batches


def test_items_are_written_in_order_and_in_batches():
    written = []
    batches = Batches("Things", written.append, pause_seconds=60, size=3)

    for number in range(7):
        batches.add(number)
    batches.settle(5)

    assert written == [[0, 1, 2], [3, 4, 5], [6]]
    batches.close()


def test_what_cannot_be_written_is_kept_and_said_once(caplog):
    written, broken = [], threading.Event()
    broken.set()

    def write(batch):
        if broken.is_set():
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        written.extend(batch)

    batches = Batches("Things", write, pause_seconds=60, limit=5)
    for number in range(9):
        batches.add(number)
        batches.settle(0.02)
    broken.clear()
    batches.settle(5)

    assert written == [0, 1, 2, 3, 4]
    assert caplog.text.count("Things cannot be written") == 1
    assert "4 were dropped" in caplog.text
    batches.close()


def test_close_writes_what_is_left():
    written = []
    batches = Batches("Things", written.extend, pause_seconds=60)

    batches.add("last")
    batches.close()

    assert written == ["last"]
