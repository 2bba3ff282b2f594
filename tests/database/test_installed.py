"""What people are told where something of schema postai cannot be read."""

from __future__ import annotations

import pytest

from conftest import TestDatabase, put_postai
from postai.database import ServerError, connect
from postai.database.installed import reading
from postai.errors import FeatureMissing, NotPermitted

HEALTH = "select count(*) from postai.health"


@pytest.fixture
def nobody(database: TestDatabase) -> str:
    """A login without any part in postai."""
    if not database.execute("select from pg_roles where rolname = 'nobody_here'"):
        database.execute("create role nobody_here login password 'nobody_here'")
    return "nobody_here"


def test_without_postai_the_way_to_it_is_told(database: TestDatabase) -> None:
    with connect(database.dsn()) as db, pytest.raises(FeatureMissing) as caught, reading(db):
        db.query(HEALTH)
    assert "not installed" in str(caught.value) and "post-ai install" in str(caught.value.hint)


def test_without_the_right_its_grant_is_told(database: TestDatabase, nobody: str) -> None:
    put_postai(database)
    with connect(database.dsn(nobody)) as db, pytest.raises(NotPermitted) as caught, reading(db):
        db.query(HEALTH)
    assert caught.value.hint == "GRANT postai_reader TO nobody_here;"
    database.execute("grant postai_reader to nobody_here")
    try:
        with connect(database.dsn(nobody)) as db, reading(db):
            assert db.query(HEALTH) == [(0,)]
    finally:
        database.execute("revoke postai_reader from nobody_here")


def test_an_older_postai_is_told(database: TestDatabase) -> None:
    put_postai(database)
    database.execute("drop view postai.statement_sums, postai.load_history")
    with connect(database.dsn()) as db, pytest.raises(FeatureMissing) as caught, reading(db):
        db.query("select count(*) from postai.load_history")
    assert "older than this program" in str(caught.value) and "post-ai install" in str(caught.value.hint)


def test_other_errors_stay_what_they_are(database: TestDatabase) -> None:
    put_postai(database)
    with connect(database.dsn()) as db:
        with pytest.raises(ServerError) as caught, reading(db):
            db.query("select 1 / 0")
        assert caught.value.sqlstate == "22012"
        with pytest.raises(ServerError) as caught, reading(db):
            db.query("select from nowhere")
        assert caught.value.sqlstate == "42P01"
