"""What a person's own reading statement may run: the guard's look at every name, with a wider list.

The guard of generated statements lets known functions pass and no other. A person reads more than a question does:
catalogs, locks, counters, functions of their own. What must not happen by a click on "Run", in a transaction that is
read-only and rolled back, is what stays done all the same: sessions ended, slots dropped, counters reset, files
written, SQL sent elsewhere. PostgreSQL says of each function whether it may do such things (VOLATILE): those are
refused unless they are listed, wherever they stand: in the statement, behind a view, an operator, a cast, a policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from google.protobuf.message import Message

from postai.errors import Refused
from postai.sql.hazards import Hazards
from postai.sql.names import Names, refused_by
from postai.sql.parse import parse_one, statement_node
from postai.sql.safety import FIRST_USER_OID, Safety, UserFunction
from postai.sql.walker import Walker

_LOOKING = """
pg_blocking_pids pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery
pg_control_system pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn
pg_database_collation_actual_version pg_get_backend_memory_contexts pg_get_multixact_members pg_get_shmem_allocations
pg_get_wal_replay_pause_state pg_get_wal_resource_managers pg_hba_file_rules pg_ident_file_mappings
pg_is_wal_replay_paused pg_jit_available pg_last_committed_xact pg_last_wal_receive_lsn pg_last_wal_replay_lsn
pg_last_xact_replay_timestamp pg_lock_status pg_ls_archive_statusdir pg_ls_logdir pg_ls_logicalmapdir
pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_tmpdir pg_ls_waldir pg_notification_queue_usage pg_prepared_xact
pg_replication_origin_progress pg_safe_snapshot_blocking_pids pg_show_all_file_settings
pg_show_replication_origin_status pg_sleep pg_sleep_for pg_sleep_until pg_xact_commit_timestamp pg_xact_status
"""
HARMLESS = frozenset(_LOOKING.split())
"""Built-in volatile functions that only look, or only wait; the server asks for rights besides."""

READING: Mapping[str, frozenset[str]] = {
    "pg_stat_statements": frozenset({"pg_stat_statements", "pg_stat_statements_info"}),
    "pg_buffercache": frozenset({"pg_buffercache_pages", "pg_buffercache_summary", "pg_buffercache_usage_counts"}),
    "pgstattuple": frozenset(
        {"pgstattuple", "pgstattuple_approx", "pgstatindex", "pgstatginindex", "pgstathashindex", "pg_relpages"}
    ),
    "pg_freespacemap": frozenset({"pg_freespace"}),
}
"""Functions of extensions that only look although they are volatile."""
OURS = frozenset(
    {
        "postai._is_driven(integer)", "postai._next_of(postai.replication,text)", "postai._agent_present()",
        "postai._answered(integer)", "postai.agent()",
    }
)  # fmt: skip
"""Functions of postai that only look although they are volatile; views of its use them."""

WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "CREATE TABLE AS"})
"""Statement classes that EXPLAIN (ANALYZE) may run besides reading ones; their transaction is rolled back."""


def for_people(safety: Safety) -> Safety:
    """The same catalog as a person's own statements may use it."""
    listed = safety.allowlist
    functions = {oid: replace(one, trusted=_looks_only(one)) for oid, one in safety.functions.items()}
    by_name = {name: tuple(functions[one.oid] for one in all_of) for name, all_of in safety.functions_by_name.items()}
    unfit = safety.unfit_functions - HARMLESS
    looking = {name for name in safety.builtin_function_names if name.startswith("pg_")} - unfit
    system = {
        f"{one.schema}.{one.name}" for one in safety.relations.values() if one.oid < FIRST_USER_OID and one.kind != "t"
    }
    wider = replace(
        listed,
        functions=listed.functions | looking | HARMLESS,
        types=listed.types | frozenset(safety.builtin_types),
        relations=listed.relations | system,
    )
    return replace(
        safety, allowlist=wider, functions=functions, functions_by_name=by_name, unfit_functions=unfit, memo={}
    )


def _looks_only(one: UserFunction) -> bool:
    known = one.name in READING.get(one.extension or "", ()) or one.signature in OURS
    return one.trusted or not one.volatile or known


def check_own(
    statement: str, safety: Safety, *, search_path: Sequence[str], allowed_functions: frozenset[str] = frozenset()
) -> None:
    """Let a person's own statement pass, or refuse it.

    Args:
        statement: one statement: a reading one, or for EXPLAIN (ANALYZE) one of `WRITES`. What a trigger or a default
            runs when it writes is not looked at.
        safety: as `for_people` gave it.
        search_path: schemas of the session that would run it, resolved (`current_schemas(true)`).
        allowed_functions: the setting of that name.

    Raises:
        Refused: with what does not pass and what stands behind it.
    """
    servers = {f"server {one.server}" for one in safety.relations.values() if one.server}
    allowed = allowed_functions | servers
    parsed = parse_one(statement)
    hazards: Hazards = safety.memo.setdefault(allowed, Hazards(safety, allowed))
    path = tuple(dict.fromkeys(search_path))
    names = _OwnNames(safety, hazards, path if "pg_catalog" in path else ("pg_catalog", *path))
    if bad := hazards.database():
        raise refused_by("every statement of this database could run a function that is not allowed", bad)
    (_WritingWalker if parsed.statement_class in WRITES else Walker)(names).visit(parsed.tree)
    names.decide()


class _OwnNames(Names):
    def builtin_refused(self, name: str) -> Refused:
        return Refused(
            f"the function {name} is not allowed here",
            detail="It may do what a read-only transaction does not stop and its end does not take back.",
            hint="Run it in psql, where it is meant; functions of your own can be listed in allowed_functions.",
        )


class _WritingWalker(Walker):
    """Also statements that write, and WITH queries that do."""

    def visit(self, node: Message) -> None:
        if node.DESCRIPTOR.name in _PARTS:
            self._children(node)
        else:
            super().visit(node)

    def _with(self, clause: Message) -> None:
        queries = [statement_node(one) for one in clause.ctes]
        if clause.recursive:
            self._ctes = {**self._ctes, **{one.ctename: one for one in queries}}
        for one in queries:
            self._children(one, "ctecolnames", "ctecoltypes", "ctecoltypmods", "ctecolcollations")
            self._ctes = {**self._ctes, one.ctename: one}

    def _at_CreateTableAsStmt(self, node: Message) -> None:  # noqa: N802
        self.visit(node.query)

    def _writing(self, node: Message) -> None:
        outer = self._ctes
        if node.HasField("with_clause"):
            self._with(node.with_clause)
        self._children(node, "with_clause")
        self._ctes = outer

    _at_InsertStmt = _at_UpdateStmt = _at_DeleteStmt = _at_MergeStmt = _writing  # noqa: N815


_PARTS = frozenset(
    {
        "IndexElem", "InferClause", "OnConflictClause", "MergeWhenClause", "MultiAssignRef", "ReturningClause",
        "SetToDefault",
    }
)  # fmt: skip
