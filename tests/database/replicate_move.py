"""What tests of the switch begin with: both sides open, the schema copied, the stream running."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from replicate_support import Stand

from postai.database import Database
from postai.replicate.sessions import open_session


@contextmanager
def sides(stand: Stand) -> Iterator[tuple[Database, Database]]:
    """A session of postai's own on the source and one on the target."""
    with open_session(stand.source_dsn()) as source, open_session(stand.target_dsn()) as target:
        yield source, target


def copy_schema(stand: Stand) -> None:
    """The source's schema and roles on the target, by the servers' own tools; materialised views stay empty."""
    for name, attributes in stand.source.execute(
        "select quote_ident(rolname), case when rolcanlogin then 'login' else 'nologin' end from pg_roles "
        "where rolname ~ '^odd'"
    ):
        stand.target.execute(f"create role {name} {attributes}")
    stand.let_app_in()
    text = stand.source.schema_text()
    result = subprocess.run(
        [stand.target_server.binaries.bin / "psql", "-qX", "-v", "ON_ERROR_STOP=1", stand.target_dsn()],
        input=text, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
