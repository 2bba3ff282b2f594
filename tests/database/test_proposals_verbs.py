"""The verbs as Python functions, for the faces."""

from __future__ import annotations

import pytest
from lifecycle_support import Shop, draft, index_draft, open_shop

from conftest import TestDatabase
from postai.database import ServerError
from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import NotPermitted, UsageError
from postai.proposals import verbs


@pytest.fixture
def shop(database18: TestDatabase) -> Shop:
    return open_shop(database18)


def test_a_life_through_python(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    with shop.connect("lc_boss") as boss:
        assert [(one.id, one.state, one.objects) for one in verbs.proposals(boss, state="open")] == [
            (proposal, "open", ["shop.item"])
        ]
        verbs.approve(boss, proposal)
        action = verbs.apply(boss, proposal)
        seen: list[str] = []
        with shop.background(shop.run):
            ended = verbs.wait(boss, action, Deadline.after(30), lambda now: seen.append(now.state))
        assert ended.state == "done" and seen[0] in ("queued", "running") and ended.estimated_ms == 500
        vacuum = shop.create(draft("VACUUM shop.item"))
        verbs.cancel(boss, verbs.schedule(boss, vacuum, run_window="[now,infinity)", recurring=None))
        verbs.cancel(boss, verbs.schedule(boss, vacuum, recurring="0 3 * * *"))
        verbs.dismiss(boss, vacuum, "only a trial")
        undo = verbs.undo(boss, proposal)
        verbs.cancel(boss, undo)
        with pytest.raises(Cancelled):
            verbs.wait(boss, undo, Deadline.after(5))
        assert verbs.events(boss, proposal=proposal, limit=1)[0].kind == "action.cancelled"
        assert verbs.verify_events(boss) == []
        assert {one.outcome for one in verbs.proposals(boss, state="closed")} == {"applied", "dismissed"}


def test_errors_come_back_as_their_classes(shop: Shop) -> None:
    proposal = shop.create(draft("CREATE UNIQUE INDEX CONCURRENTLY item_price ON shop.item (price)"))
    with shop.connect("lc_reader") as reader, pytest.raises(NotPermitted) as caught:
        verbs.apply(reader, proposal)
    assert caught.value.hint == "GRANT postai_operator TO lc_reader;"
    with shop.connect("lc_boss") as boss:
        action = verbs.apply(boss, proposal)
        with pytest.raises(DeadlineExceeded):
            verbs.wait(boss, action, Deadline.after(0.2))
        shop.run()
        with pytest.raises(ServerError) as failed:
            verbs.wait(boss, action, Deadline.after(5))
        assert failed.value.sqlstate == "23505"
        with pytest.raises(UsageError):
            verbs.status(boss, 4711)
        verbs.dismiss(boss, proposal, "prices repeat")
        other = shop.create(index_draft())
        verbs.done_by_hand(boss, other, "in the release")
        with pytest.raises(ServerError) as closed:
            verbs.apply(boss, other)
        assert closed.value.sqlstate == "55000"
