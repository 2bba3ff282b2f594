"""The extensions' files, built from the sources and put where a test server finds them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from postai.setup.server import LocalServer

BUILD = Path(__file__).parents[2] / "packaging" / "extension" / "build.py"


def build(out: Path, socket: Path) -> tuple[Path, ...]:
    spec = importlib.util.spec_from_file_location("postai_extension_build", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build(out, socket)  # type: ignore[no-any-return]


def look_in(server: LocalServer, base: Path) -> None:
    """Let PostgreSQL 18 find extensions in `base`/extension; a reload takes a moment to reach new sessions."""
    path = f"$system:{base}"
    limit = time.monotonic() + 10
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"alter system set extension_control_path = '{path}'")  # type: ignore[arg-type]
        connection.execute("select pg_reload_conf()")
    while time.monotonic() < limit:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            if connection.execute("show extension_control_path").fetchone() == (path,):
                return
        time.sleep(0.02)
    raise AssertionError("the server did not take the new setting")


@contextmanager
def extension_files(server: LocalServer, socket: Path) -> Iterator[None]:
    """PostgreSQL 18 takes extensions from any directory; older servers from their own only, which root may write."""
    base = Path(tempfile.mkdtemp(prefix="postai-extension-"))
    base.chmod(0o755)
    try:
        built = build(base / "extension", socket)
        (base / "extension").chmod(0o755)
        if server.binaries.major >= 18:
            look_in(server, base)
            yield
            return
        own = Path(f"/usr/share/postgresql/{server.binaries.major}/extension")
        if not os.access(own, os.W_OK):
            pytest.skip(f"{own} cannot be written by this user")
        backup = base / "before"
        backup.mkdir()
        for path in own.glob("postai*"):
            shutil.move(path, backup / path.name)
        try:
            for path in built:
                shutil.copy(path, own / path.name)
            yield
        finally:
            for path in built:
                (own / path.name).unlink(missing_ok=True)
            for path in backup.iterdir():
                shutil.move(path, own / path.name)
    finally:
        shutil.rmtree(base)
