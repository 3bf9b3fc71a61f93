"""Transactions, connections and what several processes do at once (security DB-03)."""

import multiprocessing
import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import select, text

from webprov.config import load_config
from webprov.store.database import bump, count_of, writing
from webprov.store.instance import open_instance
from webprov.store.models import Counter

ROUNDS = 20
THREADS = 8


def _count(folder: str) -> None:
    """One process of eight threads that all make the same counter grow, reading it first as a page would."""
    instance = open_instance(load_config({"WEBPROV_INSTANCE": folder}))
    troubles = []

    def work() -> None:
        for _ in range(ROUNDS):
            try:
                with instance.sessions() as session:
                    count_of(session, "test")
                    with writing(session):
                        bump(session, "test")
            except Exception as e:
                troubles.append(e)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    instance.close()
    raise SystemExit(len(troubles))


def test_two_processes_of_eight_threads_never_meet_a_locked_database(config, instance, session):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(str(config.instance),)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0, 0]
    assert count_of(session, "test") == 2 * THREADS * ROUNDS


def test_writing_stores_all_or_nothing(session):
    def fail_half_way() -> None:
        with writing(session):
            bump(session, "test")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()

    assert session.scalars(select(Counter).where(Counter.name == "test")).all() == []


def test_connections_follow_the_rules(session):
    names = ("journal_mode", "foreign_keys", "synchronous")
    pragmas = {name: session.execute(text(f"PRAGMA {name}")).scalar() for name in names}

    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1}  # NORMAL
    assert session.execute(text("PRAGMA busy_timeout")).scalar() >= 5000


def test_who_writes_has_the_lock_before_the_first_statement(config, session):
    with closing(sqlite3.connect(config.instance / "webprov.sqlite3", timeout=0, isolation_level=None)) as other:
        with writing(session), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
