"""Checks of what is defined: sequences, constraints, indexes, statistics."""

from __future__ import annotations

from postai.observe.health.check import MANUAL, Check

FILE = "schema"

SCHEMA: tuple[Check, ...] = (
    Check(
        id="sequences",
        title="Sequences near their end",
        why="When a sequence or the column it feeds is at its end, every INSERT fails.",
        fix="Make column and sequence bigint in time. ALTER COLUMN ... TYPE writes the table anew under an exclusive "
        "lock: for a big table add a bigint column, fill it in batches, and swap them; foreign keys follow.",
        docs=f"{MANUAL}datatype-numeric.html#DATATYPE-SERIAL",
        unit="percent",
        warning=70,
        critical=90,
        rule="of what the sequence and the column can hold; 1,000 sequences are read, those of the biggest tables",
        file=FILE,
    ),
    Check(
        id="foreign_key_indexes",
        title="Foreign keys without an index",
        why="Deleting or updating a row that is referred to reads the whole referring table for each row, and joins "
        "along the key are slow.",
        fix="Index the referring columns, unless rows of the other table are never deleted and nothing joins them.",
        docs=f"{MANUAL}ddl-constraints.html#DDL-CONSTRAINTS-FK",
        unit="rows",
        warning=10000,
        rule="rows of the referring table",
        file=FILE,
    ),
    Check(
        id="invalid_indexes",
        title="Invalid indexes",
        why="An index whose building failed serves no query, yet every write keeps it up.",
        fix="Drop it, and build it again if it is wanted (or REINDEX INDEX CONCURRENTLY); names that end in _ccnew or "
        "_ccold are left over from REINDEX CONCURRENTLY and can go.",
        docs=f"{MANUAL}sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY",
        unit="bytes",
        rule="warning when there is one that nobody is building",
        file=FILE,
    ),
    Check(
        id="invalid_constraints",
        title="Constraints that were never validated",
        why="New rows are checked, but rows from before may break the rule, and the planner cannot rely on it.",
        fix="Correct rows that break it, then validate: that reads the table and blocks no reads or writes.",
        docs=f"{MANUAL}sql-altertable.html#SQL-ALTERTABLE-DESC-VALIDATE-CONSTRAINT",
        unit="rows",
        rule="warning when there is one",
        file=FILE,
    ),
    Check(
        id="statistics",
        title="Statistics of columns",
        why="Without statistics, or with old ones, the planner guesses and chooses slow plans.",
        fix="Analyze the table. Autovacuum does so by itself where it is not switched off, but never for a partitioned "
        "table as a whole.",
        docs=f"{MANUAL}routine-vacuuming.html#VACUUM-FOR-STATISTICS",
        unit="rows",
        rule="warning for a table of 1,000 rows or more that was never analyzed, or of which half has changed since",
        file=FILE,
    ),
    Check(
        id="primary_keys",
        title="Tables without a primary key",
        why="Rows that are the same cannot be told apart, and logical replication cannot update or delete them.",
        fix="Add a primary key: CREATE UNIQUE INDEX CONCURRENTLY, then ALTER TABLE ... ADD PRIMARY KEY USING INDEX.",
        docs=f"{MANUAL}ddl-constraints.html#DDL-CONSTRAINTS-PRIMARY-KEYS",
        unit="rows",
        rule="warning for a table of 1,000 rows or more",
        file=FILE,
    ),
    Check(
        id="unlogged_tables",
        title="Unlogged tables",
        why="An unlogged table is empty after a crash, is not on standbys and not in a backup made from files.",
        fix="Make it logged if its rows matter; that writes the table to the log and locks it meanwhile.",
        docs=f"{MANUAL}sql-createtable.html#SQL-CREATETABLE-UNLOGGED",
        unit="bytes",
        rule="warning when there is one with rows",
        file=FILE,
    ),
)
