"""The report of a check as people and programs get it, its registry, and what it estimates."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from postai.cli import replicating_check
from postai.replicate.checks.registry import CHECKS
from postai.replicate.checks.traffic import free_bytes, room
from postai.replicate.probe import Facts
from postai.replicate.types import Finding, Identity, Level, Method, Report, Server, Side, Table

SERVER = Server("db.example.com:5432/shop", 150018, "shop", "mover", False, True, 5 << 30)
HOSTILE = "public.\x1b[31m\u202eevil\nname"
REPORT = Report(
    Method.NATIVE, SERVER, replace(SERVER, version=180006, bytes=7 << 20),
    (
        Finding("replica_identity", Level.BLOCKER, Side.SOURCE, "nothing identifies " + "the rows " * 30,
                tuple(f"public.table_{number}" for number in range(40)),
                tuple(f"ALTER TABLE ONLY public.table_{number} REPLICA IDENTITY FULL" for number in range(40))),
        Finding("unlogged", Level.WARNING, Side.SOURCE, "unlogged tables", (HOSTILE,),
                (f"ALTER TABLE {HOSTILE} SET LOGGED",)),
        Finding("sequences", Level.NOTE, Side.SOURCE, "11 sequences", (), ("not shown",)),
    ),
    (Table("public", "orders", 4 << 30, 10, Identity.PRIMARY),), 4 << 30, 47.7, 3 << 20,
)  # fmt: skip


def test_the_page_is_80_columns_wide_and_shows_no_control_character() -> None:
    text = replicating_check.page(REPORT, "legacy", "new")
    lines = text.split("\n")
    assert max(map(len, lines)) <= 80 and all(line.isprintable() for line in lines)
    assert lines[:2] == [
        "legacy: PostgreSQL 15.18, db.example.com:5432/shop, 5.0 GB, as mover",
        "new: PostgreSQL 18.6, db.example.com:5432/shop, 7.0 MB, as mover",
    ]
    assert "The move cannot begin: 1 blocker. It would go by logical replication (native)." in lines
    assert "about 48 s" in text and "about 3.0 MB of log" in text.replace("\n", " ")
    assert "    and 36 more (--json has all)" in lines and "public.table_5 and 34 more" in text
    assert "\\x1b[31m" in text and "- 11 sequences [sequences, source]" in lines and "not shown" not in text


def test_the_exit_code_says_whether_it_can_begin(capsys: pytest.CaptureFixture[str]) -> None:
    assert replicating_check.show(REPORT, "legacy", "new", json=True) == replicating_check.BLOCKED
    told = json.loads(capsys.readouterr().out)
    assert (told["blocked"], told["method"], told["source"], told["target"]["version"]) == (
        True,
        "native",
        SERVER_JSON,
        180006,
    )
    assert len(told["findings"][0]["fix"]) == 40 and told["connections"] == {"source": "legacy", "target": "new"}
    fine = replace(REPORT, findings=REPORT.findings[2:], wal_bytes=3)
    assert replicating_check.show(fine, "legacy", "new", json=False) == 0
    told_so = capsys.readouterr().out
    assert "The move can begin, by logical replication (native)." in told_so and "keeps little" in told_so
    dump = replicating_check.page(replace(REPORT, method=Method.DUMP), "legacy", "new").split("\n")
    assert "The move cannot begin: 1 blocker. It would go by a copy while nobody writes" in dump


SERVER_JSON = {"label": "db.example.com:5432/shop", "version": 150018, "database": "shop", "user": "mover",
               "superuser": False, "replication": True, "bytes": 5 << 30}  # fmt: skip


def test_the_registry_says_all_that_the_manual_needs() -> None:
    ids = [one.id for one in CHECKS]
    assert len(ids) == len(set(ids)) > 50
    for one in CHECKS:
        assert one.title and one.levels and one.methods and one.why.endswith("."), one.id
        assert one.fix.endswith((".", ")")), one.id


def test_room_is_told_as_far_as_it_can_be_seen() -> None:
    (unknown,) = room(Side.TARGET, 10 << 30, None)
    assert unknown.level is Level.NOTE and "10 GB are needed for the database" in unknown.what
    (little,) = room(Side.SOURCE, 10 << 30, 4 << 30)
    assert little.level is Level.BLOCKER and little.fix == ("enlarge the disk of the source by 6.0 GB",)
    assert not list(room(Side.SOURCE, 1 << 30, 4 << 30))
    here = Facts(
        replace(SERVER, label="127.0.0.1:5432/shop"), True, True, False, True, "1", "", {"data_directory": "/"}
    )
    assert (free_bytes(here) or 0) > 0
    for there in (
        replace(here, server=SERVER), replace(here, managed="rds"), replace(here, settings={}),
        replace(here, settings={"data_directory": "/no/such/directory"}),
    ):  # fmt: skip
        assert free_bytes(there) is None
