"""Verbs between two nouns: some say only that the two belong together, some say more and must be explained."""

from __future__ import annotations

import pytest

from grammar_schemas import load
from postai.ask.grammar import read
from postai.language.relating import bond_of, does, inflected


def ask(question: str):
    schema = load("theatre")
    return read(schema.request(question), schema.catalog())


@pytest.mark.parametrize(
    ("question", "tables"),
    [
        ("How many plays did each actor lead?", ("actor_play", "actor")),
        ("how many performances were staged in each town?", ("performance", "house")),
        ("Which houses host performances of musicals?", ("house", "performance", "play")),
        ("Which actors star in plays?", ("actor", "actor_play")),
        ("How many plays were rehearsed by each director?", ("play", "director")),
        ("How many plays were directed by each director?", ("play", "director")),
        ("How many tickets has each patron amassed?", ("ticket", "patron")),
    ],
)
def test_verbs_that_only_relate(question, tables):
    answer = ask(question)
    assert answer.status == "answered", answer.reason
    assert all(f" {table} AS " in answer.sql for table in tables)
    assert answer.confidence <= 0.85
    assert "belong together" in answer.explanation


@pytest.mark.parametrize(
    "question",
    [
        "How many tickets were wasted by each patron?", "How many patrons hated plays?",
        "How many tickets were refunded per patron?",
        "Which patrons have damaged tickets?", "How many actors were bullied by directors?",
        "judged tickets per patron",
        "How many patrons read plays?", "Which actors performed in comedies?", "How many plays were judged?",
        "tickets mislabeled by each patron", "Which patrons prefer plays?",
        "How many plays were leaked by each author?",
        'How many houses are collected by "Jane Roe"?',
    ],
)  # fmt: skip
def test_verbs_that_say_more_stay_unexplained(question):
    answer = ask(question)
    assert answer.status == "abstained"


def test_bases_of_verbs():
    assert bond_of("driven") == ("drive", "plain")
    assert bond_of("drives") == ("drive", "plain")
    assert bond_of("watched") == ("watch", "use")
    assert bond_of("cancelled") == ("cancel", "more")
    assert bond_of("rehearsed") == ("rehears", "open")
    assert bond_of("undelivered") == ("", "more")
    assert bond_of("needed")[1] == "more"
    assert bond_of("zebra") == ("", "more")
    assert inflected("driven") and not inflected("drives") and not inflected("host")


def test_doers():
    assert does("director", "direct") and does("driver", "drive") and does("author", "author")
    assert does("trainer", "train") and does("runner", "run")
    assert not does("director", "produce")


def test_who_did_it_is_no_group():
    answer = ask("total price of tickets collected by patrons in each town")
    assert answer.status == "abstained" or "GROUP BY p.town" in answer.sql
    answer = ask("number of plays written by authors")
    assert answer.status == "answered"
    assert "GROUP BY" not in answer.sql
