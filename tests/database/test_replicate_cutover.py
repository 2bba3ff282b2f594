"""The switch under load, there and back: nothing is lost, whatever fails or dies, and never do both sides serve."""

from __future__ import annotations

from pathlib import Path

from replicate_move import MOVE, Moved, begin, sides
from replicate_support import SMALL, PgBouncer, Stand

from loss import LossClient, check, compare
from postai.deadline import Deadline
from postai.replicate import cutover, fence, writers
from postai.replicate.types import Side, Step


def quiet(name: str, detail: str = "") -> None:
    """Nobody wants to know."""


def settled(stand: Stand, client: LossClient, serving: Side) -> None:
    """Nothing is lost on the side that serves, the other one is equal once it has followed, and only one serves."""
    dsns = {Side.SOURCE: stand.source_dsn(), Side.TARGET: stand.target_dsn()}
    assert check(client.record, dsns[serving]) == ()
    with sides(stand) as (source, target):
        pair = {Side.SOURCE: source, Side.TARGET: target}
        assert not writers.closed(pair[serving]) and writers.closed(pair[serving.other])
        fence.cross(pair[serving], pair[serving.other], MOVE, Deadline.after(60))
    found = compare(dsns[serving], dsns[serving.other], sequences=False)
    assert [one for one in found if one.where.startswith("loss.")] == []


def test_there_and_back_through_pgbouncer(stand: Stand, bouncer: PgBouncer) -> None:
    begin(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)
    with LossClient(bouncer.dsn(), SMALL) as client:
        client.wait_for(50)
        rehearsed = cutover.switch(moved.switch(Side.TARGET, driver), quiet, rehearse=True)
        assert rehearsed.serving is Side.SOURCE and rehearsed.pause == 0
        with client.window() as seen:
            there = cutover.switch(moved.switch(Side.TARGET, driver), quiet)
            client.wait_for(50)
            back = cutover.switch(moved.switch(Side.SOURCE, driver), quiet)
            client.wait_for(50)
            again = cutover.switch(moved.switch(Side.TARGET, driver), quiet)
            client.wait_for(50)
    assert (there.serving, back.serving, again.serving) == (Side.TARGET, Side.SOURCE, Side.TARGET)
    assert seen().errors == {}
    assert [step for step, _ in there.steps] == [step for step in Step if step is not Step.UNDONE]
    settled(stand, client, Side.TARGET)
    driver.close()


def test_there_and_back_without_a_proxy(stand: Stand, tmp_path: Path) -> None:
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app") + "\n")
    address.chmod(0o640)
    driver = moved.by_file(address)
    with LossClient(address, SMALL) as client:
        client.wait_for(50)
        with client.window() as seen:
            outcome = cutover.switch(moved.switch(Side.TARGET, driver), quiet)
            client.wait_for(50)
            cutover.switch(moved.switch(Side.SOURCE, driver), quiet)
            client.wait_for(50)
    assert outcome.ended >= SMALL.clients and seen().fatal == {}
    assert address.read_text() == stand.source_dsn("odd_app") + "\n" and address.stat().st_mode & 0o777 == 0o640
    settled(stand, client, Side.SOURCE)
