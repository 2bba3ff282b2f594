"""Which questions are about the database itself, and which only sound like it."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.ask.database_questions import of_topic, recognise, topics
from postai.ask.database_questions.registry import TOPICS
from postai.ask.database_questions.topic import DOCUMENTED, MANUAL, Topic
from postai.ask.database_questions.wording import wording
from postai.database.catalog import Catalog, Column, Table
from postai.database.catalog_types import KnownValues
from postai.database.named_sql import load
from postai.sql.parse import parse_one


def catalog(*tables: str, version: int = 180000, **values: tuple[str, ...]) -> Catalog:
    """A picture of tables written as "name(column, column)"; `values` are known values of the columns."""
    found = []
    for oid, text in enumerate(tables, start=16384):
        name, _, rest = text.partition("(")
        columns = tuple(
            Column(
                number, column, "text", 25, "text", "S",
                values=KnownValues(values[column], True) if column in values else None,
            )
            for number, column in enumerate(filter(None, re.split(r"[,\s)]+", rest)), start=1)
        )  # fmt: skip
        found.append(Table(oid, "public", name, "table", columns=columns))
    return Catalog("test", version, "f", tuple(found))


STATEMENTS = Table(99, "tools", "pg_stat_statements", "view", extension="pg_stat_statements")
SHOP = catalog("orders(id, customer_id, total, status)", "customers(id, name)", "order_items(id)")
SHOP = Catalog("test", 180000, "f", (*SHOP.tables, STATEMENTS))


def topic_of(question: str, picture: Catalog = SHOP) -> str | None:
    found = recognise(question, picture)
    return found.topic.id if found else None


def topic(identity: str) -> Topic:
    return next(one for one in TOPICS if one.id == identity)


# The registry


@pytest.mark.parametrize("one", TOPICS, ids=lambda one: one.id)
def test_every_wording_of_a_topic_is_recognised(one: Topic) -> None:
    assert len(one.examples) >= 8
    assert {question: topic_of(question) for question in one.examples} == dict.fromkeys(one.examples, one.id)


@pytest.mark.parametrize("one", TOPICS, ids=lambda one: one.id)
def test_every_topic_is_complete(one: Topic) -> None:
    blocks = load("postai.ask.database_questions", f"{one.file}.sql")
    assert one.docs.startswith(MANUAL)
    assert one.explanation.endswith((".", ".)")) and not one.title.endswith(".")
    for name, sql in blocks.items():
        if name == one.id or re.fullmatch(rf"{one.id}_v\d\d", name):
            plain = re.sub(r"(?<!:):(table_oid|table_name|setting|word)\b", "1", sql).replace(":statements", "x")
            assert parse_one(plain).statement_class == "SELECT"
            assert (":table_oid" in sql or ":table_name" in sql) == (one.parameter == "table"), name
            assert (":statements" in sql) == bool(one.extension), name
    assert one.id in blocks


def test_every_block_belongs_to_a_topic() -> None:
    names = {
        name for file in {one.file for one in TOPICS} for name in load("postai.ask.database_questions", f"{file}.sql")
    }
    assert {re.sub(r"_v\d\d$", "", name) for name in names} == {one.id for one in TOPICS}
    assert len({one.id for one in TOPICS}) == len(TOPICS)


def test_topics_are_told_to_a_model() -> None:
    assert ("unused_indexes", "Indexes that are never used") in topics()
    assert len(topics()) == len(TOPICS) >= 40


# What is asked


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Top 5 biggest tables", "limit 5"),
        ("the ten largest tables", "limit 10"),
        ("what is the largest table?", "limit 1"),
        ("what are the largest tables?", None),
        ("how many indexes are never used?", "count(*)"),
        ("How many tables have no primary key", "count(*)"),
    ],
)
def test_numbers(question: str, words: str | None) -> None:
    found = recognise(question, SHOP)
    assert found is not None and found.sql is not None
    assert (words in found.sql) if words else not re.search(r"\blimit \d+$", found.sql)


@pytest.mark.parametrize(
    ("question", "identity", "table"),
    [
        ("how big is the table orders?", "table_size", "public.orders"),
        ("About how many rows does order_items have?", "row_estimates", "public.order_items"),
        ("how big is the order items table", "table_size", "public.order_items"),
        ('which indexes does "orders" have?', "table_indexes", "public.orders"),
        ("when was order_items last vacuumed?", "last_vacuum", "public.order_items"),
        ("Why is the orders page slow?", "slow_table", "public.orders"),
        ("unused indexes on public.orders", "unused_indexes", "public.orders"),
        ("describe customers", "columns", "public.customers"),
    ],
)
def test_tables_are_named(question: str, identity: str, table: str) -> None:
    found = recognise(question, SHOP)
    assert found is not None and found.topic.id == identity
    assert dict(found.parameters) == {"table": table}
    assert found.sql is not None and ":table" not in found.sql


def test_settings_are_named() -> None:
    found = recognise("What is work_mem set to?", SHOP)
    assert found is not None and found.sql is not None
    assert found.sql.endswith("where s.name = 'work_mem'")


def test_variants_by_version() -> None:
    for version, words in (
        (150000, "pg_stat_bgwriter"),
        (170000, "pg_stat_checkpointer"),
        (180000, "pg_stat_checkpointer"),
    ):
        found = recognise("checkpoints", catalog(version=version))
        assert found is not None and words in str(found.sql)
    old = recognise("io statistics", catalog(version=150000))
    assert old is not None and old.sql is None and "needs PostgreSQL 16" in str(old.missing)
    assert old.hint == "This server is PostgreSQL 15."


def test_an_extension_that_is_missing() -> None:
    bare = catalog("orders(id)")
    found = recognise("slowest queries", bare)
    assert found is not None and found.sql is None
    assert "shared_preload_libraries" in str(found.hint) and "CREATE EXTENSION pg_stat_statements" in str(found.hint)
    assert topic_of("why is the orders page slow?", bare) == "table_reads"
    with_it = recognise("slowest queries", SHOP)
    assert with_it is not None and "from tools.pg_stat_statements s" in str(with_it.sql)


# What is not asked


@pytest.mark.parametrize(
    "question",
    [
        "which tables are free tonight", "which tables are booked", "biggest customers", "our largest customers?",
        "which vacuum models sell best", "how many vacuums did we sell", "which customers have no orders?",
        "how big are the orders?", "how big is the order of Ann?", "how many orders are open?", "slowest deliveries",
        "which products were never used", "which customers are not active", "what is the size of the order 17",
        "which orders are running late", "which orders are blocked?", "show me the connections of flight 12",
        "which version of the product sells best?", "longest sessions per customer", "which tables seat eight people?",
        "total size of all orders", "which roles play in the drama?", "how long is the waiting list",
        "last restart of machine 5",
        "which indexes rose yesterday", "which extensions were used by callers",
        "what is the average cache hit of players",
        "which indexes were used today", "which indexes are not unused", "biggest tables in the warehouse",
        "who is waiting for a table?", "which customers use the most disk space", "delete unused indexes",
        "drop the biggest tables", "tables without chairs", "how much space do orders take in the warehouse?",
        "which tables are larger than 1 GB", "show the status of order 5", "orders", "what is 17?", "", "?!",
        "describe",
        "why is delivery slow in Berlin?", "why are sales slow this month?", "when was the table last cleaned?",
        "how many rows of seats are there?", "how many rows does the theatre have?", "which customers have most rows",
        "which constraints apply to student loans",
        "list all orders", "how many rows of orders are open?", "average number of locks per boat",
        "which customers are connected to Ann?", "show all columns of Roman temples",
    ],
)  # fmt: skip
def test_the_users_data_is_left_to_the_other_engines(question: str) -> None:
    assert topic_of(question) is None


@pytest.mark.parametrize(
    ("tables", "questions"),
    [
        (("dining_tables(seats)",), ["which tables are biggest?", "list all tables", "how many tables are there?",
                                     "what tables do we have?", "busiest tables", "which tables are locked?"]),
        (("RestaurantTable(seats)",), ["which tables are biggest?"]),
        (("index(symbol, value)",), ["which indexes are never used?", "biggest indexes", "invalid indexes"]),
        (("stock_indices(symbol)",), ["which indexes are biggest?", "duplicate indexes"]),
        (("lock(model, price)",), ["show locks", "which locks are held?", "who holds locks?"]),
        (("sessions(user, started)",), ["which sessions are active?", "how many sessions are connected?",
                                        "open sessions", "show me the blocking sessions"]),
        (("transactions(amount)",), ["open transactions", "longest transactions"]),
        (("queries(text, ms)",), ["slowest queries", "which queries are running?"]),
        (("connections(a, b)",), ["how many connections are there?", "connections per user"]),
        (("settings(key, value)",), ["which settings are changed?"]),
        (("vacuum_cleaner(model)", "vacuum(model)"), ["is vacuum working?", "vacuum status"]),
        (("roles(name)",), ["list roles", "which roles exist?"]),
        (("users(name)",), ["which users are connected right now?"]),
        (("disk(maker)",), ["disk usage", "what is on the disk most?"]),
        (("dna_sequences(letters)",), ["which sequences are almost full?"]),
        (("servers(name)",), ["when was the server started?"]),
        (("page_views(at)",), ["list the views"]),
        (("app(name, version)",), ["what version is this?"]),
        (("member(name, blocked_until)",), ["who is blocked?", "is anybody blocked?"]),
        (("device(name, connected_at)",), ["who is connected?"]),
        (("hall(id, rows)",), ["about how many rows does other have?", "which table has the most rows?"]),
        (("replica(painter)",), ["replica status", "which replicas are delayed?"]),
    ],
)  # fmt: skip
def test_words_that_mean_something_of_the_users(tables: tuple[str, ...], questions: list[str]) -> None:
    for question in questions:
        assert topic_of(question, catalog("other(a)")) is not None or "disks" in question or "replicas" in question, (
            question
        )
        if "server uptime" not in question:
            assert topic_of(question, catalog(*tables)) is None, question


def test_values_of_the_users() -> None:
    picture = catalog("product(name, kind)", kind=("Locks", "Keys"))
    assert topic_of("who holds locks?", picture) is None
    assert topic_of("who holds locks?", catalog("product(name, kind)")) == "locks"


@pytest.mark.parametrize("one", TOPICS, ids=lambda one: one.id)
def test_what_is_documented_is_understood_whatever_the_rows_hold(one: Topic) -> None:
    words = sorted({form for text in one.examples for word in wording(text).raw for form in (word, word.title())})
    picture = catalog("product(name, kind)", kind=tuple(words))
    picture = Catalog("test", 180000, "f", (*picture.tables, *SHOP.tables))
    questions = one.examples[:DOCUMENTED]
    if one.parameter != "word":
        assert {question: topic_of(question, picture) for question in questions} == dict.fromkeys(questions, one.id)


def test_a_part_of_the_application() -> None:
    found = recognise("Why is checkout slow?", SHOP)
    assert found is not None and found.sql is not None
    assert (found.topic.id, dict(found.parameters)) == ("slow_part", {"word": "checkout"})
    assert "lower('checkout')" in found.sql
    for picture in (catalog("checkouts(id)"), catalog("visit(id, checkout)"), catalog("v(k)", k=("checkout",))):
        found = recognise("why is checkout slow?", picture)
        assert found is None or found.topic.id == "table_reads"
    bare = recognise("why is checkout slow?", catalog("orders(id)"))
    assert bare is not None and bare.sql is None and "CREATE EXTENSION" in str(bare.hint)


@pytest.mark.parametrize(
    "question",
    [
        "when was the last sample analyzed?",
        "which samples were never analyzed?",
        "when was sample 7 last analysed",
        "how many samples were analyzed?",
        "which samples have no statistics?",
        "which plates are locked?",
        "how big is the biggest plate?",
        "which plates are full?",
        "how much space is left on each plate?",
        "slowest analyses",
        "which samples are running?",
        "what is the status of sample 3?",
        "columns of plate 4",
    ],
)
def test_a_laboratory_keeps_its_words(question: str) -> None:
    assert topic_of(question, catalog("sample(id, taken_at)", "plate(id, columns, rows)", "analysis(id)")) is None


@pytest.mark.parametrize(
    ("question", "tables", "identity"),
    [
        ("which tables have no primary key?", ("dining_tables(seats)",), "no_primary_key"),
        ("is autovacuum keeping up?", ("vacuum(model)",), "vacuum_health"),
        ("how much disk space do the tables take?", ("tables(seats)",), "biggest_tables"),
        ("which postgres indexes are never used?", ("index(symbol)",), "unused_indexes"),
        ("who is blocking whom?", ("block(street)",), "blocking"),
        ("long-running transactions", ("transactions(amount)",), "long_transactions"),
        ("what is the database version?", ("app(version)",), "version"),
        ("how much disk do we use?", ("warehouses(id)",), "disk_usage"),
        ("foreign keys without index", ("key(door)", "index(symbol)"), "missing_foreign_key_indexes"),
    ],
)
def test_what_is_clear_in_spite_of_the_users_names(question: str, tables: tuple[str, ...], identity: str) -> None:
    assert topic_of(question, catalog(*tables)) == identity


# Anything at all


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=120),
        st.lists(
            st.sampled_from(
                [
                    "which",
                    "table",
                    "index",
                    "query",
                    "are",
                    "biggest",
                    "not",
                    "used",
                    "lock",
                    "of",
                    "orders",
                    "top",
                    "5",
                    "setting",
                    "work_mem",
                    "'",
                    '"',
                ]
            ),
            max_size=12,
        ).map(" ".join),
    )
)
def test_any_text_gives_one_statement_or_nothing(text: str) -> None:
    found = recognise(text, SHOP)
    assert found == recognise(text, SHOP)
    if found is not None and found.sql is not None:
        assert parse_one(found.sql).statement_class == "SELECT"


def test_hostile_names_stay_literals() -> None:
    picture = Catalog("test", 180000, "f", (Table(7, "public", "o'x; drop", "table"), STATEMENTS))
    found = of_topic(topic("slow_table"), picture, picture.tables[0], {"table": "x"})
    assert found.sql is not None and "lower('o''x; drop')" in found.sql
    named = of_topic(topic("setting"), picture, None, {"setting": "a'; drop table x; --"})
    assert parse_one(str(named.sql)).statement_class == "SELECT"


def test_it_takes_no_time() -> None:
    began = time.process_time()
    for _ in range(200):
        assert recognise("which customers from Berlin ordered more than five products last month?", SHOP) is None
        assert recognise("which indexes are never used?", SHOP) is not None
    assert (time.process_time() - began) / 400 < 0.001
