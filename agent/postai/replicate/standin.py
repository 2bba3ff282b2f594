"""For now: copying a schema with the source's pg_dump found beside nothing better."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from postai.database import dsn as connection_string
from postai.database.protocol import Database
from postai.errors import VerificationFailed


def copy_schema(source: Database, source_dsn: str, target_dsn: str) -> None:
    """Schema of the source, by pg_dump and psql of its version."""
    there = Path(f"/usr/lib/postgresql/{source.server_version // 10000}/bin")
    given = connection_string.parse(source_dsn)
    roles = source.query("select quote_ident(rolname) from pg_roles where rolname ~ '^odd'")
    dump = subprocess.run(
        [there / "pg_dump", "--schema-only", "-N", "postai*", "-d", source_dsn],
        env={**os.environ, "PGPASSWORD": given.get("password", "")}, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    text = "\n".join(x for x in dump.splitlines() if not x.startswith(("\\restrict", "\\unrestrict")))
    roles_text = "".join(
        f"do $$ begin create role {x} login password 'odd_app'; exception when duplicate_object then null; end $$;\n"
        for (x,) in roles
    )
    done = subprocess.run([there / "psql", "-qX", "-v", "ON_ERROR_STOP=0", target_dsn], input=roles_text + text,
                          text=True, capture_output=True, check=False)  # fmt: skip
    if done.returncode:
        raise VerificationFailed("schema", detail=done.stderr[-500:])
