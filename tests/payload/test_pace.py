"""A lone line goes on at once, a burst is gathered."""

from collections.abc import Iterable

from colabdev.payload.pace import FEW, GATHER, GATHER_FLOOD, Pace

LINE = 40  # bytes


def _pauses(times: Iterable[float]) -> list[float]:
    """Return how long is waited after lines that come at *times* (seconds)."""
    clock = iter(times)
    pace = Pace(lambda: next(clock))
    return [pace.pause(LINE) for _ in times]


def test_lines_that_come_one_by_one_never_wait() -> None:
    """A hundred lines a second are each passed on at once, however long that goes on."""
    assert set(_pauses([0.01 * number for number in range(2000)])) == {0.0}


def test_a_burst_is_gathered_and_a_flood_the_more() -> None:
    """The first few go at once; then pauses grow, and end with the burst."""
    times = [0.001 * number for number in range(300)]
    found = _pauses([*times, times[-1] + 0.1, times[-1] + 0.2])
    assert found[:FEW] == [0.0] * FEW
    assert found[FEW] == GATHER
    assert found[299] == GATHER_FLOOD
    assert sorted(found[:300]) == found[:300]
    assert found[300:] == [0.0, 0.0]


def test_pieces_that_come_as_soon_as_one_has_waited_are_one_flood() -> None:
    """What a thousand lines a second bring meanwhile comes right after the pause: no lull."""
    now, waits, size = 0.0, [], LINE
    pace = Pace(lambda: now)
    for _ in range(100):
        waits.append(pace.pause(size))
        now += waits[-1] + 0.001
        size = round(LINE * 1000 * (waits[-1] + 0.001))
    assert waits[FEW:].count(0.0) == 0
    assert waits[-1] == GATHER_FLOOD


def test_a_hiccup_makes_no_flood_of_steady_lines() -> None:
    """Fifty lines a second, of which some once come together: nobody has to wait for the rest."""
    now, waits = 0.0, []
    pace = Pace(lambda: now)
    for number in range(200):
        waits.append(pace.pause(LINE))
        now += 0.001 if 50 < number < 60 else 0.02
    assert max(waits) == GATHER
    for _ in range(20):
        waits.append(pace.pause(100 * LINE))
        now += 0.02
    assert waits[-1] == GATHER_FLOOD
