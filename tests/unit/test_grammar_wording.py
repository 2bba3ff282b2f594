"""What is shown, which rows are left out, and in which order: one assertion for each way of saying it."""

from __future__ import annotations

import pytest

from grammar_schemas import load
from postai.ask.grammar import read


def ask(name: str, question: str):
    schema = load(name)
    return read(schema.request(question), schema.catalog())


@pytest.mark.parametrize(
    ("name", "question", "part"),
    [
        ("company", "Give me the name and budget of each project.", "SELECT p.name, p.budget FROM projects"),
        ("company", "Return first and last name of employees in Oslo", "SELECT e.first_name, e.last_name FROM"),
        ("exchange", "Return the open, high and low price of quotes", "SELECT q.open_price, q.high_price, q.low_price"),
        ("company", "Return the project name and the number of assignments.", "GROUP BY p.id, p.name"),
        ("museum", "List every artwork with its artist's name and its museum's name", "LEFT JOIN museums"),
        ("museum", "Show the titles of artworks without duplicates", "SELECT DISTINCT a.title"),
        ("company", "List employees ordered by salary descending, then last name", "BY e.salary DESC, e.last_name"),
        ("company", "List projects by budget from highest to lowest", "ORDER BY p.budget DESC"),
        ("museum", "List the museum names in reverse alphabetical order", "ORDER BY m.name DESC"),
        ("museum", "artists from oldest to youngest", "ORDER BY a.birth_year, a.id"),
        ("company", "What is the second highest salary?",
         "SELECT DISTINCT e.salary FROM employees AS e ORDER BY e.salary "
         "DESC LIMIT 1 OFFSET 1"),
        ("exchange", "Which trader made the second most deals?", "LIMIT 1 OFFSET 1"),
        ("museum", "List the top 5 most visited exhibitions", "ORDER BY e.visitors DESC NULLS LAST, e.id LIMIT 5"),
        ("museum", "Give the titles of the 3 largest artworks by height", "ORDER BY a.height_cm DESC, a.id LIMIT 3"),
        ("exchange", "How many deals are neither settled nor failed?", "d.status NOT IN ('settled', 'failed')"),
        ("company", "employees not in Sales or Legal", "d.name NOT IN ('Sales', 'Legal')"),
        ("exchange", "deals on securities outside the energy sector", "s.sector <> 'energy'"),
        ("exchange", "traders without an email or a broker", "t.email IS NULL AND t.broker_id IS NULL"),
        ("company", "Which employees have a phone but no email?", "e.phone IS NOT NULL AND e.email IS NULL"),
        ("company", "employees who do not work remotely", "NOT e.remote"),
        ("exchange", "deals with more than 100 but at most 200 shares", "d.shares > 100 AND d.shares <= 200"),
        ("exchange", "deals with an amount of 100 to 500", "d.amount >= 100 AND d.amount <= 500"),
        ("exchange", "deals with an amount between 100 and 500 (exclusive)", "d.amount > 100 AND d.amount < 500"),
        ("exchange", "quotes whose close price is higher than the open price", "q.close_price > q.open_price"),
        ("company", "employees with a higher salary than their manager", "WHERE e.salary > m.salary"),
        ("company", "employees who live in the same city as their manager", "WHERE e.city = m.city"),
        ("company", "employees whose last name ends with the letter n or starts with the letter K",
         "(e.last_name ILIKE '%n' OR e.last_name ILIKE 'K%')"),
        ("exchange", 'traders from "japan" (case insensitive)', "lower(t.country) = lower('Japan')"),
        ("exchange", "traders who joined before 2020 or come from Japan", "< '2020-01-01' OR t.country = 'Japan'"),
        ("company", "employees hired in 2020 or 2021", "< '2021-01-01' OR e.hired_on >= '2021-01-01'"),
        ("museum", "museums founded between 1850 and 1900", "m.founded_year >= 1850 AND m.founded_year <= 1900"),
        ("company", "Which employees are managers?",
         "EXISTS ( SELECT 1 FROM employees AS e2 WHERE e2.manager_id = e.id"),
        ("company", "How many managers are there?", "WHERE e.manager_id = m.id"),
        ("company", "departments whose head lives in Oslo",
         "JOIN employees AS h ON h.id = d.head_id WHERE h.city = 'Oslo'"),
        ("company", "departments where all employees are remote", "e2.department_id = d.id AND NOT e2.remote"),
        ("exchange", "traders who only made sell deals", "d2.trader_id = t.trader_id AND d2.side <> 'sell'"),
        ("company", "projects with more than 5 employees", "FROM assignments AS a JOIN projects AS p"),
        ("museum", "Which artists have artworks in more than one museum?", "HAVING count(DISTINCT a.museum_id) > 1"),
        ("company", "all departments and their number of employees", "( SELECT count(*) FROM employees AS e WHERE "
         "e.department_id = d.id ) AS number_of_employees FROM departments AS d"),
        ("museum", "How many artworks are in each museum? Include museums with no artworks.",
         "FROM museums AS m ORDER"),
        ("company", "How many employees and projects does each department have?",
         "( SELECT count(*) FROM projects AS p"),
        ("museum", "How many adult and child tickets are there for each exhibition?",
         "count(*) FILTER (WHERE t.kind = 'adult') AS number_of_adult_tickets"),
        ("museum", "number of exhibitions with and without a theme", "FILTER (WHERE e.theme IS NULL)"),
        ("museum", 'Who made the artwork "Dawn"?', "SELECT a.id, a.name FROM artists AS a WHERE EXISTS"),
    ],
)  # fmt: skip
def test_said_so_read_so(name, question, part):
    answer = ask(name, question)
    assert answer.status == "answered", answer.reason
    assert part in " ".join(answer.sql.split())


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("company", "projects that were not finished before the due date"),
        ("company", "employees whose projects were all well done"),
        ("exchange", "Who is the best?"),
        ("museum", "How many exhibitions have a theme and visitors and how many do not?"),
        ("museum", "Which museums have the most artworks?"),
        ("exchange", 'What is the price of "Dawn"?'),
        ("museum", "Who is the museum?"),
    ],
)
def test_not_sure(name, question):
    answer = ask(name, question)
    assert (answer.status, answer.sqlstate) == ("abstained", "PA001"), answer.sql


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("employees with a Gmail or Yahoo email address", "e.email ILIKE '%@gmail.%' OR e.email ILIKE '%@yahoo.%'"),
        ("employees with a .org email address", "e.email ILIKE '%.org'"),
        ("List the employees starting from the highest salary to the lowest", "ORDER BY e.salary DESC"),
        ("the top 3 combinations of city and job title by number of employees", "GROUP BY e.city, e.job_title"),
        ("Return the top 5 job titles sorted by highest average salary", "ORDER BY average_salary DESC"),
        ("List the top 10 employees ordered by salary descending", "ORDER BY e.salary DESC, e.id LIMIT 10"),
        ("Which employees live in Oslo? Order the results by the employees' last names.", "ORDER BY e.last_name"),
    ],
)
def test_ranked_and_ordered(question, part):
    answer = ask("company", question)
    assert answer.status == "answered", answer.reason
    assert part in " ".join(answer.sql.split())


def test_every_row_is_listed_where_each_is_asked_for():
    question = "Which cities have the highest number of employees, and how many employees are in each city?"
    answer = ask("company", question)
    assert answer.status == "answered", answer.reason
    assert "LIMIT" not in answer.sql
    assert ask("company", "Which cities have the highest number of employees?").status == "abstained"


@pytest.mark.parametrize(
    ("name", "question", "part"),
    [
        (
            "company",
            "Which employees have no manager and no department?",
            "manager_id IS NULL AND e.department_id IS NULL",
        ),
        (
            "company",
            "employees except managers",
            "NOT EXISTS ( SELECT 1 FROM employees AS e2 WHERE e2.manager_id = e.id",
        ),
        ("company", "employees who are not managers and earn more than 5000", "WHERE e.salary > 5000 AND NOT EXISTS"),
        ("company", "departments with only one employee", "HAVING count(*) = 1"),
        ("company", "List employees and departments", "LEFT JOIN departments"),
        ("exchange", "brokers whose traders all come from Norway", "t2.country <> 'Norway'"),
        ("exchange", "broker names and the average fee of their traders' deals", "GROUP BY b.broker_id, b.broker_name"),
    ],
)
def test_easily_read_wrongly(name, question, part):
    answer = ask(name, question)
    assert answer.status == "answered", answer.reason
    assert part in " ".join(answer.sql.split())


@pytest.mark.parametrize(
    ("name", "question"),
    [("company", "all employees and their skills"), ("company", "employees who work on all projects")],
)
def test_many_rows_beside_one_are_a_doubt(name, question):
    assert ask(name, question).status == "abstained"


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("employees salary > 5000", "WHERE e.salary > 5000"),
        ("employees salary >= 3000 and <= 5000", "e.salary >= 3000 AND e.salary <= 5000"),
        ("employees email null", "WHERE e.email IS NULL"),
        ("first name, last name, city of remote employees", "SELECT e.first_name, e.last_name, e.city"),
        ("projects not finished order by due date", "ORDER BY p.due_on"),
        ("project name, department name, budget > 1000", "SELECT p.name, d.name"),
        ("projects finished on or before the due date", "p.finished_on <= p.due_on"),
    ],
)
def test_key_words(question, part):
    answer = ask("company", question)
    assert answer.status == "answered", answer.reason
    assert part in " ".join(answer.sql.split())
