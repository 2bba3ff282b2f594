"""Statements and built-in functions that leave nothing behind in the session once their transaction is over."""

from __future__ import annotations

_KINDS = "AGGREGATE COLLATION DOMAIN FUNCTION INDEX MATERIALIZED_VIEW POLICY PROCEDURE SCHEMA SEQUENCE STATISTICS TABLE"
_MORE = "TRIGGER TYPE VIEW RULE ROLE"

FREE_STATEMENTS = frozenset(
    [
        "SELECT", "SELECT INTO", "INSERT", "UPDATE", "DELETE", "MERGE", "TABLE", "VALUES", "CREATE TABLE AS",
        "BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET CONSTRAINTS",
        "PREPARE TRANSACTION", "COMMIT PREPARED", "ROLLBACK PREPARED",
        "FETCH", "MOVE", "CLOSE CURSOR", "COPY", "EXPLAIN", "SHOW", "NOTIFY", "LOCK TABLE", "TRUNCATE TABLE",
        "VACUUM", "ANALYZE", "CHECKPOINT", "REINDEX", "CLUSTER", "REFRESH MATERIALIZED VIEW", "COMMENT",
        "GRANT", "REVOKE", "GRANT ROLE", "REVOKE ROLE", "CREATE DATABASE", "DROP DATABASE",
        *(f"{verb} {kind.replace('_', ' ')}"
          for verb in ("CREATE", "ALTER", "DROP") for kind in f"{_KINDS} {_MORE}".split()),
    ]
)  # fmt: skip
"""Command tags; everything else pins. SET and DECLARE CURSOR have rules of their own."""

_FUNCTIONS = """
pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
pg_notify pg_sleep pg_sleep_for pg_sleep_until pg_backend_pid pg_cancel_backend pg_terminate_backend
current_setting txid_current txid_current_if_assigned txid_current_snapshot pg_current_xact_id
pg_current_xact_id_if_assigned pg_current_snapshot pg_export_snapshot pg_is_in_recovery version
current_database current_schema current_schemas inet_client_addr inet_client_port inet_server_addr
inet_server_port pg_typeof random gen_random_uuid clock_timestamp statement_timestamp timeofday
pg_table_size pg_relation_size pg_total_relation_size pg_database_size pg_size_pretty pg_get_serial_sequence
pg_listening_channels lo_create lo_creat lo_unlink lo_get lo_put lo_from_bytea
"""

FREE_FUNCTIONS = frozenset(_FUNCTIONS.split())
"""Beside those that may be named in generated SQL."""
