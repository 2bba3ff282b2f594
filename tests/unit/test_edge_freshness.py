"""How fresh a cache is: nothing is confirmed too early, and nothing is called fresh that is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.edge.freshness import SAMPLES, Freshness, Rows, Tag
from postai.stream.snapshots import Snapshot, UnreadableSnapshot

KEYS: list[tuple[bytes | None, ...]] = [(b"1",), (b"2",)]
TAGS: list[Tag] = [1, 2, (1, KEYS[0]), (1, KEYS[1])]
CHANGES: list[Rows | None] = [
    None, {1: None}, {2: None}, {1: frozenset(KEYS[:1])}, {1: frozenset(KEYS[1:])}, {1: frozenset(KEYS), 2: None},
]  # fmt: skip


def touches(rows: Rows | None, tag: Tag) -> bool:
    """Whether a change may change what a reader of the tag sees."""
    if rows is None:
        return True
    oid = tag if isinstance(tag, int) else tag[0]
    if oid not in rows:
        return False
    keys = rows[oid]
    return isinstance(tag, int) or keys is None or tag[1] in keys


class Server:
    """A server, its stream, and what reads from it, one step at a time.

    A transaction begins; its commit comes into the log; it becomes visible; the stream tells of it: the last two in any
    order. Steps that cannot be made are left out.
    """

    def __init__(self, first_xid: int) -> None:
        self.next_xid, self.end, self.clock = first_xid, 100, 0.0
        self.running: list[int] = []
        self.changes: dict[int, Rows | None] = {}
        self.commits: dict[int, int] = {}  # by xid: where the commit ends
        self.told: set[int] = set()
        self.visible_at: dict[int, float] = {}
        self.fills: list[Fill] = []
        self.freshness = Freshness(1.0)
        self.began_at: int | None = None

    def snapshot(self) -> Snapshot:
        running = frozenset(xid for xid in self.running)
        return Snapshot(min(running, default=self.next_xid), self.next_xid, running)

    def step(self, kind: str, which: int) -> None:
        self.clock += 1
        getattr(self, f"do_{kind}")(which)

    def do_begin(self, which: int) -> None:
        self.running.append(self.next_xid)
        self.changes[self.next_xid] = CHANGES[which % len(CHANGES)]
        self.next_xid += 1
        while self.next_xid % 2**32 < 3:  # as the server leaves out those that are not normal
            self.next_xid += 1

    def do_log(self, which: int) -> None:
        if open_ones := [xid for xid in self.running if xid not in self.commits]:
            self.end += 10
            self.commits[open_ones[which % len(open_ones)]] = self.end

    def do_show(self, which: int) -> None:
        if logged := [xid for xid in self.running if xid in self.commits]:
            xid = logged[which % len(logged)]
            self.running.remove(xid)
            self.visible_at[xid] = self.clock

    def do_start(self, which: int) -> None:
        if self.began_at is None:
            self.began_at = self.end
            doubts = {xid % 2**32: self.changes[xid] for xid in self.running}
            self.freshness.started(self.end, doubts)
            self.fills.clear()

    def do_tell(self, which: int) -> None:
        """The next commit of the log reaches the cache."""
        if self.began_at is None:
            return
        new = sorted((at, xid) for xid, at in self.commits.items() if at > self.began_at and xid not in self.told)
        if new:
            at, xid = new[0]
            self.told.add(xid)
            for fill in self.fills:
                fill.spoiled = fill.spoiled or touches(self.changes[xid], fill.tag)
            self.freshness.changed(xid % 2**32, self.changes[xid])
            self.freshness.advanced(at)

    def do_keepalive(self, which: int) -> None:
        """The stream has nothing to tell up to here."""
        if self.began_at is not None and all(
            xid in self.told or at <= self.began_at for xid, at in self.commits.items()
        ):
            self.freshness.advanced(self.end)

    def do_sample(self, which: int) -> None:
        self.freshness.sampled(self.clock, self.end, self.snapshot())

    def do_send(self, which: int) -> None:
        if self.freshness.reason is None:
            tag = TAGS[which % len(TAGS)]
            self.fills.append(Fill(tag, self.freshness.unseen([tag])))

    def do_look(self, which: int) -> None:
        if waiting := [fill for fill in self.fills if fill.unseen and fill.snapshot is None]:
            waiting[which % len(waiting)].snapshot = self.snapshot()

    def do_read(self, which: int) -> None:
        if waiting := [fill for fill in self.fills if fill.read is None and (fill.snapshot or not fill.unseen)]:
            waiting[which % len(waiting)].read = frozenset(self.visible_at)

    def do_answer(self, which: int) -> None:
        if done := [fill for fill in self.fills if fill.read is not None and fill.stored is None]:
            fill = done[which % len(done)]
            fill.stored = not fill.spoiled and (fill.snapshot is None or fill.snapshot.shows(fill.unseen))

    def check(self) -> None:
        """What is kept and unspoiled shows every transaction that will not be told of any more."""
        for fill in self.fills:
            if fill.stored and not fill.spoiled:
                assert fill.read is not None
                for xid, rows in self.changes.items():
                    never = self.commits.get(xid, self.end + 1) <= (self.began_at or 0)
                    if touches(rows, fill.tag) and (xid in self.told or never):
                        assert xid in fill.read, (fill, xid)
        if (fresh := self.freshness.fresh_as_of) is not None:
            for xid, at in self.visible_at.items():
                told = xid in self.told or self.commits[xid] <= (self.began_at or 0)
                assert told or at >= fresh


class Fill:
    """An answer on its way into the cache: sent, read by the server, stored."""

    def __init__(self, tag: Tag, unseen: frozenset[int]) -> None:
        self.tag, self.unseen = tag, unseen
        self.snapshot: Snapshot | None = None
        self.read: frozenset[int] | None = None
        self.spoiled = False
        self.stored: bool | None = None

    def __repr__(self) -> str:
        return f"Fill({self.tag}, {self.unseen}, {self.snapshot}, {self.read})"


NUMBERS = st.integers(0, 23)
BEFORE = st.lists(st.tuples(st.sampled_from(["begin", "log", "show"]), NUMBERS), max_size=8)
AFTER = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "begin",
                "log",
                "log",
                "show",
                "tell",
                "tell",
                "keepalive",
                "sample",
                "send",
                "send",
                "look",
                "read",
                "answer",
            ]
        ),
        NUMBERS,
    ),
    min_size=10,
    max_size=60,
)


@settings(max_examples=500)
@given(BEFORE, AFTER, st.sampled_from([3, 1000, 2**32 - 4, 2**33 + 2**31 - 3]))
def test_nothing_is_confirmed_or_called_fresh_too_early(
    before: list[tuple[str, int]], after: list[tuple[str, int]], first_xid: int
) -> None:
    server = Server(first_xid)
    for kind, which in [*before, ("start", 0), *after]:
        server.step(kind, which)
        server.check()
    # Whatever is still on its way arrives.
    for kind in ("look", "read", "answer") * len(server.fills):
        server.step(kind, 0)
    server.check()


def test_a_fill_behind_an_invisible_commit_is_not_stored() -> None:
    server = Server(10)
    for kind in ("start", "begin", "log", "tell", "send", "look", "read", "answer"):
        server.step(kind, 0)
    assert server.fills[0].stored is False
    for kind in ("show", "send", "look", "read", "answer"):
        server.step(kind, 0)
    assert server.fills[1].snapshot is not None and server.fills[1].stored
    for kind in ("sample", "send", "read", "answer"):
        server.step(kind, 0)
    assert server.freshness.unconfirmed == 0
    assert server.fills[2].snapshot is None and server.fills[2].stored


def test_a_commit_before_the_stream_began_is_in_doubt_until_it_is_visible() -> None:
    server = Server(10)
    for kind in ("begin", "log", "start", "send", "look", "read", "answer"):
        server.step(kind, 7)
    assert [fill.stored for fill in server.fills] == [False]
    for kind in ("show", "sample", "send", "read", "answer"):
        server.step(kind, 7)
    assert server.fills[1].stored


def test_answers_are_given_while_freshness_is_proved() -> None:
    one = Freshness(1.0)
    assert one.why_not(0.0) == "the stream has not begun"
    one.sampled(0.0, 50, Snapshot(5, 5, frozenset()))
    assert one.fresh_as_of is None
    one.started(100, {})
    assert not one.serving(0.0) and one.why_not(0.0)
    one.sampled(1.0, 120, Snapshot(5, 5, frozenset()))
    one.sampled(1.2, 140, Snapshot(5, 5, frozenset()))
    assert not one.serving(1.2)
    one.advanced(130)
    assert one.fresh_as_of == 1.0 and one.serving(2.0) and not one.serving(2.1)
    assert one.why_not(2.1) == "the stream is 1.1 s behind"
    assert one.passed(130) and not one.passed(131)
    one.advanced(140)
    one.advanced(100)
    assert (one.position, one.fresh_as_of, one.age(1.5)) == (140, 1.2, pytest.approx(0.3))
    one.lost("gone")
    assert (one.serving(1.2), one.why_not(1.2), one.passed(1)) == (False, "gone", False)


def test_a_stream_far_behind_keeps_the_oldest_samples() -> None:
    one = Freshness(1.0)
    one.started(0, {})
    for number in range(SAMPLES + 10):
        one.sampled(float(number), 100 + number, Snapshot(5, 5, frozenset()))
    one.advanced(100)
    assert one.fresh_as_of == 0.0
    one.advanced(10_000)
    assert one.fresh_as_of == SAMPLES - 1


@pytest.mark.parametrize(
    ("text", "done", "not_done"),
    [
        ("10:10:", (3, 9), (10, 11)),
        ("10:20:10,15", (9, 11, 19), (10, 15, 20)),
        ("4294967290:4294967300:4294967295", (2**32 - 7, 2**32 - 2, 0, 3), (2**32 - 1, 4, 5)),
    ],
)
def test_transactions_are_compared_by_distance(text: str, done: tuple[int, ...], not_done: tuple[int, ...]) -> None:
    snapshot = Snapshot.parse(text)
    assert all(map(snapshot.completed, done)) and not any(map(snapshot.completed, not_done))


@pytest.mark.parametrize("text", ["", "1:2", "a:b:", "1:2:x", "1:2:3,"])
def test_a_snapshot_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UnreadableSnapshot):
        Snapshot.parse(text)
