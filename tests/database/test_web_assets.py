"""Pages without the scripts that Node.js builds: a server that has none starts and shows them all the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from agent_support import install_postai
from web_support import Dashboard, make_people

from conftest import TestDatabase

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("with_scripts", [False, True])
def test_pages_name_scripts_only_where_they_were_built(
    database15: TestDatabase, tmp_path: Path, with_scripts: bool
) -> None:
    package = tmp_path / "package"
    shutil.copytree(ROOT / "agent", package, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "built"))
    built = package / "postai" / "web" / "static" / "built"
    if with_scripts:
        built.mkdir()
        (built / "app.js").write_text("// built\n")
    install_postai(database15, "call")
    make_people(database15)
    dsn = f"host=127.0.0.1 port={database15.server.port} dbname={database15.name}"
    with Dashboard(tmp_path, {"store": dsn}, environment={"PYTHONPATH": str(package)}) as web:
        olga = web.log_in("olga")
        page = olga.get("/d/store/")
        assert page.status == 200
        assert "<h1>Overview" in page.text
        assert ("built/app.js" in page.text) is with_scripts
        assert olga.get("/static/built/app.js").status == (200 if with_scripts else 404)
