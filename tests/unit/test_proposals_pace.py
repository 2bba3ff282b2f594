"""How a backfill rests for others, with counts instead of a server."""

from __future__ import annotations

import pytest

from postai.proposals import pace
from postai.proposals.pace import LOSS, Pace


def settled(
    monkeypatch: pytest.MonkeyPatch, undisturbed: float, lost_at_full_work: float, *, ids: bool = True
) -> tuple[float, float]:
    """Part of the time at work in the end, and what others lost by it, where their loss grows with it."""
    clock = 0.0
    done = 0.0
    monkeypatch.setattr(pace.time, "monotonic", lambda: clock)

    def run(seconds: float, share: float) -> None:
        nonlocal clock, done
        clock += seconds
        done += seconds * undisturbed * (1 - lost_at_full_work * share)

    batches = [0]

    def counted() -> tuple[int, int]:
        return (int(done) + batches[0] if ids else batches[0], int(done) + batches[0])

    paced = Pace(counted, lambda seconds: run(seconds, 0.0), 0.1)
    while clock < 120:
        run(0.1, 1.0)
        batches[0] += 1
        paced.after_batch(0.1)
    return paced.share, lost_at_full_work * paced.share


@pytest.mark.parametrize("ids", [True, False])
def test_others_lose_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch, ids: bool) -> None:
    for lost in (0.3, 0.55, 0.9):
        share, loss = settled(monkeypatch, 3000, lost, ids=ids)
        assert share < 0.9 and loss == pytest.approx(LOSS, abs=0.03)


def test_where_nobody_loses_or_nobody_is_there_it_works_nearly_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled(monkeypatch, 3000, 0.02)[0] > 0.9
    assert settled(monkeypatch, 5, 0.9)[0] > 0.9
