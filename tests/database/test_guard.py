"""The guard on real servers: hostile statements are refused, and ordinary ones pass and run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.errors import Refused
from postai.sql.guard import Checked, check
from postai.sql.safety import Safety, load_safety

DATA = Path(__file__).parent / "test_guard_data"


@dataclass(frozen=True)
class Shop:
    """A database with ordinary tables and its snapshot, shared by all tests that change nothing."""

    database: TestDatabase
    safety: Safety

    def check(self, sql: str, **options: object) -> Checked:
        return check(sql, self.safety, search_path=["public"], **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    database = make_database(request.getfixturevalue(request.param))
    database.execute((DATA / "shop.sql").read_text())
    with connect(database.dsn()) as session:
        yield Shop(database, load_safety(session))
    drop_database(database)


ORDINARY = [line for line in (DATA / "ordinary.sql").read_text().splitlines() if not line.startswith("--")]


@pytest.mark.parametrize("sql", ORDINARY, ids=[line[:60] for line in ORDINARY])
def test_ordinary_statements_pass_and_run(shop: Shop, sql: str) -> None:
    checked = shop.check(sql)
    assert checked.statement_class == "SELECT"
    try:
        shop.database.execute(f"explain {checked.sql}")
    except psycopg.errors.FeatureNotSupported as error:
        assert "libxml" in str(error), "only a server without XML support may refuse"
    again = shop.check(checked.sql)
    assert again == checked, "what passed passes again, unchanged"


HOSTILE = [line for line in (DATA / "hostile.sql").read_text().splitlines() if not line.startswith("--")]


@pytest.mark.parametrize("sql", HOSTILE, ids=[line[:60] for line in HOSTILE])
def test_hostile_statements_are_refused(shop: Shop, sql: str) -> None:
    with pytest.raises(Refused) as caught:
        shop.check(sql)
    assert caught.value.sqlstate == "PA003"
    assert caught.value.hint
