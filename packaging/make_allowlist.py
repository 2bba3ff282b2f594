"""Write agent/postai/sql/allowlist.txt from real servers: what generated SQL may name in pg_catalog.

    python packaging/make_allowlist.py DSN [DSN ...]            write the file
    python packaging/make_allowlist.py --check DSN [DSN ...]    only say whether it would change (exit code 1)

Run it against every supported major version that is at hand. A name is listed when every overload on every one of these
servers passes: immutable or stable, no argument or result of a type that only the server's own code may build
(`internal`, `cstring`, handlers), and not excluded below. What is volatile but harmless is let in by name below.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import psycopg

from postai.database.named_sql import load
from postai.sql.allowlist import FILE

TARGET = Path(__file__).resolve().parents[1] / "agent/postai/sql" / FILE

EXCLUDED: dict[str, str] = {
    r"(query|table|schema|database|cursor)_to_xml.*": "reads relations by name, or runs SQL given as text",
    r"ts_stat|ts_rewrite": "runs SQL given as text",
    r"lo_.*|loread|lowrite": "large objects: writes, and reads past the check",
    r"txid_current": "assigns a transaction id, which is a write",
    r"satisfies_hash_partition": "runs the support functions of a table that is named by oid",
    r"pg_.*": "administration: only the names listed in HARMLESS",
    r"postgresql_fdw_validator|.*_validator": "part of CREATE statements, no use in a query",
    r"current_query": "would show the wrapping statement, no use in a query",
}
"""Names (whole-name patterns) that stay out although every overload is immutable or stable, and why."""

HARMLESS: dict[str, str] = {
    "random": "only moves the session's own random state; setseed stays out, for it resets that state for others' use",
    "random_normal": "as random",
    "array_sample": "as random",
    "array_shuffle": "as random",
    "gen_random_uuid": "random bytes, no state",
    "uuidv4": "random bytes, no state",
    "uuidv7": "random bytes and the clock",
    "clock_timestamp": "reads the clock",
    "timeofday": "reads the clock",
    "pg_relation_size": "file sizes; volatile because they grow meanwhile",
    "pg_table_size": "as pg_relation_size",
    "pg_indexes_size": "as pg_relation_size",
    "pg_total_relation_size": "as pg_relation_size",
    "pg_database_size": "as pg_relation_size; the server checks CONNECT",
    "pg_tablespace_size": "as pg_relation_size; the server checks CREATE",
    "pg_partition_tree": "reads pg_inherits",
    "pg_partition_ancestors": "reads pg_inherits",
    "pg_partition_root": "reads pg_inherits",
    "pg_is_in_recovery": "reads a flag",
    "pg_sequence_last_value": "reads a sequence without moving it; the server checks rights",
    "pg_size_pretty": "arithmetic",
    "pg_size_bytes": "arithmetic",
    "pg_typeof": "name of a type",
    "pg_column_size": "bytes of one value",
    "pg_collation_for": "name of a collation",
    "pg_client_encoding": "reads a setting",
    "pg_encoding_to_char": "name of an encoding",
    "pg_backend_pid": "reads a number",
    "pg_postmaster_start_time": "reads a time",
    "pg_conf_load_time": "reads a time",
    "pg_has_role": "asks about rights; common in row security policies",
    "pg_get_userbyid": "name of a role",
    "pg_get_constraintdef": "writes a definition as text",
    "pg_get_expr": "writes a definition as text",
    "pg_get_indexdef": "writes a definition as text",
    "pg_get_partkeydef": "writes a definition as text",
    "pg_get_serial_sequence": "name of a sequence",
    "pg_get_triggerdef": "writes a definition as text",
    "pg_get_viewdef": "writes a definition as text",
    "pg_get_functiondef": "writes a definition as text",
    "pg_get_function_arguments": "writes a definition as text",
    "pg_get_function_identity_arguments": "writes a definition as text",
    "pg_get_function_result": "writes a definition as text",
    "pg_table_is_visible": "asks about the search_path",
    "pg_function_is_visible": "asks about the search_path",
    "pg_type_is_visible": "asks about the search_path",
    "pg_wal_lsn_diff": "arithmetic",
}
"""Names let in one by one although they are volatile or excluded by pattern, and why."""

EXCLUDED_TYPES: dict[str, str] = {
    "refcursor": "names a cursor of the session",
    "pg_node_tree": "the server's own trees",
    "pg_ndistinct": "the server's own statistics",
    "pg_dependencies": "the server's own statistics",
    "pg_mcv_list": "the server's own statistics",
    "pg_brin_bloom_summary": "the server's own index data",
    "pg_brin_minmax_multi_summary": "the server's own index data",
    "gtsvector": "the server's own index data",
}

_RELATIONS = (
    "information_schema.check_constraints information_schema.columns information_schema.constraint_column_usage "
    "information_schema.key_column_usage information_schema.referential_constraints information_schema.schemata "
    "information_schema.sequences information_schema.table_constraints information_schema.tables "
    "information_schema.views pg_catalog.pg_attribute pg_catalog.pg_attrdef pg_catalog.pg_am pg_catalog.pg_class "
    "pg_catalog.pg_collation pg_catalog.pg_constraint pg_catalog.pg_database pg_catalog.pg_depend "
    "pg_catalog.pg_description pg_catalog.pg_enum pg_catalog.pg_extension pg_catalog.pg_index pg_catalog.pg_indexes "
    "pg_catalog.pg_inherits pg_catalog.pg_matviews pg_catalog.pg_namespace pg_catalog.pg_partitioned_table "
    "pg_catalog.pg_policies pg_catalog.pg_roles pg_catalog.pg_sequence pg_catalog.pg_sequences "
    "pg_catalog.pg_stat_all_indexes pg_catalog.pg_stat_all_tables pg_catalog.pg_stat_database "
    "pg_catalog.pg_stat_user_indexes pg_catalog.pg_stat_user_tables pg_catalog.pg_statio_user_indexes "
    "pg_catalog.pg_statio_user_tables pg_catalog.pg_stats pg_catalog.pg_tables pg_catalog.pg_tablespace "
    "pg_catalog.pg_trigger pg_catalog.pg_type pg_catalog.pg_views"
)
RELATIONS = tuple(_RELATIONS.split())
"""System relations that may be read: definitions, sizes and counters. Out: passwords, files, other people's query text,
settings, function bodies, raw statistics (pg_statistic holds values of columns that the reader may not see)."""


def excluded(name: str) -> bool:
    """Whether a pattern keeps that function out."""
    return name not in HARMLESS and any(re.fullmatch(pattern, name) for pattern in EXCLUDED)


def read_server(dsn: str) -> tuple[int, dict[str, bool], set[str], dict[str, bool]]:
    """Version, functions, operators, types of one server (name -> whether all its overloads pass)."""
    statements = load("postai.sql", "allowlist.sql")
    with psycopg.connect(dsn) as connection:

        def rows(block: str) -> list[tuple[str, bool]]:
            return connection.execute(statements[block]).fetchall()  # type: ignore[call-overload]

        functions = {name: (fit or name in HARMLESS) and not excluded(name) for name, fit in rows("functions")}
        operators = {
            name
            for name, names in rows("operators")
            if not any(re.fullmatch(pattern, one) for one in names for pattern in EXCLUDED if pattern != r"pg_.*")
        }
        types = {name: fit and name.lstrip("_") not in EXCLUDED_TYPES for name, fit in rows("types")}
        return connection.info.server_version, functions, operators, types


def passing(servers: list[dict[str, bool]]) -> list[str]:
    """Names that pass on every server which has them."""
    names = {name for server in servers for name in server}
    return sorted(name for name in names if all(server.get(name, True) for server in servers))


def build(dsns: list[str]) -> str:
    """The text of the file."""
    found = [read_server(dsn) for dsn in dsns]
    lines = [
        "# Generated by packaging/make_allowlist.py (do not edit): names of pg_catalog that generated SQL may use.",
        "# python packaging/make_allowlist.py DSN_OF_15 DSN_OF_18",
    ]
    for name in passing([functions for _, functions, _, _ in found]):
        lines.append(f"function {name}" + (" by-name" if name in HARMLESS else ""))
    known = {name for _, functions, _, _ in found for name in functions}
    lines += [f"unlisted {name}" for name in sorted(known.difference(passing([one[1] for one in found])))]
    operators = [dict.fromkeys(names, True) for _, _, names, _ in found]
    lines += [f"operator {name}" for name in passing(operators)]
    lines += [f"type {name}" for name in passing([types for _, _, _, types in found])]
    lines += [f"relation {name}" for name in sorted(RELATIONS)]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dsn", nargs="+")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = build(arguments.dsn)
    if arguments.check:
        # Another minor version may lack a function of its own; what stays out can be on the list all the same.
        written, wanted = (set(one.splitlines()) for one in (TARGET.read_text(encoding="utf-8"), text))
        same = wanted <= written and all(line.startswith("unlisted ") for line in written - wanted)
        sys.stdout.write("up to date\n" if same else "out of date\n")
        return 0 if same else 1
    TARGET.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET}: {len(text.splitlines())} lines\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
