"""What one role may see of the catalog picture, and who is who."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postai.database import Database, connect
from postai.database.catalog import Catalog, load_catalog
from postai.database.roles import identity, is_member, relation_owners, schema_owner
from postai.database.visibility import visible_to
from postai.errors import NotPermitted

SCHEMA = """
create schema closed;
create table closed.open_table (a int);
create table whole (id int primary key, secret text unique check (secret <> ''), note text);
create index on whole (lower(secret));
create table partly (id int primary key, secret text unique, note text default 'x', whole int references whole,
                     check (secret <> note));
create index on partly (id) where secret is null;
create index on partly (note, id);
create index on partly (note) include (secret);
create table none (id int primary key);
create table guarded (id int, state text);
alter table guarded enable row level security;
create policy mine on guarded using (id = 1);
create table pointing (a int references none, b text references partly (secret), c int references whole);
create view over_none as select * from none;
create table part_of (at date) partition by range (at);
create table leaf partition of part_of for values from ('2026-01-01') to ('2027-01-01');
insert into guarded select i, 'hidden value' from generate_series(1, 50) i;
insert into whole select i, 's' || i, 'note' from generate_series(1, 50) i;
analyze;
"""


@pytest.fixture
def role(database) -> Iterator[str]:
    name = f'Role "{database.name}'
    quoted = '"' + name.replace('"', '""') + '"'
    group = f"g_{database.name}"
    database.execute(SCHEMA)
    database.execute(f"create role {group}; create role {quoted} in role {group}")
    database.execute(f"""
        grant select on closed.open_table, whole, guarded, pointing, over_none, leaf to {quoted};
        grant select (id, note, whole) on partly to {group};
        grant insert, update on none to {quoted};
    """)
    yield name
    database.execute(f"drop owned by {quoted}, {group} cascade; drop role {quoted}, {group}")


@pytest.fixture
def db(database, role: str) -> Iterator[Database]:
    with connect(database.dsn()) as session:
        yield session


@pytest.fixture
def seen(db: Database, role: str) -> Catalog:
    return visible_to(load_catalog(db), db, role)


def test_relations(seen: Catalog) -> None:
    assert [table.name for table in seen.tables] == ["guarded", "leaf", "over_none", "partly", "pointing", "whole"]
    leaf = seen.table("public", "leaf")
    assert leaf and leaf.parent_oid is None


def test_columns_and_what_mentions_them(seen: Catalog) -> None:
    partly = seen.table("public", "partly")
    assert partly
    assert [column.name for column in partly.columns] == ["id", "note", "whole"]
    assert partly.primary_key == ("id",)
    assert (partly.unique, partly.checks) == ((), ())
    assert {index.columns for index in partly.indexes} == {("id",), ("note", "id")}
    assert all(not index.included and not index.predicate for index in partly.indexes)
    assert [key.table for key in partly.foreign_keys] == ["whole"]
    assert "secret" not in repr(partly)


def test_a_table_seen_whole_keeps_everything(seen: Catalog, db: Database) -> None:
    assert seen.table("public", "whole") == load_catalog(db).table("public", "whole")


def test_keys_to_what_is_hidden_go(seen: Catalog) -> None:
    pointing = seen.table("public", "pointing")
    assert pointing and [key.table for key in pointing.foreign_keys] == ["whole"]
    assert [column.name for column in pointing.columns] == ["a", "b", "c"]


def test_values_under_row_security_are_never_shown(seen: Catalog, db: Database, database) -> None:
    everything = load_catalog(db).table("public", "guarded")
    assert everything and everything.columns[1].statistics
    guarded = seen.table("public", "guarded")
    assert guarded and all(column.statistics is None for column in guarded.columns)
    assert "hidden value" not in repr(seen)
    whole = seen.table("public", "whole")
    assert whole and whole.columns[2].statistics and whole.columns[2].statistics.most_common == ("note",)
    for_superuser = visible_to(load_catalog(db), db, "postgres").table("public", "guarded")
    assert for_superuser and for_superuser.columns[1].statistics is None


def test_a_superuser_sees_all_relations(db: Database) -> None:
    catalog = load_catalog(db)
    assert [t.name for t in visible_to(catalog, db, "postgres").tables] == [t.name for t in catalog.tables]


def test_usage_of_the_schema_counts(db: Database, role: str, database) -> None:
    quoted = role.replace('"', '""')
    db.execute(f'grant usage on schema closed to "{quoted}"')
    assert visible_to(load_catalog(db), db, role).table("closed", "open_table")


def test_an_unknown_role(db: Database) -> None:
    with pytest.raises(NotPermitted) as caught:
        visible_to(load_catalog(db), db, "nobody's")
    assert caught.value.sqlstate == "PA006"
    assert caught.value.hint


def test_a_table_that_is_gone_is_not_visible(db: Database, role: str) -> None:
    catalog = load_catalog(db)
    db.execute("drop table whole cascade")
    assert visible_to(catalog, db, role).table("public", "whole") is None


def test_both_drivers(database, role: str, seen: Catalog, db: Database) -> None:
    with connect(database.dsn(), driver="pg8000") as other:
        assert visible_to(load_catalog(db), other, role) == seen


def test_roles_and_owners(db: Database, database, role: str) -> None:
    group = f"g_{database.name}"
    assert is_member(db, role, group)
    assert is_member(db, role, role)
    assert not is_member(db, group, role)
    assert not is_member(db, role, "no such role")
    assert not is_member(db, "no such role", group)
    assert is_member(db, "postgres", group)
    db.execute(f"alter table none owner to {group}; create schema theirs authorization {group}")
    catalog = load_catalog(db)
    none, whole = catalog.table("public", "none"), catalog.table("public", "whole")
    assert none and whole
    assert relation_owners(db, [none.oid, whole.oid, 1]) == {none.oid: group, whole.oid: "postgres"}
    assert schema_owner(db, "theirs") == group
    assert schema_owner(db, "no such schema") is None
    me = identity(db)
    assert (me.session_user, me.current_user, me.superuser, me.database_owner) == ("postgres",) * 2 + (True, "postgres")
    with db.transaction():
        db.execute(f"set local role {group}")
        me = identity(db)
    assert (me.session_user, me.current_user, me.superuser) == ("postgres", group, False)
