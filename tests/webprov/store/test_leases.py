import pytest

from webprov.store.database import writing
from webprov.store.leases import STALLED_SECONDS, Lease, LeaseLost


class Clock:
    """A monotonic clock that tests turn by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lease(instance, clock):
    """Makes one more contender."""

    def make(machine="here", *, alone=False):
        return Lease(instance.sessions, "jobs", machine=machine, is_alone=lambda: alone, clock=clock)

    return make


def test_only_one_holds_it(lease):
    first, second = lease(), lease()

    assert [first.hold(), second.hold(), first.hold(), second.hold()] == [True, False, True, False]


def test_a_holder_that_beats_is_never_replaced(lease, clock):
    first, second = lease(), lease()
    first.hold()

    for _ in range(20):
        clock.now += STALLED_SECONDS / 2
        assert (first.hold(), second.hold()) == (True, False)


def test_a_holder_that_stands_still_is_replaced_and_finds_out(lease, clock, session):
    first, second = lease(), lease()
    first.hold()
    second.hold()

    clock.now += STALLED_SECONDS - 1
    assert not second.hold()
    clock.now += 1
    assert second.hold()

    with pytest.raises(LeaseLost), writing(session):
        first.fence(session)
    assert not first.hold()


def test_a_released_one_is_free_at_once(lease):
    first, second = lease(), lease()
    first.hold()

    first.release()

    assert second.hold()


def test_who_is_alone_on_a_machine_waits_for_no_dead_owner_of_it(lease):
    lease("here").hold()

    assert not lease("here").hold()
    assert not lease("elsewhere", alone=True).hold()
    assert lease("here", alone=True).hold()
