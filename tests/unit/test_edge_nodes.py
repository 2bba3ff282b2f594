"""What servers are, told from what they say; and where a transaction goes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.edge.routing import WRITE, Route, Wanted, decide
from postai.edge.rules import NO_RULES, Policy, Rule
from postai.edge.topology import NEVER, Node, Report, Topology, View, settled
from postai.edge.wire import Violation

A, B, C = Node("a", "eu"), Node("b", "eu"), Node("c", "us")
READ = Wanted(read_only=True)


def told(asked: float, position: int, *, replica: bool = False, timeline: int = 1, **more: Any) -> Report:
    return Report(asked, asked + more.pop("took", 0.001), more.pop("system", "s"), replica, timeline, position, **more)


def cluster(*, b: int = 100, c: int = 100) -> Topology:
    """Primary a at position 100, replicas b and c; all asked at 10."""
    found = Topology((A, B, C))
    found.report("a", told(10.0, 100))
    found.report("b", told(10.0, b, replica=True))
    found.report("c", told(10.0, c, replica=True, took=0.080))
    return found


def route(
    view: View, wanted: Wanted = READ, policy: Policy = NO_RULES, *, here: str | None = "eu", now: float = 10.1,
    bound: float = 1.0, pick: float = 0.0,
) -> Route:  # fmt: skip
    return decide(wanted, view, policy, here=here, bound=bound, now=now, pick=pick)


def refused(view: View, wanted: Wanted = READ, policy: Policy = NO_RULES, **more: Any) -> Violation:
    with pytest.raises(Violation) as caught:
        route(view, wanted, policy, **more)
    return caught.value


# The servers.


def test_nobody_is_used_before_it_was_asked() -> None:
    view = Topology((A, B)).view
    assert view.writer is None and view.readers == ()
    assert refused(view, WRITE).sqlstate == "57P03"
    assert refused(view).sqlstate == "57P03"


def test_a_replica_is_as_fresh_as_the_newest_position_that_it_has_replayed() -> None:
    found = cluster(b=50)
    assert found.view.writer is not None and found.view.writer.node is A
    assert [seen.fresh for seen in found.view.readers] == [NEVER, 10.0]
    found.report("a", told(11.0, 200))
    found.report("b", told(11.1, 150, replica=True))
    assert [seen.fresh for seen in found.view.readers] == [10.0, 10.0]
    found.report("b", told(11.2, 200, replica=True))
    assert [seen.fresh for seen in found.view.readers] == [11.0, 10.0]
    # What it has was there before, too, when the primary stands still.
    found.report("a", told(12.0, 200))
    found.report("b", told(12.1, 200, replica=True))
    assert found.view.readers[0].fresh == 12.0


def test_a_replica_that_was_lost_is_asked_before_it_is_believed() -> None:
    found = cluster()
    found.lost("b", "it closed a connection")
    assert [seen.node for seen in found.view.readers] == [C]
    found.report("b", told(10.5, 90, replica=True))
    assert [seen.fresh for seen in found.view.readers if seen.node is B] == [NEVER]


def test_two_that_take_writes_are_one_on_the_newer_timeline() -> None:
    found = cluster()
    found.report("b", told(11.0, 120, timeline=2))
    view = found.view
    assert view.writer is not None and view.writer.node is B and view.problem is None
    # The replica follows the old one still: its positions are of another history.
    assert view.readers == ()
    assert "takes writes on timeline 1" in str(view.servers[0].problem)
    found.report("c", told(11.0, 130, replica=True, timeline=2))
    found.report("b", told(11.1, 130, timeline=2))
    found.report("c", told(11.2, 130, replica=True, timeline=2))
    assert [(seen.node, seen.fresh) for seen in found.view.readers] == [(C, 11.1)]


def test_two_on_one_timeline_take_no_writes() -> None:
    found = cluster()
    assert found.report("b", told(11.0, 120)).writer is None
    violation = refused(found.view, WRITE)
    assert violation.sqlstate == "57P03" and "2 servers take writes on timeline 1:" in str(violation.detail)
    assert found.lost("b", "stopped").writer is not None


def test_an_old_primary_that_returns_gets_no_writes() -> None:
    found = cluster()
    found.lost("a", "down")
    found.report("b", told(11.0, 120, timeline=2))
    found.lost("b", "down")
    found.report("a", told(12.0, 500))
    assert found.view.writer is None
    assert "only servers on timeline 1 would take writes, but timeline 2 was seen" in str(found.view.problem)


def test_a_timeline_that_only_a_replica_shows_counts() -> None:
    found = Topology((A, B))
    found.report("b", told(1.0, 100, replica=True, timeline=3))
    found.report("a", told(1.0, 100, timeline=2))
    assert found.view.writer is None


def test_patroni_has_a_word() -> None:
    found = cluster()
    assert found.report("a", told(11.0, 100, approved=False)).writer is None
    view = found.report("a", told(11.0, 100, approved=True))
    assert view.writer is not None
    view = found.report("b", told(11.0, 100, replica=True, approved=False))
    assert [seen.node for seen in view.readers] == [C]


def test_a_server_of_another_cluster_is_not_used() -> None:
    found = cluster()
    found.report("b", told(11.0, 10**9, timeline=9, system="x"))
    assert found.view.writer is not None and found.view.writer.node is A
    assert "another cluster" in str(found.view.servers[1].problem)


def test_positions_before_which_a_header_stands_are_those_of_the_end_before() -> None:
    segment = 1 << 24
    assert settled(5 * segment + 40, segment) == 5 * segment
    assert settled(5 * segment + 8192 + 24, segment) == 5 * segment + 8192
    assert settled(5 * segment + 8192 + 40, segment) == 5 * segment + 8192 + 40
    assert settled(5 * segment + 48, segment) == 5 * segment + 48


@given(st.lists(st.tuples(st.sampled_from("wrp"), st.integers(1, 5)), max_size=60))
def test_a_replica_never_claims_what_it_has_not(steps: list[tuple[str, int]]) -> None:
    """In every order of writes, replays and questions."""
    found = Topology((A, B))
    clock, written, replayed = 1.0, 10, 10
    history = [(0.0, 10)]  # when which position was there
    for step, amount in steps:
        clock += amount
        if step == "w":
            written += amount
            history.append((clock, written))
            found.report("a", told(clock, written))
        elif step == "r":
            replayed = min(written, replayed + amount)
            found.report("b", told(clock, replayed, replica=True))
        else:
            found.lost("b", "gone")
        for seen in found.view.readers:
            assert all(position <= replayed for at, position in history if at <= seen.fresh)


# The decision.


def test_writes_go_to_the_primary_and_reads_to_the_nearest_replica() -> None:
    view = cluster().view
    assert route(view, WRITE).node is A
    assert route(view).node is B
    assert route(view, here="us").node is C
    assert route(view, here="asia").node is B  # the quickest of those that are all far
    assert route(view, here=None).node is B


def test_where_the_region_has_only_the_primary_it_is_read() -> None:
    found = Topology((A, C))
    found.report("a", told(10.0, 100))
    found.report("c", told(10.0, 100, replica=True))
    assert route(found.view).node is A
    assert route(found.view, policy=Policy.of([Rule("far", route="replica")])).node is C
    assert route(found.view, here=None).node is C


def test_a_session_reads_its_own_writes() -> None:
    found = cluster()
    wanted = replace(READ, written=10.5)
    assert route(found.view, wanted, now=10.6).node is A
    found.report("a", told(10.7, 200))
    found.report("b", told(10.8, 150, replica=True))
    assert route(found.view, wanted, now=10.9).node is A
    assert route(found.view, now=10.9).node is B
    found.report("b", told(11.0, 200, replica=True))
    assert route(found.view, wanted, now=11.1).node is B


def test_a_replica_that_is_too_stale_is_not_read() -> None:
    found = cluster(c=50)
    assert route(found.view, now=10.9).node is B
    found.report("a", told(11.5, 200))
    assert route(found.view, now=11.6).node is A
    assert route(found.view, now=11.6, bound=5.0).node is B
    explained = route(found.view, now=11.6).explain(servers=True)
    assert explained[0] == "a: a read, and no replica may be used"
    assert "b (replica, eu, 1.0 ms, weight 1): 1.6 s behind" in explained
    assert any(line.startswith("c (") and "nobody knows how far" in line for line in explained)
    # Who may not see servers is told the reason and the rules alone.
    public = route(found.view, now=11.6).explain(servers=False)
    assert public == ["a read, and no replica may be used", "no rule keeps the data in a region"]


def test_reads_go_on_without_a_primary_but_not_those_that_need_more() -> None:
    found = cluster()
    found.lost("a", "down")
    assert route(found.view, now=100.0).node is B  # nothing was written since
    assert refused(found.view, replace(READ, written=10.5), now=100.0).sqlstate == "57P03"
    assert refused(found.view, WRITE).message == "no server takes writes now"


def test_weights_share_reads_among_servers_that_are_as_near() -> None:
    heavy = replace(C, region="eu", weight=3.0)
    idle = Node("d", "eu", 0.0)
    found = Topology((A, B, heavy, idle))
    found.report("a", told(10.0, 100))
    for name in "bcd":
        found.report(name, told(10.0, 100, replica=True))
    assert Counter(route(found.view, pick=n / 100).node.name for n in range(100)) == {"b": 25, "c": 75}
    for name in "bc":
        found.lost(name, "down")
    assert route(found.view).node is A
    found.lost("a", "down")
    assert route(found.view).node is idle


def test_rules_come_before_preference() -> None:
    view = cluster().view
    primary = Policy.of([Rule("fresh", schema="shop", route="primary")])
    assert route(view, replace(READ, tables=frozenset({("shop", "item")})), primary).node is A
    assert route(view, READ, primary).node is A
    found = route(view, replace(READ, tables=frozenset({("crm", "note")})), primary)
    assert found.node is B and found.reason == "a read: the nearest replica"
    assert "a: rule fresh wants the primary" in route(view, READ, primary).explain(servers=True)


def test_data_does_not_leave_its_region() -> None:
    view = cluster().view
    policy = Policy.of([Rule("gdpr", schema="crm", regions=frozenset({"eu"}))])
    tagged, other = (replace(READ, tables=frozenset({(schema, "note")})) for schema in ("crm", "shop"))
    assert route(view, tagged, policy, here="us").node is B
    assert route(view, other, policy, here="us").node is C
    assert route(view, READ, policy, here="us").node is B
    assert route(view, WRITE, policy, here="us").node is A
    american = Policy.of([Rule("us", schema="crm", regions=frozenset({"us"}))])
    assert route(view, tagged, american).node is C
    assert route(view, READ, american).node is C
    for wanted in (WRITE, replace(WRITE, tables=frozenset({("crm", "note")}))):
        violation = refused(view, wanted, american)
        assert violation.sqlstate == "42501" and "stays in us (rule us)" in str(violation.detail)
    asian = Policy.of([Rule("asia", schema="crm", regions=frozenset({"asia"}))])
    assert refused(view, tagged, asian).sqlstate == "42501"
    assert route(view, other, asian).node is B
    assert any("the data may not be there" in line for line in route(view, tagged, american).explain(servers=True))
