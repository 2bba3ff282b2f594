"""Pages on a standby and of a server that has one, on real ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from agent_support import wait_for
from observe_support import home_in
from standby_support import replica_of
from web_support import Dashboard, make_people

from conftest import TestDatabase
from postai.database import ServerError, connect
from postai.observe.overview import read_overview
from postai.observe.table import read_table

LAG = """
select pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::int8 from pg_stat_replication where state = 'streaming'
"""


def test_a_standby_is_seen_from_both_sides(database: TestDatabase, tmp_path: Path) -> None:
    with home_in(database) as home:
        home.db.execute("create table plain (id int primary key); insert into plain values (1)")
        make_people(database)
        home.db.query("select pg_create_physical_replication_slot('held_back', true)")
        try:
            with replica_of(database.server) as replica:
                there = TestDatabase(replica, database.name)
                wait_for(lambda: home.db.query(LAG) == [(0,)])
                standbys = read_overview(home.db).standbys
                assert standbys is not None and standbys.replaying is None
                (receiver,) = (one for one in standbys.receivers if one.state == "streaming")
                assert (receiver.kind, receiver.sync, receiver.behind_bytes) == ("physical", "async", 0)
                (slot,) = standbys.slots
                assert (slot.name, slot.active) == ("held_back", False) and slot.held_bytes is not None
                _on_the_standby(there, tmp_path)
        finally:
            shutil.rmtree(database.server.root.parent / "standby", ignore_errors=True)
            home.db.query("select pg_drop_replication_slot('held_back')")
        assert [one for one in (read_overview(home.db).standbys or standbys).slots] == []


def _on_the_standby(there: TestDatabase, place: Path) -> None:
    with connect(there.dsn()) as db:
        overview = read_overview(db)
        assert overview.server.standby and overview.standbys is not None
        replaying = overview.standbys.replaying
        assert replaying is not None and replaying.state == "streaming"
        assert replaying.behind_bytes is not None and replaying.behind_seconds is not None
        page = read_table(db, "public.plain")
        assert page.standby and not any(page.never_used(one) for one in page.indexes)
        with pytest.raises(ServerError) as refused:
            db.execute("insert into plain values (2)")
        assert refused.value.sqlstate == "25006" and "log in to its primary" in (refused.value.hint or "")
        with db.transaction():
            db.execute("set transaction read only")
    dsn = f"host=127.0.0.1 port={there.server.port} dbname={there.name}"
    with Dashboard(place / "web", {"store": dsn}) as web:
        olga = web.log_in("olga")
        text = olga.get("/d/store/").words()
        assert "This is a standby" in text, text
        assert "The agent is silent" not in text, text
        assert "Receives WAL (not visible to you)" in text, text
        assert "This is a standby" in olga.get("/d/store/schema/table?name=public.plain").words()
