import pytest

from webprov.delivery.breaker import FAILURES, PAUSE_SECONDS, Breaker

ERROR = OSError("connection refused")


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def breaker(clock):
    return Breaker(lambda: clock[0])


def fail(breaker, times):
    for _ in range(times):
        breaker.note(ERROR)


def test_failures_in_a_row_pause(breaker, clock):
    fail(breaker, FAILURES - 1)
    before = breaker.refusal
    fail(breaker, 1)

    assert before is None
    assert breaker.refusal is ERROR
    clock[0] += PAUSE_SECONDS
    assert breaker.refusal is None


def test_a_success_in_between_counts_from_the_start(breaker):
    fail(breaker, FAILURES - 1)
    breaker.note(None)
    fail(breaker, FAILURES - 1)

    assert breaker.refusal is None


def test_one_more_failure_after_the_pause_pauses_again(breaker, clock):
    fail(breaker, FAILURES)
    clock[0] += PAUSE_SECONDS

    fail(breaker, 1)

    assert breaker.refusal is ERROR


def test_a_success_ends_the_pause(breaker):
    fail(breaker, FAILURES)

    breaker.note(None)

    assert breaker.refusal is None
