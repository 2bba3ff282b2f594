"""Tours of drivers: types, errors, COPY, prepared statements, cancel, notifications. Each gives lines to be compared.

Run as a program, `python edge_tours.py TOUR HOST PORT USER PASSWORD DATABASE` prints the lines.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

TYPES = (
    "select 1::int2, 2::int4, 3::int8, 1.5::numeric, 1.25::float4, 2.5::float8, true, 'x'::text, 'é'::varchar,"
    " '\\x00ff'::bytea, date '2024-02-29', time '12:34:56.789', timestamp '2024-02-29 12:34:56',"
    " timestamptz '2024-02-29 12:34:56+02', interval '1 day 2 hours', null::int, array[1,2,3],"
    " '{\"a\": [1, 2]}'::jsonb, '192.0.2.1'::inet, '6f1ed002-ab5b-4a1b-9c4b-0123456789ab'::uuid,"
    " int4range(1, 5), repeat('long ', 2000)"
)
ERRORS = ("select 1/0", "select nothing", "selec", "select 'x'::int", "insert into tour values (1, 'again')")
MAKE = "drop table if exists tour; create table tour (a int primary key, b text)"
ROWS = 500


class Target(NamedTuple):
    """Where a tour goes."""

    host: str
    port: int
    user: str
    password: str
    dbname: str


def psycopg3(to: Target) -> list[object]:
    import psycopg

    told: list[object] = []
    with psycopg.connect(**to._asdict(), autocommit=True) as one:
        for binary in (False, True):
            told.append(one.execute(TYPES, binary=binary).fetchone())
        one.execute(MAKE)
        with one.cursor().copy("copy tour from stdin") as copy:
            for n in range(ROWS):
                copy.write_row((n, f"row {n}"))
        with one.cursor().copy("copy tour to stdout (format binary)") as copy:
            told.append(b"".join(bytes(part) for part in copy))
        for n in range(8):
            told.append(one.execute("select b from tour where a = %s", (n,), prepare=True).fetchall())
        with one.pipeline():
            told.append([one.execute("select %s::int + 1", (n,)) for n in range(5)][-1].fetchone())
        for sql in ERRORS:
            try:
                one.execute(sql)
            except psycopg.Error as error:
                told.append((error.sqlstate, error.diag.message_primary, error.diag.statement_position))
        timer = threading.Timer(0.5, one.cancel)
        timer.start()
        told.append(_failure(lambda: one.execute("select pg_sleep(20)"), psycopg.Error))
        timer.join()
        told.append(one.execute("select count(*) from tour").fetchone())
        with one.transaction(), one.cursor("in_transaction") as cursor:
            told.append(cursor.execute("select a from tour order by a").fetchmany(3))
        # From here on a pool has to keep the server for this session.
        with one.cursor("named", withhold=True) as cursor:
            cursor.execute("select a from tour order by a")
            told.append(cursor.fetchmany(3))
        one.execute("listen tour")
        one.execute("notify tour, 'hello'")
        told.append([(n.channel, n.payload) for n in one.notifies(timeout=5, stop_after=1)])
    return told


def psycopg2(to: Target) -> list[object]:
    import psycopg2 as driver

    told: list[object] = []
    one = driver.connect(**to._asdict())
    one.autocommit = True
    cursor = one.cursor()
    cursor.execute(TYPES)
    told.append([bytes(value) if isinstance(value, memoryview) else value for value in cursor.fetchone()])
    cursor.execute(MAKE)
    cursor.copy_expert("copy tour from stdin", io.StringIO("".join(f"{n}\trow {n}\n" for n in range(ROWS))))
    out = io.StringIO()
    cursor.copy_expert("copy tour to stdout", out)
    told.append(out.getvalue())
    for sql in ERRORS:
        told.append(_failure(lambda sql=sql: cursor.execute(sql), driver.Error))
    timer = threading.Timer(0.5, one.cancel)
    timer.start()
    told.append(_failure(lambda: cursor.execute("select pg_sleep(20)"), driver.Error))
    timer.join()
    cursor.execute("prepare p (int) as select b from tour where a = $1")
    for n in range(8):
        cursor.execute("execute p (%s)", (n,))
        told.append(cursor.fetchall())
    cursor.execute("listen tour")
    cursor.execute("notify tour, 'hello'")
    one.poll()
    told.append([(n.channel, n.payload) for n in one.notifies])
    one.close()
    return told


def pg8000(to: Target) -> list[object]:
    import pg8000.native as driver

    told: list[object] = []
    one = driver.Connection(to.user, to.host, to.dbname, to.port, to.password)
    told.append(one.run(TYPES))
    for sql in MAKE.split("; "):
        one.run(sql)
    one.run("copy tour from stdin", stream=io.StringIO("".join(f"{n}\trow {n}\n" for n in range(ROWS))))
    out = io.StringIO()
    one.run("copy tour to stdout", stream=out)
    told.append(out.getvalue())
    statement = one.prepare("select b from tour where a = :a")
    told += [statement.run(a=n) for n in range(8)]
    for sql in ERRORS:
        told.append(_failure(lambda sql=sql: one.run(sql), driver.DatabaseError))
    one.run("listen tour")
    one.run("notify tour, 'hello'")
    one.run("select 1")
    told.append([tuple(note)[1:] for note in one.notifications])
    one.close()
    return told


def asyncpg(to: Target) -> list[object]:
    return asyncio.run(_asyncpg(to))


async def _asyncpg(to: Target) -> list[object]:
    import asyncpg as driver

    told: list[object] = []
    one = await driver.connect(
        host=to.host, port=to.port, user=to.user, password=to.password, database=to.dbname, timeout=20
    )
    told.append(tuple(await one.fetchrow(TYPES)))
    await one.execute(MAKE)
    await one.copy_records_to_table("tour", records=[(n, f"row {n}") for n in range(ROWS)])
    out = io.BytesIO()
    await one.copy_from_query("select * from tour order by a", output=out)
    told.append(out.getvalue())
    for n in range(8):
        told.append(await one.fetchval("select b from tour where a = $1", n))
    async with one.transaction():
        told += [row["a"] async for row in one.cursor("select a from tour order by a", prefetch=7)]
    for sql in ERRORS:
        try:
            await one.execute(sql)
        except driver.PostgresError as error:
            told.append((error.sqlstate, str(error)))
    try:
        await one.execute("select pg_sleep(20)", timeout=0.5)
    except TimeoutError:
        told.append("cancelled")
    told.append(await one.fetchval("select count(*) from tour"))
    heard: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    await one.add_listener("tour", lambda _one, _pid, channel, payload: heard.set_result((channel, payload)))
    await one.execute("notify tour, 'hello'")
    told.append(await asyncio.wait_for(heard, 10))
    await one.close()
    return told


def _failure(act: Callable[[], Any], kind: type[Exception]) -> object:
    started = time.monotonic()
    try:
        act()
    except kind as error:
        return type(error).__name__, re.sub(r"'[FLR]': '[^']*'", "", str(error)), time.monotonic() - started > 10
    return "no error"


if __name__ == "__main__":
    name, host, port, *rest = sys.argv[1:]
    for line in globals()[name](Target(host, int(port), *rest)):
        print(repr(line))
