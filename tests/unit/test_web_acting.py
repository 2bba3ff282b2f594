"""What the pages about proposals and edges make of plain values: locks of statements, evidence, places, a map."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from postai.edge.board import Edges, EdgeShown, EndpointShown
from postai.edge.regions import place_of
from postai.proposals.evidence import facts_of, planned_effects
from postai.proposals.known_locks import known_lock
from postai.web import worldmap

AT = datetime(2026, 7, 1, tzinfo=UTC)
SQUARE = worldmap.Frame(960, 436, 78, -56, "M0 0l10 0l0 10z")


@pytest.mark.parametrize(
    ("statement", "blocks"),
    [
        ("CREATE INDEX CONCURRENTLY a ON t (b)", "ddl"),
        ("create unique index\n concurrently a on t (b)", "ddl"),
        ("DROP INDEX CONCURRENTLY a", "ddl"),
        ("DROP INDEX a", "reads+writes"),
        ("CREATE INDEX a ON ONLY t (b)", "writes"),
        ("REINDEX (VERBOSE) INDEX CONCURRENTLY a", "ddl"),
        ("VACUUM (ANALYZE) t", "ddl"),
        ("VACUUM (FULL, ANALYZE) t", "reads+writes"),
        ("VACUUM FULL t", "reads+writes"),
        ("ANALYZE t", "ddl"),
        ("ALTER TABLE public.t SET (fillfactor = 90)", "ddl"),
        ("ALTER TABLE t RESET (autovacuum_enabled)", "ddl"),
        ("ALTER TABLE t ALTER COLUMN a SET STATISTICS 1000", "ddl"),
        ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "reads+writes"),
        ('ALTER TABLE IF EXISTS s."a b" DROP COLUMN IF EXISTS "c d"', "reads+writes"),
        ("ALTER TABLE t DROP CONSTRAINT c", "reads+writes"),
        ("ALTER TABLE t VALIDATE CONSTRAINT c", None),
        ("DROP TRIGGER IF EXISTS a ON t", "reads+writes"),
        ("ALTER TABLE t SET SCHEMA s", None),
        ("REINDEX INDEX a", None),
        ("DELETE FROM t", None),
    ],
)
def test_a_lock_is_told_where_the_form_tells_it(statement: str, blocks: str | None) -> None:
    found = known_lock(statement)
    assert (found.blocks if found else None) == blocks


def test_evidence_is_facts_with_units() -> None:
    facts = facts_of(
        {"table_bytes": 8192, "effects": [1], "object": "t", "comment": None, "definition": "CREATE INDEX x",
         "checks": [{"words": "values do not fit", "count": 3}], "strange_key": {"a": 1}, "destructive": False,
         "warnings": ["one", "two"], "rows": "many"}
    )  # fmt: skip
    assert {(one.name, one.unit, one.value) for one in facts} == {
        ("Definition", "sql", "CREATE INDEX x"),
        ("Size of the table", "bytes", 8192),
        ("Looked for", "text", "values do not fit: 3 rows"),
        ("Loses rows or values", "text", "no"),
        ("Warnings", "text", "one\ntwo"),
        ("Rows", "text", "many"),
        ("strange key", "text", '{"a": 1}'),
    }


def test_effects_have_the_promise_beside_the_measurement() -> None:
    found = planned_effects(
        {"effects": [{"id": 7, "calls_per_day": 10, "before_ms": 5, "after_ms": 1}, {"id": 8, "calls_per_day": 1000,
                     "before_ms": 5, "after_ms": 1}, "no object"]},
        {"statements": [{"id": 7, "before_ms": 6, "after_ms": 2, "calls": 40}]},
    )  # fmt: skip
    assert [one.query_id for one in found] == ["8", "7"]
    assert (found[1].after_ms, found[1].measured_after_ms, found[1].measured_calls) == (1, 2, 40)
    assert found[0].measured_after_ms is None


@pytest.mark.parametrize(
    ("region", "town"),
    [
        ("eu-central-1", "Frankfurt"),
        ("eu-central-1a", "Frankfurt"),
        ("US-East1-b", "Moncks Corner"),
        ("westeurope", "Amsterdam"),
        ("fra", "Frankfurt"),
        ("new york", "New York"),
        ("office", None),
        ("", None),
        (None, None),
    ],
)
def test_a_region_has_its_place(region: str | None, town: str | None) -> None:
    place = place_of(region)
    assert (place.town if place else None) == town


def _edge(name: str, region: str) -> EdgeShown:
    return EdgeShown(name, "1", region, "a:1", "alive", AT, AT, 1, [], None, None, None, place_of(region))


def _node(edge: str, node: str, region: str, problem: str | None = None) -> EndpointShown:
    return EndpointShown(edge, node, region, "replica", 12.0, 0.0, problem, AT, place_of(region))


def test_names_on_the_map_are_only_text() -> None:
    hostile = "</title><script>alert(1)</script>"
    drawn = worldmap.world_map(
        Edges([_edge(hostile, "eu-west-1")], [_node(hostile, hostile, "us-east-1", problem=hostile)], [], []),
        SQUARE,
    )
    assert drawn is not None
    assert "<script" not in drawn
    assert drawn.count("&lt;script&gt;") >= 3
    assert 'class="bad"' in drawn


def test_the_map_shows_the_part_that_holds_all() -> None:
    near = worldmap.world_map(Edges([_edge("a", "eu-west-1"), _edge("b", "eu-central-1")], [], [], []), SQUARE)
    far = worldmap.world_map(Edges([_edge("a", "us-west-1"), _edge("b", "ap-southeast-2")], [], [], []), SQUARE)
    assert near is not None and "world z4" in near
    assert far is not None and "world z1" in far
    assert worldmap.world_map(Edges([_edge("a", "office")], [], [], ["office"]), SQUARE) is None


def test_without_outlines_there_is_no_map() -> None:
    assert worldmap.world_map(Edges([_edge("a", "eu-west-1")], [], [], []), None) is None


def test_outlines_hold_a_path_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built = tmp_path / "static" / "built"
    built.mkdir(parents=True)
    told: dict[str, Any] = {"width": 1, "height": 1, "north": 78, "south": -56}
    monkeypatch.setattr(worldmap.resources, "files", lambda _: tmp_path)
    for path, right in (("M0 0l1 .5z", True), ('"/><script>', False)):
        (built / "world.json").write_text(json.dumps({**told, "path": path}))
        if right:
            assert worldmap.read_frame() is not None
        else:
            with pytest.raises(ValueError, match="build the scripts again"):
                worldmap.read_frame()
