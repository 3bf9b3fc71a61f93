import time

from webprov.store.database import bump, count_of, writing
from webprov.store.watch import CounterWatch


def grow(session, name):
    with writing(session):
        bump(session, name)
    time.sleep(0.02)  # longer than a reading counts as fresh


def test_counts_follow_what_others_commit(instance, session):
    watch = CounterWatch(instance.engine)
    before = watch.counts().get("files", 0)

    grow(session, "files")

    assert watch.counts()["files"] == before + 1
    assert watch.counts()["settings"] == count_of(session, "settings")
    watch.close()


def test_counts_stay_when_the_database_cannot_be_read(instance, session, caplog):
    watch = CounterWatch(instance.engine)
    before = watch.counts()
    watch._sqlite.execute("BEGIN")
    watch._sqlite.close()

    for _ in range(3):
        time.sleep(0.02)
        assert watch.counts() == before

    assert caplog.text.count("cannot be read") == 1
    watch.close()


def test_a_closed_watch_still_answers(instance):
    watch = CounterWatch(instance.engine)
    before = watch.counts()

    watch.close()

    assert watch.counts() == before
