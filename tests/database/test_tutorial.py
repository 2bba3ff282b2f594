"""Tutorials show what happens: their ```sql run blocks go through psql on a real server with the store and an agent.

The ```text block behind one is its output. `text run` is compared as it is, `text like` only in shape, because the
dates of the store move with the calendar; `text ends` by its last line, where what goes before depends on how long the
agent takes. `--update-golden` writes the outputs into the pages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_support import AGENT, AgentProcess, agent_dsn, install_postai, running

from conftest import TestDatabase, drop_database, make_database

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("tutorial.md", "tutorials/first-index.md", "tutorials/first-migration.md")
"""In the order in which they are read, on one database."""
BLOCK = re.compile(r"```sql run\n(?P<sql>.*?)```\n\n```text (?P<how>run|like|ends)\n(?P<output>.*?)```", re.DOTALL)
MARK = "-- end of block"
FORMAT = ("-P", "pager=off", "-P", "format=wrapped", "-P", "columns=80")


@pytest.fixture(scope="module")
def served(store15: TestDatabase) -> Iterator[TestDatabase]:
    """A copy of the store with postai, its sidecar running, as `make demo` leaves it."""
    database = make_database(store15.server, store15.name)
    place = Path(tempfile.mkdtemp(prefix="postai-tutorial-"))
    place.chmod(0o755)
    agent = AgentProcess(place, [("store", agent_dsn(store15.server, database.name, place))])
    try:
        install_postai(database, "socket", agent.socket)
        database.execute(f'alter database "{database.name}" owner to shop')
        database.execute(f"grant postai_operator to shop; grant shop to {AGENT}")
        with running(agent):
            agent.until("the socket is open")
            agent.until("leading this database")
            yield database
    finally:
        store15.execute(f"set transaction_read_only = off; revoke shop from {AGENT}")
        drop_database(database)
        shutil.rmtree(place)


def psql(database: TestDatabase, statements: list[str]) -> list[str]:
    """What psql prints for each block, one session for all of them."""
    done = subprocess.run(
        [str(database.server.binaries.bin / "psql"), "-X", *FORMAT, database.dsn("shop")],
        input="".join(f"{block}\\echo {MARK}\n" for block in statements),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "80", "LC_ALL": "C.UTF-8"},
    )
    *outputs, rest = done.stdout.split(f"{MARK}\n")
    assert rest == ""
    return ["\n".join(line.rstrip() for line in output.strip("\n").splitlines()) + "\n" for output in outputs]


def shape(output: str) -> str:
    """The output without values: names of columns, number of columns and lines."""
    without = re.sub(r'"[^"\n]*"(?=[,}\]])', '""', output)
    without = re.sub(r"[0-9][0-9.]*", "0", without)
    return re.sub(r"-{2,}", "-", re.sub(r" +", " ", without))


@pytest.mark.parametrize("name", PAGES)
def test_a_tutorial_shows_what_happens(served: TestDatabase, name: str, request: pytest.FixtureRequest) -> None:
    page = (DOCS / name).read_text()
    blocks = list(BLOCK.finditer(page))
    assert len(blocks) == page.count("```sql run") > 4
    outputs = psql(served, [block["sql"] for block in blocks])
    if request.config.getoption("--update-golden"):
        for block, output in zip(reversed(blocks), reversed(outputs), strict=True):
            page = page[: block.start("output")] + output + page[block.end("output") :]
        (DOCS / name).write_text(page)
        return
    for block, output in zip(blocks, outputs, strict=True):
        if block["how"] == "run":
            assert output == block["output"], block["sql"]
        elif block["how"] == "like":
            assert shape(output) == shape(block["output"]), block["sql"]
        else:
            assert shape(output.splitlines()[-1]) == shape(block["output"].splitlines()[-1]), output
            assert "ERROR" not in output
