"""Checks of tables, columns and what hangs on them."""

from __future__ import annotations

from collections.abc import Iterator

from postai.database.amounts import bytes_text
from postai.database.identifiers import quote_ident
from postai.replicate.checks.check import NATIVE, STREAMS, Check, Ground, blocker, counted, note, warning
from postai.replicate.types import Finding, Identity, Level, Side

FILE = "tables"
# From this size on it hurts that a row of a table without a key is found by reading all of it.
BIG_BYTES = 100 << 20


def replica_identity(ground: Ground) -> Iterator[Finding]:
    lacking = [table.qualified for table in ground.tables if table.identity is Identity.NONE]
    if not lacking:
        return
    indexes: dict[str, str] = dict(ground.query(Side.SOURCE, FILE, "candidates", (lacking,)))
    fix = [f"ALTER TABLE ONLY {table} REPLICA IDENTITY USING INDEX {quote_ident(indexes[table])}" if table in indexes
           else f"ALTER TABLE ONLY {table} REPLICA IDENTITY FULL" for table in lacking]  # fmt: skip
    if ground.options.full_identity:
        yield note(Side.SOURCE, f"{counted(len(lacking), 'table')} without a key get REPLICA IDENTITY FULL for the "
                                "time of the move", lacking, fix)  # fmt: skip
    else:
        yield blocker(Side.SOURCE, f"nothing identifies the rows of {counted(len(lacking), 'table')}: published so, "
                      "UPDATE and DELETE of them fail in the application", lacking,
                      [*fix, "or start the move with --full-identity: it does so, "
                             "and takes it back"])  # fmt: skip


def _full(ground: Ground) -> list[str]:
    kinds = {Identity.FULL, Identity.NONE} if ground.options.full_identity else {Identity.FULL}
    return [table.qualified for table in ground.tables if table.identity in kinds]


def identity_equality(ground: Ground) -> Iterator[Finding]:
    rows = ground.query(Side.SOURCE, FILE, "not_comparable", (_full(ground),))
    if rows:
        yield blocker(Side.SOURCE, f"rows of {counted(len(rows), 'table')} are identified by all columns, some of "
                                   f"which cannot be compared ({rows[0][1]}): the first UPDATE or DELETE would stop "
                                   "the stream",
                      [table for table, _ in rows],
                      [f"ALTER TABLE {table} ADD COLUMN postai_key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
                       "REPLICA IDENTITY DEFAULT" for table, _ in rows])  # fmt: skip


def identity_full(ground: Ground) -> Iterator[Finding]:
    whole = set(_full(ground))
    big = [table for table in ground.tables if table.qualified in whole and table.bytes >= BIG_BYTES]
    if big:
        size = bytes_text(sum(table.bytes for table in big))
        yield warning(Side.SOURCE, f"{counted(len(big), 'table')} of {size} are identified by whole rows: each "
                                   "UPDATE and DELETE writes the old row to the log and reads much of the table on "
                                   "the target",
                      [table.qualified for table in big],
                      [f"ALTER TABLE {table.qualified} ADD PRIMARY KEY (...)" for table in big])  # fmt: skip


def generated_keys(ground: Ground) -> Iterator[Finding]:
    tables = [table for (table,) in ground.query(Side.SOURCE, FILE, "generated_keys")]
    if tables:
        yield blocker(Side.SOURCE, f"a generated column is part of the key of {counted(len(tables), 'table')}: it "
                                   "is not sent, so rows cannot be found by it", tables,
                      [f"ALTER TABLE ONLY {table} REPLICA IDENTITY FULL" for table in tables])  # fmt: skip


def _kind(ground: Ground, kind: str) -> list[str]:
    return [name for one, name, _ in ground.query(Side.SOURCE, FILE, "kinds") if one == kind]


def unlogged(ground: Ground) -> Iterator[Finding]:
    if tables := _kind(ground, "unlogged"):
        yield warning(Side.SOURCE, f"{counted(len(tables), 'unlogged table')}: what is not in the log does not move",
                      tables, [f"ALTER TABLE {table} SET LOGGED" for table in tables])  # fmt: skip


def foreign_tables(ground: Ground) -> Iterator[Finding]:
    rows = [row for row in ground.query(Side.SOURCE, FILE, "kinds") if row[0] == "foreign"]
    if rows:
        parts = sum(bool(part) for _, _, part in rows)
        also = f", {parts} of them partitions, which cannot be published" if parts else ""
        yield warning(Side.SOURCE, f"{counted(len(rows), 'foreign table')}{also}: their rows stay where they are; "
                      "passwords of user mappings are not copied", [name for _, name, _ in rows],
                      ("let the target's server reach the foreign servers, and repeat CREATE USER MAPPING "
                       "there",))  # fmt: skip


def materialized_views(ground: Ground) -> Iterator[Finding]:
    if views := _kind(ground, "materialized"):
        yield note(Side.SOURCE, f"{counted(len(views), 'materialized view')} will be refreshed on the target", views)


def partitions(ground: Ground) -> Iterator[Finding]:
    if tables := _kind(ground, "partitioned"):
        leaves = len(_kind(ground, "partition"))
        yield note(Side.SOURCE, f"{counted(len(tables), 'partitioned table')} with {counted(leaves, 'partition')} move "
                   "partition by partition; a partition made meanwhile is a new table", tables)  # fmt: skip


def special_columns(ground: Ground) -> Iterator[Finding]:
    generated, always, by_default = ground.query(Side.SOURCE, FILE, "columns")[0]
    if generated:
        yield note(Side.SOURCE, f"{counted(generated, 'generated column is', 'generated columns are')} computed "
                                "anew on the target")  # fmt: skip
    if always + by_default:
        yield note(
            Side.SOURCE, f"{counted(always + by_default, 'identity column')} ({always} ALWAYS): values stay as they are"
        )


def sequences(ground: Ground) -> Iterator[Finding]:
    count, unused = ground.query(Side.SOURCE, FILE, "sequences")[0]
    if count:
        some = f", {unused} of them never used or not readable" if unused else ""
        yield note(Side.SOURCE, f"sequences are in no stream: the switch sets {counted(count, 'sequence')}{some}")


def large_objects(ground: Ground) -> Iterator[Finding]:
    ((count,),) = ground.query(Side.SOURCE, FILE, "large_objects")
    if count:
        yield warning(Side.SOURCE, f"{counted(count, 'large object')}: changes of them are not in the stream", (),
                      ("rehearse the switch: what changes shortly before is copied within its pause",))  # fmt: skip


def oid_columns(ground: Ground) -> Iterator[Finding]:
    rows = ground.query(Side.SOURCE, FILE, "odd_columns")
    if numbers := [name for name, kind in rows if kind.lstrip("_") == "oid"]:
        yield warning(Side.SOURCE, f"{counted(len(numbers), 'column')} of type oid: numbers stay as they are, those "
                                   "of large objects stay right, those of tables and roles mean others on the "
                                   "target", numbers,
                      ("look at what the columns hold",))  # fmt: skip
    if names := [name for name, kind in rows if kind.lstrip("_").startswith("reg")]:
        yield warning(Side.SOURCE, f"{counted(len(names), 'column')} of types reg* move by name: what they name "
                                   "must be on the target before the copy; nothing travels in binary form", names,
                      ("ALTER TABLE ... ALTER COLUMN ... TYPE text",))  # fmt: skip


def removed_types(ground: Ground) -> Iterator[Finding]:
    rows = ground.query(Side.SOURCE, FILE, "odd_columns")
    old = [name for name, kind in rows if kind.lstrip("_") in ("abstime", "reltime", "tinterval")]
    if old:
        yield blocker(Side.SOURCE, f"{counted(len(old), 'column')} of types that ended with PostgreSQL 12", old,
                      ("ALTER TABLE ... ALTER COLUMN ... TYPE timestamptz (or interval, tstzrange)",))  # fmt: skip
    if tables := [name for (name,) in ground.query(Side.SOURCE, FILE, "with_oids")]:
        yield blocker(Side.SOURCE, f"{counted(len(tables), 'table')} WITH OIDS, which ended with PostgreSQL 12", tables,
                      [f"ALTER TABLE {table} SET WITHOUT OIDS" for table in tables])  # fmt: skip


def triggers(ground: Ground) -> Iterator[Finding]:
    rows = ground.query(Side.SOURCE, FILE, "triggers")
    if rows:
        yield warning(Side.SOURCE, f"{counted(len(rows), 'trigger fires', 'triggers fire')} on the target (ENABLE "
                                   "ALWAYS or REPLICA) for "
                      "each row that is applied: a second time",
                      [f"{name} on {table}" for table, name, _ in rows],
                      [f"ALTER TABLE {table} ENABLE TRIGGER {name}" for table, name, _ in rows])  # fmt: skip


def rules(ground: Ground) -> Iterator[Finding]:
    if names := [name for (name,) in ground.query(Side.SOURCE, FILE, "rules")]:
        yield note(
            Side.SOURCE,
            f"{counted(len(names), 'rule of a table', 'rules of tables')}: not followed for what is applied",
            names,
        )


def invalid_indexes(ground: Ground) -> Iterator[Finding]:
    if names := [name for (name,) in ground.query(Side.SOURCE, FILE, "invalid_indexes")]:
        yield warning(Side.SOURCE, f"{counted(len(names), 'index is', 'indexes are')} invalid here and would be "
                                   "built on the target, where a duplicate stops it", names,
                      [f"DROP INDEX CONCURRENTLY {name}" for name in names])  # fmt: skip


_B, _W, _N = Level.BLOCKER, Level.WARNING, Level.NOTE
TABLES: tuple[Check, ...] = (
    Check("replica_identity", "Keys", "A publication of a table without a key or REPLICA IDENTITY makes UPDATE and "
          "DELETE fail in the application, at once. So this is looked at before any publication.",
          "A primary key; REPLICA IDENTITY USING INDEX of a unique index of NOT NULL columns; else FULL.", (_B, _N),
          replica_identity, NATIVE),
    Check("identity_equality", "Keys that cannot be compared", "With REPLICA IDENTITY FULL the target finds a row "
                                                               "by all its columns; json, xml, point have no "
                                                               "equality.", "A key.", (_B,), identity_equality, NATIVE),
    Check("identity_full", "Big tables without a key", "FULL writes old rows to the log; the target may read the whole "
          "table for each change.", "A primary key.", (_W,), identity_full, NATIVE),
    Check("generated_keys", "Generated columns in keys", "Generated columns are not sent.", "REPLICA IDENTITY FULL, or "
          "another unique index.", (_B,), generated_keys, NATIVE),
    Check("unlogged", "Unlogged tables", "What is not in the log cannot be followed.", "SET LOGGED (writes the table "
          "anew).", (_W,), unlogged),
    Check("foreign_tables", "Foreign tables", "Only their definition moves.", "Let the target reach the foreign "
        "server; repeat the user mappings.", (_W,), foreign_tables),
    Check("materialized_views", "Materialized views", "They hold a copy of other rows.", "Nothing: they are refreshed.",
          (_N,), materialized_views),
    Check("partitions", "Partitions", "Partitions travel as tables of their own, so both sides need the same ones.",
          "Nothing; make no partitions by hand on the target.", (_N,), partitions),
    Check("special_columns", "Generated and identity columns", "Generated columns are not sent; identity values are.",
          "Nothing.", (_N,), special_columns),
    Check("sequences", "Sequences", "Logical replication does not carry them; without their values new rows collide "
                                    "with old keys.", "Nothing: the switch sets each as it stands.", (_N,), sequences),
    Check("large_objects", "Large objects", "They are in no table of the user, and no stream.",
          "They are brought over before the switch, and what changes until then within its pause; rehearse it, or keep "
          "them as bytea.", (_W,), large_objects),
    Check("oid_columns", "Columns with numbers of the catalog", "Objects have other numbers on another server.",
          "Keep names as text.", (_W,), oid_columns),
    Check("removed_types", "Types and tables that ended with 12", "A newer server has neither abstime, reltime, "
          "tinterval nor tables WITH OIDS.", "Change the type; SET WITHOUT OIDS.", (_B,), removed_types,
          newest=120_000),
    Check("triggers", "Triggers that always fire", "Ordinary triggers do not fire for what is applied; these do.",
          "ENABLE TRIGGER (the ordinary way), or disable them on the target until the switch.", (_W,), triggers,
          STREAMS),
    Check("rules", "Rules", "What a rule did on the source is among its changes.", "Nothing.", (_N,), rules, STREAMS),
    Check("invalid_indexes", "Invalid indexes", "pg_dump writes them like any other index.", "Drop them, or build them "
          "again.", (_W,), invalid_indexes),
)  # fmt: skip
