"""What is taken as a question and what is not."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.ask.questions import LONGEST, check_question, refuse_non_questions
from postai.database.catalog import Catalog, Table
from postai.errors import Refused, UsageError

CATALOG = Catalog(
    "store", 150018, "f", (Table(1, "public", "customer", "table"), Table(2, "public", "orders", "table"))
)

QUESTIONS = [
    "how many orders were cancelled in each country?",
    "top 5 customers by revenue last month",
    "select customers from Germany",
    "select the customers from Germany and Austria",
    "show customers",
    "show orders and their dates",
    "list everything about products",
    "fetch orders of last week",
    "analyze sales",
    "which orders were deleted last week?",
    "who deleted the most orders?",
    "how many rows were inserted yesterday",
    "drop rate by month",
    "what is the churn (drop off) rate per plan?",
    "update history of order 17",
    "update frequency per table",
    "insert date of the newest customer",
    "create date of the newest order",
    "creation time of each account",
    "change in revenue between March and April",
    "set of all colours we sell",
    "add up the totals of all orders",
    "make a table of revenue by country",
    "make a list of customers",
    "customers who want to cancel the contract",
    "remove rate of items from carts",
    "average delete time per user",
    "grants and revocations per role last year",
    "which employees were granted options?",
    "truncated names of products",
    "how many customers have alter in their name",
    "Wie viele Bestellungen gab es gestern?",
    "昨日の注文数は？",
    "orders; customers; products",
    "number of orders where the comment contains 'drop table'",
    "do we have customers in Peru?",
    "is there an order without items?",
    "with which customers did we earn most?",
    "values of all enum columns",
    "orders from 2024-01-01 to 2024-02-01",
    "call volume per agent",
    "vacuum cleaners sold last month",
    "reset requests per day",
    "load per server",
    "copy editors by salary",
    "begin date of each project",
    "end of contract per customer",
    "merge requests by author",
    "lock changes per door",
    "import volume by country",
    "explain which products sell best",
    "table reservations for tonight",
    "move dates of tenants",
]

CHANGES = [
    "delete all customers from Berlin",
    "delete customers older than 5 years",
    "Delete from orders",
    "please delete the order 17",
    "Could you please drop the table customer?",
    "drop table customer",
    "drop customer",
    "I want to remove every inactive user",
    "remove duplicate rows",
    "insert a new customer named Bob",
    "update the price of all products by 10%",
    "update prices to 10",
    "UPDATE customer SET name = 'x'",
    "add a column email to customer",
    "create an index on orders",
    "Add an optional phone number to customers.",
    "create or replace view v as select 1",
    "make a new table for invoices",
    "rename the column name to title",
    "rename customer to client",
    "alter table orders add x int",
    "truncate orders",
    "wipe everything",
    "set the price of product 5 to 10",
    "increase all prices by 5 percent",
    "change the email of customer 7 to a@b.c",
    "grant select on orders to bob",
    "revoke access from bob",
    "cancel all orders of yesterday",
    "list the customers and then delete them",
    "show me customers; drop table customer; --",
    "customers'; DROP TABLE customer; --",
    "select 1; delete from customer",
    "COPY customer TO PROGRAM 'cat'",
    "DO $$ BEGIN END $$",
    "call refresh_all()",
    "SET role postgres",
    "begin",
    "vacuum full",
    "WITH gone AS (DELETE FROM customer RETURNING *) SELECT * FROM gone",
    "select * into x from customer",
    "let's purge old orders from 2019",
    "ok now go ahead and delete it",
]

SQL = [
    "select * from customer",
    "SELECT name, city FROM customer WHERE city = 'Berlin'",
    "select name from customer",
    "select count(*) from orders;",
    "select 1",
    "select now()",
    "with x as (select 1) select * from x",
    "table customer",
    "values (1), (2)",
    "select * from no_such_table",
    "(select 1) union (select 2)",
    "SELECT * FROM customer WHERE",
    "select name, city from customer where city =",
    "explain select * from customer",
    "select 1; select 2",
    "show work_mem;",
    "/* hi */ select * from customer",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_passes(question: str) -> None:
    check_question(question)
    refuse_non_questions(question, CATALOG)


@pytest.mark.parametrize("question", CHANGES)
def test_a_request_for_a_change_is_refused(question: str) -> None:
    with pytest.raises(Refused, match="asks to change") as caught:
        refuse_non_questions(question, CATALOG)
    assert caught.value.sqlstate == "PA003"
    assert "postai.migrate" in (caught.value.hint or "")


@pytest.mark.parametrize("question", SQL)
def test_sql_is_refused(question: str) -> None:
    with pytest.raises(Refused, match="SQL, not a question") as caught:
        refuse_non_questions(question, CATALOG)
    assert caught.value.sqlstate == "PA003"
    assert "Run the statement" in (caught.value.hint or "")


BAD = [
    ("", "empty"),
    (" \t\n ", "empty"),
    ("?!", "no words"),
    ("x" * (LONGEST + 1), "too long"),
    ("x" * 1_000_000, "too long"),
    ("how many\0 orders", "NUL"),
    ("how many \ud800 orders", "not valid Unicode"),
]


@pytest.mark.parametrize(("question", "message"), BAD, ids=[row[1] for row in BAD])
def test_what_cannot_be_a_question(question: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        check_question(question)
    assert caught.value.sqlstate == "PA000"
    assert caught.value.hint
    assert len(str(caught.value.as_parts())) < 500


@given(st.text(max_size=200))
def test_any_text_is_judged(question: str) -> None:
    try:
        check_question(question)
        refuse_non_questions(question, CATALOG)
    except (Refused, UsageError) as error:
        assert error.hint


@pytest.mark.parametrize(
    "unit", ["please ", "delete ", "and then ", "select ", "(", "; ", "create a ", "drop x ", "a, "]
)
def test_judging_takes_no_time(unit: str) -> None:
    question = (unit * LONGEST)[:LONGEST]
    started = time.process_time()
    with contextlib.suppress(Refused):
        refuse_non_questions(question, CATALOG)
    assert time.process_time() - started < 0.5
