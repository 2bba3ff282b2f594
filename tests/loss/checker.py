"""What a database holds, compared with what the clients remember, and one side compared with the other.

Independent of the product: it takes nothing of it, and reads every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from .record import Record

# Texts of values must not depend on the side.
PINNED = (
    "-cextra_float_digits=3 -cdatestyle=ISO,YMD -cintervalstyle=postgres -ctimezone=UTC -cbytea_output=hex "
    "-cdefault_transaction_read_only=off -csearch_path=pg_catalog"
)
BALANCES = """
select (select coalesce(sum(delta), 0) from loss.history), (select sum(balance) from loss.account),
       (select sum(balance) from loss.teller), (select sum(balance) from loss.branch),
       (select coalesce(sum(delta), 0) from loss.ledger)
"""
# Sequences with the column they feed: owned ones, and those that a default names.
FEEDING = """
select format('%I.%I', n.nspname, c.relname), d.refobjid::regclass::text, quote_ident(a.attname), s.seqincrement
  from pg_sequence as s
  join pg_class as c on c.oid = s.seqrelid
  join pg_namespace as n on n.oid = c.relnamespace and n.nspname !~ '^(pg_|postai)'
  join (select objid as seq, refobjid, refobjsubid from pg_depend
         where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and deptype in ('a', 'i')
        union
        select f.refobjid, ad.adrelid, ad.adnum from pg_depend as f
          join pg_attrdef as ad on f.classid = 'pg_attrdef'::regclass and f.objid = ad.oid
         where f.refclassid = 'pg_class'::regclass) as d on d.seq = s.seqrelid and d.refobjsubid > 0
  join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
 where not s.seqcycle
 order by 1
"""
SEQUENCES = """
select format('%I.%I', n.nspname, c.relname) from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
 where c.relkind = 'S' and n.nspname !~ '^(pg_|postai)' and n.nspname <> 'information_schema' order by 1
"""
TABLES = """
select format('%I.%I', n.nspname, c.relname) from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
 where c.relkind in ('r', 'm') and c.relispopulated and c.relpersistence <> 't'
   and n.nspname !~ '^(pg_|postai)' and n.nspname <> 'information_schema'
 order by 1
"""
LARGE_OBJECTS = "select 'object ' || oid, md5(lo_get(oid)) from pg_largeobject_metadata order by 1"


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: lost (acknowledged, not there), invented (there, neither acknowledged nor in doubt), doubled, changed (not
            what was acknowledged), invariant (TPC-B's sums), sequence (would give a number that is taken),
            different (one side is not the other).
        where: the table or sequence.
        what: which row, or how much.
    """

    kind: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}"


def check(record: Record, dsn: str) -> tuple[Fault, ...]:
    """Compare a database with what the clients remember; () when nothing is missing, too much or broken."""
    with _open(dsn) as connection:
        return tuple(
            sorted({*_ledger(record, connection), *_followers(record, connection), *_sums(connection),
                    *_sequences(connection)})
        )  # fmt: skip


def compare(one: str, other: str, skip: Sequence[str] = (), *, sequences: bool = True) -> tuple[Fault, ...]:
    """Compare two databases row for row: tables, materialised views, large objects, sequences.

    Args:
        one, other: connection strings of a superuser. Nobody may write meanwhile.
        skip: tables to leave out, as `schema.table`, quoted where PostgreSQL would.
        sequences: whether they must stand at the same number.
    """
    with _open(one) as a, _open(other) as b:
        found = list(_names(a, b, TABLES, skip))
        tables = sorted(set(_column(a, TABLES)) & set(_column(b, TABLES)) - set(skip))
        for table in tables:
            query = f"select count(*), sum(hashtextextended(t::text, 0)::numeric) from only {table} as t"
            if _rows(a, query) != _rows(b, query):
                found.append(Fault("different", table, _difference(a, b, f"select t::text from only {table} as t")))
        if _rows(a, LARGE_OBJECTS) != _rows(b, LARGE_OBJECTS):
            found.append(Fault("different", "large objects", _difference(a, b, LARGE_OBJECTS)))
        if sequences:
            found += _names(a, b, SEQUENCES, skip)
            for name in sorted(set(_column(a, SEQUENCES)) & set(_column(b, SEQUENCES)) - set(skip)):
                query = f"select last_value, is_called from {name}"
                if _rows(a, query) != _rows(b, query):
                    found.append(Fault("different", name, f"{_rows(a, query)[0]} and {_rows(b, query)[0]}"))
    return tuple(found)


def _open(dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(dsn, options=PINNED, autocommit=True, prepare_threshold=None, application_name="loss check")


def _rows(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    return connection.execute(sql.SQL(query)).fetchall()


def _column(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    return [row[0] for row in _rows(connection, query)]


def _key(client: int, seq: int) -> str:
    return f"client {client}, transaction {seq}"


def _ledger(record: Record, connection: psycopg.Connection[Any]) -> Iterator[Fault]:
    """The ledger must hold exactly the acknowledged transactions, as they were, and perhaps those in doubt."""
    query = f"select client, seq, account, delta, entry, ticket from loss.ledger where run = {record.run}"
    there = {(client, seq): rest for client, seq, *rest in _rows(connection, query)}
    known = {(one.client, one.seq): one for one in record.commits}
    for key, one in known.items():
        if key not in there:
            yield Fault("lost", "loss.ledger", _key(*key))
            continue
        account, delta, entry, ticket = there[key]
        told = (one.account, one.delta, one.entry or entry, one.ticket or ticket)
        if told != (account, delta, entry, ticket):
            yield Fault("changed", "loss.ledger", f"{_key(*key)}: {(account, delta, entry, ticket)} and not {told}")
    for key in there.keys() - known.keys() - set(record.unknown):
        yield Fault("invented", "loss.ledger", _key(*key))
    query = "select ticket, count(*) from loss.ledger group by 1 having count(*) > 1"
    for ticket, times in _rows(connection, query):
        yield Fault("doubled", "loss.ticket", f"number {ticket} was given {times} times")


def _followers(record: Record, connection: psycopg.Connection[Any]) -> Iterator[Fault]:
    """The tables that cannot refuse a double must have each transaction once."""
    known = {(one.client, one.seq) for one in record.commits}
    for table in ("loss.history", "loss.entry"):
        query = f"select client, seq, count(*) from {table} where run = {record.run} group by 1, 2"
        there = {(client, seq): times for client, seq, times in _rows(connection, query)}
        for key in known - there.keys():
            yield Fault("lost", table, _key(*key))
        for key in there.keys() - known - set(record.unknown):
            yield Fault("invented", table, _key(*key))
        for key, times in there.items():
            if times > 1:
                yield Fault("doubled", table, f"{_key(*key)}: {times} times")


def _sums(connection: psycopg.Connection[Any]) -> Iterator[Fault]:
    (sums,) = _rows(connection, BALANCES)
    names = ("history", "account", "teller", "branch", "ledger")
    if len(set(sums)) > 1:
        yield Fault("invariant", "loss", ", ".join(f"{name} {total}" for name, total in zip(names, sums, strict=True)))


def _sequences(connection: psycopg.Connection[Any]) -> Iterator[Fault]:
    """No sequence may give a number that its column has already."""
    for name, table, column, step in [*_rows(connection, FEEDING), ("loss.ticket", "loss.ledger", "ticket", 1)]:
        taken = _rows(connection, f"select {'max' if step > 0 else 'min'}({column}) from {table}")[0][0]
        last, called = _rows(connection, f"select last_value, is_called from {name}")[0]
        value = last + step if called else last
        if taken is not None and (value <= taken if step > 0 else value >= taken):
            yield Fault("sequence", name, f"would give {value}, but {table} has {taken}")


def _names(a: psycopg.Connection[Any], b: psycopg.Connection[Any], query: str, skip: Sequence[str]) -> Iterator[Fault]:
    ours, theirs = set(_column(a, query)) - set(skip), set(_column(b, query)) - set(skip)
    for name in sorted(ours ^ theirs):
        yield Fault("different", name, "only on the one side" if name in ours else "only on the other side")


def _difference(a: psycopg.Connection[Any], b: psycopg.Connection[Any], query: str) -> str:
    """Some rows that only one side has."""
    ours, theirs = Counter(map(str, _rows(a, query))), Counter(map(str, _rows(b, query)))
    only, missing = ours - theirs, theirs - ours
    some = [f"{side}: {row[:120]}" for side, rows in (("one", only), ("other", missing)) for row in list(rows)[:3]]
    return f"{only.total()} rows only on the one side, {missing.total()} only on the other; " + "; ".join(some)


def prepare(dsn: str, branches: int = 10, accounts: int = 1000) -> None:
    """Create the schema `loss` with its tables: TPC-B's of that size, the ledger, and what has sequences."""
    script = (Path(__file__).parent / "loss.sql").read_text("utf-8")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script % {"branches": branches, "accounts": accounts})
