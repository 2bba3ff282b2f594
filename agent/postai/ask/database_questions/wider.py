"""The guard's list, widened for the statements of this package and for nothing else.

Generated SQL may not read pg_stat_activity, pg_settings and the like: they show what others do and how the server is
set up, which no question about a person's data needs. A question about the database itself needs just that. So the
list is not widened for everybody; the statements of the topics, whose text is part of postai, are checked against a
copy of the snapshot that knows these names too. Everything else of the guard holds for them as for any statement: one
SELECT, no function or operator of a user that the server could choose instead, the caller's rights.

All names here only read: counters, states, definitions. PostgreSQL itself blanks the text of other people's queries
and the settings that need a special role.
"""

from __future__ import annotations

from dataclasses import replace

from postai.sql.safety import Safety, UserFunction

RELATIONS = frozenset(
    f"pg_catalog.{name}"
    for name in (
        "pg_locks", "pg_prepared_xacts", "pg_replication_slots", "pg_settings", "pg_stat_activity", "pg_stat_archiver",
        "pg_stat_bgwriter", "pg_stat_checkpointer", "pg_stat_io", "pg_stat_progress_create_index",
        "pg_stat_progress_vacuum", "pg_stat_replication", "pg_stat_wal",
    )
)  # fmt: skip

FUNCTIONS = frozenset(
    {
        "pg_blocking_pids",  # reads the lock table
        "pg_current_wal_lsn",  # a position
        "pg_last_wal_receive_lsn",
        "pg_last_wal_replay_lsn",
        "pg_last_xact_replay_timestamp",
        "pg_options_to_table",  # splits an array of texts
    }
)

EXTENSIONS = frozenset({"pg_stat_statements"})
"""Extensions whose functions behind a view may run; only a superuser can put them there."""


OWN_FUNCTIONS = frozenset({"_gain", "_may_see_statement"})
"""Functions of schema postai behind the views that topics read; only the owner of postai can put them there."""


def widened(safety: Safety) -> Safety:
    """A copy of the snapshot for checking the statement of a topic."""
    key = "database_questions"
    found = safety.memo.get(key)
    if not isinstance(found, Safety):
        listed = safety.allowlist
        allowlist = replace(
            listed,
            functions=listed.functions | FUNCTIONS,
            by_name=listed.by_name | FUNCTIONS,
            relations=listed.relations | RELATIONS,
        )
        functions = {oid: _trusting(one) for oid, one in safety.functions.items()}
        found = replace(
            safety,
            allowlist=allowlist,
            unfit_functions=safety.unfit_functions - FUNCTIONS,
            functions=functions,
            functions_by_name={
                name: tuple(functions[one.oid] for one in several) for name, several in safety.functions_by_name.items()
            },
            memo={},
        )
        safety.memo[key] = found
    return found


def _trusting(function: UserFunction) -> UserFunction:
    return replace(function, trusted=True) if _is_listed(function) else function


def _is_listed(function: UserFunction) -> bool:
    """Whether it is postai's own, or the counting function of a listed extension (its others reset what it counted)."""
    if function.schema == "postai":
        return function.name in OWN_FUNCTIONS
    return function.extension in EXTENSIONS and function.name in EXTENSIONS
