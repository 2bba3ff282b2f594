"""Rules about statements: which one holds, and where data may be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from postai.edge.residency import residency
from postai.edge.rules import NO_RULES, Policy, Rule, Rules, read
from postai.sql.parse import fingerprint

ITEM, ORDER, NOTE = ("shop", "item"), ("shop", "order"), ("crm", "note")


def row(name: str, **given: Any) -> dict[str, Any]:
    keys = (
        "database_name", "user_name", "schema_name", "relation_name", "query", "ttl", "route", "regions", "cache_table",
    )  # fmt: skip
    return {"name": name, **dict.fromkeys(keys), **given}


def rules(*rows: dict[str, Any]) -> tuple[Rules, tuple[str, ...]]:
    return read(json.dumps(rows), "1", fingerprint)


@pytest.mark.parametrize("query", ["select " + "+" * 5000 + "1", "select /*" + "*//*" * 5000 + "*/ 1", "1," * 50_000])
def test_a_statement_that_takes_too_long_to_be_read_fits_none(query: str) -> None:
    def refuse(text: str) -> str:
        raise AssertionError(f"{len(text)} characters are read")

    wrong = row("wrong", query=query, ttl=1, cache_table="sums")
    found, problems = read(json.dumps([wrong, row("all", ttl=60)]), "1", refuse)
    assert problems == ("rule wrong: its statement takes too long to be read",)
    policy = found.policy("ada", "shop")
    assert not policy.tables and policy.ttl(None, "x") == (60.0, found.rules[1])


def test_a_policy_has_the_rules_of_its_user_and_database() -> None:
    found, problems = rules(
        row("all", ttl=60), row("ada", user_name="ada", route="primary"), row("shop", database_name="shop", ttl=5.5)
    )
    assert problems == ()
    assert [rule.name for rule in found.policy("ada", "shop").rules] == ["ada", "shop", "all"]
    assert [rule.name for rule in found.policy("bob", "other").rules] == ["all"]
    assert found.policy("bob", "shop").ttl(frozenset(), None) == (5.5, found.rules[2])
    assert Rules().policy("ada", "shop") is NO_RULES


def test_the_most_specific_rule_holds() -> None:
    text = "select * from shop.item where id = 7"
    policy = Policy.of(
        rules(
            row("everything", route="replica", ttl=100),
            row("base", database_name="d", route="nearest"),
            row("user", user_name="u", route="replica"),
            row("schema", schema_name="shop", route="primary"),
            row("table", schema_name="shop", relation_name="item", route="replica"),
            row("query", query=text, route="primary"),
        )[0].rules
    )
    same = fingerprint("SELECT * FROM shop.item WHERE id = 12")
    item = frozenset({ITEM})

    def route(tables: frozenset[tuple[str, str]] | None, statement: str | None = None) -> tuple[str, str | None]:
        way, rule = policy.route(tables, statement)
        return way, rule.name if rule else None

    assert route(item, same) == ("primary", "query")
    assert route(item, "0" * 16) == ("replica", "table")
    assert route(frozenset({ORDER})) == ("primary", "schema")
    assert route(frozenset({NOTE})) == ("replica", "user")
    assert route(frozenset()) == ("replica", "user")
    # Not known what it reads: it may be what has to go to the primary.
    assert route(None) == ("primary", "schema")
    assert policy.by_statement and policy.by_relation
    # Every word is looked for by itself.
    assert policy.ttl(item, same)[0] == 100


def test_of_equally_specific_rules_the_stricter_holds() -> None:
    policy = Policy.of(
        [
            Rule("a", schema="shop", relation="item", ttl=9.0, route="nearest"),
            Rule("b", schema="shop", relation="order", ttl=3.0, route="primary"),
        ]
    )
    both = frozenset({ITEM, ORDER})
    assert policy.ttl(both, None) == (3.0, policy.rules[0])
    assert policy.route(both, None) == ("primary", policy.rules[0])
    assert policy.route(frozenset({ITEM}), None)[0] == "nearest"
    assert policy.route(frozenset({NOTE}), None) == ("nearest", None)
    assert policy.ttl(None, None) == (None, None)
    assert Policy.of([Rule("never", schema="shop", ttl=0.0)]).ttl(None, None)[0] == 0.0


def test_a_statement_that_cannot_be_read_fits_nothing_and_is_told() -> None:
    found, problems = rules(row("bad", query="selec 1", route="primary"), row("hash", query="ab" * 8, ttl=1))
    assert len(problems) == 1 and "bad" in problems[0]
    assert [rule.fingerprint for rule in found.rules] == ["", "ab" * 8]
    assert found.policy("u", "d").route(None, fingerprint("select 1"))[0] == "nearest"


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"name": "a"}]', json.dumps([row("a", route="moon")])])
def test_rules_that_are_not_understood_are_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        read(text, "1", fingerprint)


def test_data_stays_in_the_regions_of_all_rules_that_fit() -> None:
    policy = Policy.of(
        [
            Rule("crm", schema="crm", regions=frozenset({"eu", "ch"})),
            Rule("note", schema="crm", relation="note", regions=frozenset({"eu", "us"})),
            Rule("order", schema="shop", relation="order", regions=frozenset({"us"})),
        ]
    )
    assert residency(policy, frozenset({ITEM})).regions is None
    assert residency(policy, frozenset()).admits(None)
    assert residency(policy, frozenset({("crm", "person")})).regions == frozenset({"eu", "ch"})
    note = residency(policy, frozenset({NOTE, ITEM}))
    assert note.regions == frozenset({"eu"}) and note.admits("eu") and not note.admits("ch") and not note.admits(None)
    assert note.explain() == "the data stays in eu (rule note, crm)"
    unknown = residency(policy, None)
    assert unknown.regions == frozenset() and not unknown.admits("eu")
    assert "no region at all" in unknown.explain() and "not known what it reads" in unknown.explain()
    whole = residency(Policy.of([Rule("all", regions=frozenset({"eu"}))]), frozenset())
    assert whole.regions == frozenset({"eu"})
    assert residency(NO_RULES, None).explain() == "no rule keeps the data in a region"
