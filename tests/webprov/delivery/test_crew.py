import threading
import time

import pytest

from webprov.delivery.crew import Crew, Late


def test_outcomes_come_in_the_order_of_the_tasks():
    groups = [[lambda: "a", lambda: "b"], [], [lambda: "c"]]

    assert Crew(2, 10, lambda threads: None).run(groups) == [["a", "b"], [], ["c"]]


def test_what_is_late_is_broken_off_and_the_others_are_not():
    released = threading.Event()
    aborted = []

    def abort(threads):
        aborted.extend(threads)
        released.set()

    def slow():
        released.wait(20)
        return threading.get_ident()

    def quick():
        return "done"

    found = Crew(4, 0.2, abort).run([[slow, quick], [quick], [quick]])

    assert isinstance(found[0][0], Late)
    assert [found[0][1], *found[1], *found[2]] == ["done"] * 3
    assert len(set(aborted)) == 1


def test_a_group_begins_when_its_turn_comes():
    def nap():
        time.sleep(0.15)
        return "done"

    assert Crew(1, 1, lambda threads: None).run([[nap] for _ in range(10)]) == [["done"]] * 10


def test_what_cannot_be_broken_off_is_left_behind():
    released = threading.Event()

    found = Crew(1, 0.05, lambda threads: None).run([[lambda: released.wait(20)], [lambda: "never"]])

    released.set()
    assert [isinstance(outcome, Late) for group in found for outcome in group] == [True, True]


def test_what_is_done_is_told_while_others_go_on():
    released, told = threading.Event(), []

    def hear(done):
        told.extend(done.items())
        if told:
            released.set()

    found = Crew(2, 10, lambda threads: None).run([[lambda: released.wait(5)], [lambda: "done"]], hear)

    assert told == [(1, ["done"]), (0, [True])]
    assert found == [[True], ["done"]]


def test_nothing_more_begins_where_what_is_told_cannot_be_taken():
    begun = []

    def hear(done):
        if done:
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        Crew(1, 10, lambda threads: None).run(
            [[lambda: time.sleep(0.15)] for _ in range(2)] + [[lambda: begun.append(1)]] * 9, hear
        )
    time.sleep(0.3)

    assert len(begun) < 9


def test_a_task_that_raises_ends_the_run():
    def broken():
        raise KeyError("x")

    with pytest.raises(KeyError):
        Crew(2, 10, lambda threads: None).run([[broken], [lambda: "done"]])


def test_more_is_asked_for_only_while_little_waits():
    released, made = threading.Event(), []

    def groups():
        for number in range(500):
            made.append(number)
            yield [lambda: released.wait(5)]

    def hear(_):
        seen.append(len(made))
        released.set()

    seen: list[int] = []

    found = Crew(2, 10, lambda threads: None).run(groups(), hear)

    assert found == [[True]] * 500
    assert seen[0] < 50


def test_the_run_ends_where_no_more_can_be_made():
    def groups():
        yield [lambda: "done"]
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        Crew(2, 10, lambda threads: None).run(groups())
