"""Pads a catalog, in memory only, with tables that have nothing to do with the questions or only seem to.

Three kinds: tables of other trades with made-up names; near-duplicates of the real ones (archives, staging copies,
years), which hold the same columns; and tables named with words of the questions themselves.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from postai.database.catalog import Catalog, Column, ForeignKey, Table
from postai.language.word_set import word_set

FIRST_OID = 900_000
COPIES = ("{}_archive", "{}_history", "old_{}", "{}_2019", "stg_{}", "{}_bak", "{}_audit", "tmp_{}")
NOUNS = sorted(
    word_set("""
    account address agreement alarm allocation asset audit badge balance banner batch bill blog budget cable calendar
    campaign carrier case catalog certificate channel claim clause cluster comment commission complaint container
    contract coupon credit crew currency dashboard deposit depot device discount dispute document domain driver
    election engine equipment estimate event exchange expense facility fee feedback feed field fleet folder forecast
    form freight fund gateway goal grant guest holiday host incident insurance inventory invoice item journal label
    ledger lease letter license listing loan locker machine mailbox manifest market meeting meter migration milestone
    module network notice offer outage package parcel partner pass payment payroll permit phase pipeline plan plant
    policy portfolio position post premium printer profile project promotion proposal provider publisher quota quote
    rack receipt recipe refund region registry release rental repair report reservation resource revision route rule
    schedule script season sensor server session shelf shift shipment site slot sponsor stage station stock storage
    subscription survey task tax team template tenant terminal test ticket token topic tour trade trailer training
    transfer trip truck unit vehicle vendor version visit voucher wage warehouse warranty widget workflow zone
    """)
)
KINDS = sorted(word_set("line log map entry status type group note link summary detail queue setting score batch"))
COLUMNS = sorted(
    word_set("""
    name code status amount quantity price note priority created_at updated_at due_date opened_on closed_on owner_id
    reference total currency description active kind level position weight height width started_at ended_at external_id
    email phone country city region title score rank reason source target rate percent
    """)
)
TYPES = {"at": "timestamptz", "on": "date", "date": "date", "id": "bigint"}
COMMENTS = ("Kept for the yearly report", "Filled by the nightly import", "As agreed with the partner", "Local time")


def padded(catalog: Catalog, questions: Iterable[str], *, tables: int = 1000, comments: bool = False) -> Catalog:
    """The catalog with so many tables beside its own; the same for the same arguments.

    Args:
        catalog: the real one.
        questions: words of these appear in names of some of the added tables.
        tables: how many there are to be in the end.
        comments: whether the added tables and columns have comments.
    """
    rng = random.Random(catalog.database + str(tables))
    made: list[Table] = []
    taken = {table.name for table in catalog.tables}
    schema = catalog.tables[0].schema if catalog.tables else "public"
    for table in catalog.tables:
        for pattern in rng.sample(COPIES, 5):
            copy = replace(table, oid=0, name=pattern.format(table.name), foreign_keys=(), row_estimate=50)
            made.append(copy if rng.random() < 0.5 else _changed(copy, rng))
        made.append(replace(table, oid=0, schema="staging", foreign_keys=()))
    words = sorted({word for text in questions for word in re.findall(r"[a-z]{4,}", text.lower())})
    for word in rng.sample(words, min(len(words), tables // 6)):
        made.append(_table(schema, f"{word}_{rng.choice(KINDS)}", rng, words, comments))
    while len(made) + len(catalog.tables) < tables:
        name = "_".join((*rng.sample(NOUNS, rng.choice((1, 2))), *rng.sample(KINDS, rng.choice((0, 1)))))
        made.append(_table(schema, name, rng, [*COLUMNS, *NOUNS], comments))
    unique = {(one.schema, one.name): one for one in made if one.name not in taken or one.schema == "staging"}
    kept = [replace(one, oid=FIRST_OID + number) for number, one in enumerate(unique.values())]
    kept = [_with_key(one, rng.choice(kept)) for one in kept]
    every = sorted((*catalog.tables, *kept), key=lambda one: (one.schema, one.name))
    return replace(catalog, tables=tuple(every))


def _table(schema: str, name: str, rng: random.Random, words: Sequence[str], comments: bool) -> Table:
    columns = [Column(1, "id", "bigint", 20, "int8", "N", not_null=True)]
    for number, column in enumerate(rng.sample(sorted({*words}), min(rng.randint(5, 14), len({*words}))), start=2):
        type_name = TYPES.get(column.rsplit("_", 1)[-1], rng.choice(("text", "integer", "numeric(12,2)")))
        comment = f"{column.replace('_', ' ').capitalize()}. {rng.choice(COMMENTS)}" if comments else None
        category = {"text": "S", "date": "D", "timestamptz": "D"}.get(type_name, "N")
        columns.append(Column(number, column, type_name, 25, type_name.split("(")[0], category, comment=comment))
    comment = f"{name.replace('_', ' ').capitalize()}s of the company" if comments else None
    return Table(0, schema, name, "table", comment, tuple(columns), ("id",), row_estimate=rng.randint(10, 100_000))


def _changed(table: Table, rng: random.Random) -> Table:
    """A copy that has drifted: one column gone, two new ones."""
    kept = [column for column in table.columns if len(table.columns) < 3 or column is not table.columns[-1]]
    for name in rng.sample(COLUMNS, 2):
        if all(column.name != name for column in kept):
            kept.append(Column(len(table.columns) + 1 + len(kept), name, "text", 25, "text", "S"))
    return replace(table, columns=tuple(kept))


def _with_key(table: Table, other: Table) -> Table:
    """The table with a foreign key to another one, where it has a column for it."""
    column = next((one for one in table.columns if one.name == "owner_id"), None)
    if column is None or "id" not in other.primary_key:
        return table
    key = ForeignKey("fk", ("owner_id",), other.oid, other.schema, other.name, ("id",))
    return replace(table, foreign_keys=(key,))
