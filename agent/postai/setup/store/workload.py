"""A workload for the sample store: about thirty statement shapes with changing parameters, slow ones among them.

It fills pg_stat_statements with something worth looking at. Which statement runs when, and with which values, follows
from the seed alone; only how many run depends on the machine.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from postai.database import Database
from postai.database.named_sql import load

_Draw = Callable[[random.Random], tuple[object, ...]]


@dataclass(frozen=True)
class Shape:
    """One statement of the workload.

    Attributes:
        name: its block in workload.sql.
        sql: the text, `%s` for each parameter.
        weight: how often it is drawn, relative to the others.
        draw: makes the parameters of one call.
        repeat: how many calls follow one another each time it is drawn (above 1 for N+1 lookups).
    """

    name: str
    sql: str
    weight: int
    draw: _Draw
    repeat: int = 1


@dataclass(frozen=True)
class ShapeRun:
    """What one shape did in a run: its name, number of calls and seconds as seen by the client."""

    name: str
    calls: int
    seconds: float


def shapes() -> tuple[Shape, ...]:
    """Every shape, in the order of workload.sql."""
    plan = _plan()
    found = []
    for name, sql in load("postai.setup.store", "workload.sql").items():
        weight, repeat, draw = plan[name]
        found.append(Shape(name, sql, weight, draw, repeat))
    return tuple(found)


def run(db: Database, seconds: float, seed: int = 1) -> tuple[ShapeRun, ...]:
    """Run the workload for a time; every shape runs at least once.

    Args:
        db: a session, outside a transaction, of a role that may read the store and update `sessions`.
        seconds: when to stop (the statement that runs at that moment is finished).
        seed: same seed, same sequence of statements and parameters.

    Returns:
        one entry for each shape, the most expensive first.
    """
    # Chance here chooses statements for a demonstration, no secret depends on it.
    chance = random.Random(seed)  # noqa: S311
    known = shapes()
    weights = [shape.weight for shape in known]
    calls = dict.fromkeys((shape.name for shape in known), 0)
    spent = dict.fromkeys(calls, 0.0)
    queue = list(known)
    chance.shuffle(queue)
    end = time.monotonic() + seconds
    while queue or time.monotonic() < end:
        shape = queue.pop() if queue else chance.choices(known, weights)[0]
        for _ in range(shape.repeat):
            parameters = shape.draw(chance)
            started = time.monotonic()
            db.query(shape.sql, parameters)
            spent[shape.name] += time.monotonic() - started
            calls[shape.name] += 1
    runs = (ShapeRun(name, calls[name], spent[name]) for name in calls)
    return tuple(sorted(runs, key=lambda one: one.seconds, reverse=True))


def _plan() -> Mapping[str, tuple[int, int, _Draw]]:
    """Weight, repeat and parameters of each block."""
    return {
        "customer_by_id": (20, 1, lambda c: (_skewed(c, 40000),)),
        "customer_by_email": (6, 1, lambda c: (_email(c),)),
        "customer_by_email_any_case": (4, 1, lambda c: (_email(c).upper(),)),
        "customers_by_name_part": (2, 1, lambda c: (c.choice(("schm", "rossi", "anna", "olsen", "ez")),)),
        "customers_by_city_or_phone": (1, 1, lambda c: (f"+{c.randrange(10**10, 10**11)}", _city(c))),
        "orders_of_customer": (20, 1, lambda c: (_skewed(c, 40000),)),
        "order_lines": (3, 25, lambda c: (c.randint(1, 100000),)),
        "order_payments": (1, 10, lambda c: (c.randint(1, 100000),)),
        "orders_by_status": (4, 1, lambda c: (c.choice(("pending", "paid", "shipped", "cancelled")),)),
        "orders_of_day": (4, 1, _one_day),
        "orders_of_day_by_cast": (3, 1, lambda c: (c.randint(1, 60),)),
        "orders_page": (2, 1, lambda c: (25 * c.randint(0, 4000),)),
        "orders_largest": (1, 1, _nothing),
        "orders_with_coupon": (2, 1, lambda c: (c.randint(1, 48),)),
        "order_count": (2, 1, _nothing),
        "revenue_by_country": (1, 1, lambda c: (c.choice((7, 30, 90)),)),
        "revenue_by_category": (1, 1, lambda c: (c.choice((30, 90, 365)),)),
        "top_customers": (1, 1, _nothing),
        "customers_with_last_order": (1, 1, lambda c: (_city(c),)),
        "customers_without_order": (1, 1, lambda c: (c.choice(("Germany", "Italy", "Japan", "Sweden")),)),
        "product_by_sku": (8, 1, lambda c: (f"{c.choice(('EL', 'HO', 'KI', 'SP'))}-{_skewed(c, 4000):05d}",)),
        "products_of_category": (8, 1, lambda c: (c.randint(9, 40),)),
        "products_by_attribute": (4, 1, lambda c: (f'{{"color": "{c.choice(("red", "blue", "black"))}"}}',)),
        "products_by_description": (2, 1, lambda c: (c.choice(("bamboo", "small batches", "plastic-free")),)),
        "buyers_of_product": (1, 1, lambda c: (_skewed(c, 4000),)),
        "product_rating": (8, 1, lambda c: (_skewed(c, 4000),)),
        "reviews_of_customer": (3, 1, lambda c: (_skewed(c, 40000),)),
        "stock_of_product": (6, 1, lambda c: (_skewed(c, 4000),)),
        "views_of_day": (2, 1, _one_day),
        "views_of_customer": (2, 1, lambda c: (_skewed(c, 36000),)),
        "open_tickets": (2, 1, _nothing),
        "touch_session": (6, 1, lambda c: (c.randint(1, 20000),)),
    }


def _nothing(_: random.Random) -> tuple[object, ...]:
    return ()


def _one_day(chance: random.Random) -> tuple[object, ...]:
    days = chance.randint(1, 60)
    return days, days - 1


def _skewed(chance: random.Random, highest: int) -> int:
    """A number from 1 to `highest`, low ones more often, as the store's own data are."""
    return 1 + int(highest * chance.random() ** 1.8)


def _city(chance: random.Random) -> str:
    return chance.choice(("Berlin", "Hamburg", "London", "Paris", "Lyon", "Milan", "Zurich"))


def _email(chance: random.Random) -> str:
    first = chance.choice(("anna", "ben", "clara", "olivia", "simon"))
    last = chance.choice(("adler", "brown", "rossi", "weber"))
    return f"{first}.{last}{_skewed(chance, 40000)}@{chance.choice(('mail', 'post', 'inbox'))}.example"
