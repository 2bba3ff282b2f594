"""Rules of edges in SQL: who writes them, what is refused, what an edge reads; and reports of edges."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from edge_caches import caching, simple
from edge_support import PATIENCE, query_line

from conftest import TestDatabase, put_postai
from postai.edge.residency import residency
from postai.edge.rules import Rule, Rules, read
from postai.sql.parse import fingerprint


@pytest.fixture
def home(database: TestDatabase) -> Iterator[tuple[TestDatabase, str, str]]:
    """A database with postai, an operator and the login of an edge."""
    put_postai(database)
    boss, edge = f"boss_{uuid.uuid4().hex[:8]}", f"edge_{uuid.uuid4().hex[:8]}"
    database.execute(
        f"create role {boss} login password '{boss}'; grant postai_operator to {boss};"
        f"create role {edge} login password '{edge}'; grant postai_reader to {edge};"
        f"grant execute on function postai._edge_report(text, jsonb), postai.forget_edge(text) to {edge}"
    )
    yield database, boss, edge
    for role in (boss, edge):
        database.execute(f"drop owned by {role}; drop role {role}")


def current(database: TestDatabase, edge: str, known: str = "") -> tuple[str, Rules | None]:
    with database.connect(edge) as connection:
        row = connection.execute("select generation, rules from postai._read_edge_rules(%s)", (known,)).fetchone()
    assert row is not None
    return row[0], None if row[1] is None else read(row[1], row[0], fingerprint)[0]


def test_rules_are_written_read_and_forgotten(home: tuple[TestDatabase, str, str]) -> None:
    database, boss, edge = home
    empty, rules = current(database, edge)
    assert rules is not None and rules.rules == ()
    with database.connect(boss) as connection:
        connection.execute("select postai.edge_rule('gdpr', relation => 'crm.*', regions => '{eu,ch}')")
        connection.execute(
            "select postai.edge_rule('hot', database_name => 'shop', user_name => 'ada', relation => 'Shop.\"Item\"',"
            " query => 'select 1', ttl => '1 minute 500 ms', route => 'replica')"
        )
    generation, rules = current(database, edge, empty)
    assert rules is not None and generation != empty
    assert rules.rules == (
        Rule("gdpr", schema="crm", regions=frozenset({"eu", "ch"})),
        Rule("hot", "shop", "ada", "shop", "Item", fingerprint("select 2"), 60.5, "replica"),
    )
    assert residency(rules.policy("u", "d"), frozenset({("crm", "x")})).regions == frozenset({"eu", "ch"})
    assert current(database, edge, generation) == (generation, None)
    with database.connect(edge) as connection:
        view = "select name, relation, ttl, route, regions, changed_by from postai.edge_rules order by name"
        assert connection.execute(view).fetchall() == [
            ("gdpr", "crm.*", None, None, ["eu", "ch"], boss),
            ("hot", 'shop."Item"', timedelta(seconds=60.5), "replica", None, boss),
        ]
    with database.connect(boss) as connection:
        connection.execute("select postai.edge_rule('gdpr', relation => 'crm.*', regions => '{eu}')")
        connection.execute("select postai.forget_edge_rule('hot')")
        connection.execute("select postai.edge_rule('sums', query => 'select 1', cache_table => 'one')")
    changed, rules = current(database, edge, generation)
    assert changed != generation and rules is not None
    one = Rule("sums", fingerprint=fingerprint("select 1"), text="select 1", cache_table="one")
    assert rules.rules == (Rule("gdpr", schema="crm", regions=frozenset({"eu"})), one)
    events = database.execute("select kind, subject, actor from postai.event where kind like 'edge.%' order by id")
    assert [row[:2] for row in events] == [
        ("edge.rule", "edge rule gdpr"), ("edge.rule", "edge rule hot"), ("edge.rule", "edge rule gdpr"),
        ("edge.rule_forgotten", "edge rule hot"), ("edge.rule", "edge rule sums"),
    ]  # fmt: skip
    assert {row[2] for row in events} == {boss}


BAD: dict[str, str] = {
    "null, ttl => '1 s'": "cannot name a rule",
    "'a b', ttl => '1 s'": "cannot name a rule",
    "'x'": "the rule says nothing",
    "'x', relation => 'a.b'": "the rule says nothing",
    "'x', route => 'moon'": "there is no route",
    "'x', ttl => '-1 s'": "between 0 and a year",
    "'x', ttl => '2 years'": "between 0 and a year",
    "'x', regions => '{}'": "at least one region",
    "'x', regions => '{eu,null}'": "at least one region",
    "'x', regions => '{\"\"}'": "at least one region",
    "'x', regions => '{eu}', query => 'select 1'": "takes no regions",
    "'x', cache_table => 'a'": "takes the text of a query",
    "'x', cache_table => 'a', query => '0123456789abcdef'": "takes the text of a query",
    "'x', cache_table => 'a', query => ' ; '": "takes the text of a query",
    "'x', cache_table => '', query => 'select 1'": "there is no cache table",
    "'x', relation => 'item', ttl => '1 s'": "names no relation with its schema",
    "'x', relation => 'a.b.c', ttl => '1 s'": "names no relation with its schema",
    "'x', relation => 'a.b.*', ttl => '1 s'": "names no relation with its schema",
    "'x', relation => '*', ttl => '1 s'": "names no relation with its schema",
    "'x', relation => '', ttl => '1 s'": "names no relation with its schema",
    "'x', relation => 'a.\"b', ttl => '1 s'": "names no relation with its schema",
}


def test_rules_that_make_no_sense_are_refused(database15: TestDatabase) -> None:
    put_postai(database15)
    with database15.connect() as connection:
        for arguments, message in BAD.items():
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(f"select postai.edge_rule({arguments})")
            assert caught.value.sqlstate == "22023" and message in str(caught.value), arguments
        with pytest.raises(psycopg.errors.UndefinedObject):
            connection.execute("select postai.forget_edge_rule('nothing')")
        assert connection.execute("select count(*) from postai.edge_rules").fetchone() == (0,)


def test_only_operators_write_rules_and_only_edges_report(home: tuple[TestDatabase, str, str]) -> None:
    database, boss, edge = home
    for user, statement in (
        (edge, "select postai.edge_rule('x', ttl => '1 s')"),
        (edge, "select postai.forget_edge_rule('x')"),
        (edge, "insert into postai.edge_rule (name, ttl) values ('x', '1 s')"),
        (edge, "select * from postai.edge_rule"),
        (edge, "delete from postai.edge"),
        (boss, "select postai._edge_report('x', '{}')"),
    ):
        with database.connect(user) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_edges_report_and_fall_silent(home: tuple[TestDatabase, str, str]) -> None:
    database, _, edge = home
    nodes = [
        {"name": "db1", "region": "eu", "role": "primary", "latency_ms": 0.4, "behind_seconds": 0, "problem": None},
        {"name": "db2", "region": "us", "role": "down", "problem": "it did not answer in time"},
    ]
    figures: dict[str, Any] = {"version": "1.2", "region": "eu", "address": "10.0.0.1:6432", "nodes": nodes}
    with database.connect(edge) as connection:
        for name, report in (("one", figures), ("old", figures), ("gone", {}), ("odd", {"nodes": 7})):
            connection.execute("select postai._edge_report(%s, %s)", (name, json.dumps(report)))
    database.execute(
        "update postai.edge set reported_at = now() - interval '40 seconds' where name = 'old';"
        "update postai.edge set reported_at = now() - interval '8 days' where name = 'gone'"
    )
    with database.connect(edge) as connection:
        connection.execute("select postai._edge_report('one', %s)", (json.dumps(figures),))
        edges = "select name, version, region, address, state from postai.edges order by name"
        assert connection.execute(edges).fetchall() == [
            ("odd", None, None, None, "alive"),
            ("old", "1.2", "eu", "10.0.0.1:6432", "silent"),
            ("one", "1.2", "eu", "10.0.0.1:6432", "alive"),
        ]  # fmt: skip
        endpoints = (
            "select node, region, role, latency_ms, problem from postai.edge_endpoints where edge = 'one' order by node"
        )
        assert connection.execute(endpoints).fetchall() == [
            ("db1", "eu", "primary", 0.4, None),
            ("db2", "us", "down", None, "it did not answer in time"),
        ]
        connection.execute("select postai.forget_edge('old')")
        assert connection.execute("select count(*) from postai.edges where state = 'silent'").fetchone() == (0,)
        big = json.dumps({str(n): uuid.uuid4().hex for n in range(10_000)})
        for name, text in (("", "{}"), ("a b", "{}"), ("ok", "[]"), ("ok", big)):
            with pytest.raises(psycopg.Error):
                connection.execute("select postai._edge_report(%s, %s)", (name, text))


def test_rules_say_what_the_cache_keeps(database15: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A region, and a time of 0, keep answers out of the edge's memory; both from the next look at the rules on."""
    monkeypatch.setattr("postai.edge.server.home.INTERVAL", 0.05)
    database = database15
    put_postai(database)
    read, other = "select name from shop.item where id = 1", "select name from shop.note where id = 1"
    setup = (
        "create schema shop; create table shop.item (id int primary key, name text);"
        "create table shop.note (id int primary key, name text); create view shop.items as select * from shop.item;"
        "insert into shop.item values (1, 'x'); insert into shop.note values (1, 'y');"
        "create publication postai_edge for all tables"
    )
    home = query_line(database.server).replace("dbname=postgres", f"dbname={database.name}")
    with caching(database, setup, home=home, region="eu") as edge:

        def rule(call: str) -> None:
            database.execute(f"select postai.{call}")
            ((generation,),) = database.execute("select generation from postai._read_edge_rules('')")
            nodes: Any = edge.edge.edge.nodes
            end = time.monotonic() + PATIENCE
            while edge.inside(lambda: nodes._rules.generation) != generation:
                assert time.monotonic() < end
                time.sleep(0.02)

        with edge.connect() as client:
            edge.hit(lambda: simple(client, read))
            rule("edge_rule('far', relation => 'shop.item', regions => '{us,eu}')")
            edge.hit(lambda: simple(client, read))
            rule("edge_rule('here', relation => 'shop.note', ttl => '0')")
            edge.never_hits(lambda: simple(client, other))
            edge.hit(lambda: simple(client, "select name from shop.items where id = 1"))
            rule("edge_rule('far', relation => 'shop.item', user_name => 'nobody', regions => '{us}')")
            rule("forget_edge_rule('here')")
            edge.hit(lambda: simple(client, other))
