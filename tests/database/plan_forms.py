"""Forms whose plans are executed on both servers: setup, statements, columns whose values differ from run to run."""

# ruff: noqa: E501 - statements are read more easily on one line

from __future__ import annotations

BOOKS = (
    "create table shelf (id bigint primary key, label text not null)",
    "insert into shelf select g, 's' || g from generate_series(1, 10) g",
    "create table book (id integer primary key, shelf_id bigint, title text not null default 'none', pages integer,"
    " price numeric(8,2) default 1.5, isbn varchar(20), tags jsonb, unique (isbn, pages))",
    "insert into book select g, g % 10 + 1, 't' || g, g * 3, g + 0.25, 'i' || g, '{}' from generate_series(1, 50) g",
)
READINGS = (
    "create table reading (id bigint not null, at date not null, sensor integer, note text) partition by range (at)",
    "create table reading_1 partition of reading for values from ('2024-01-01') to ('2024-02-01')",
    "create table reading_2 partition of reading for values from ('2024-02-01') to ('2024-03-01') partition by list (sensor)",
    "create table reading_2a partition of reading_2 for values in (0, 1)",
    "create table reading_2b partition of reading_2 for values in (2, 3)",
    "insert into reading select g, date '2024-01-01' + g % 59, g % 4, 'n' from generate_series(1, 100) g",
    "create table sensor (id integer primary key)",
    "insert into sensor select g from generate_series(0, 5) g",
)
MARCH = (
    "create table march (id bigint not null, at date not null, sensor integer, note text)",
    "insert into march select g, date '2024-03-01' + g % 31, g % 4, 'n' from generate_series(1, 100) g",
)

FORMS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "partitioned index, nested": (READINGS, ("create index on reading (sensor, lower(note))",), ()),
    "partitioned index, one is there": (
        (*READINGS, "create index mine on reading_1 (sensor)"),
        ("create index on reading (sensor)", "drop index reading_sensor_idx"),
        (),
    ),
    "partitioned primary key": (READINGS, ("alter table reading_1 add primary key (id, at)",), ()),
    "partitioned unique": (
        (*READINGS, "alter table reading_1 add constraint mine unique (id, at, sensor)"),
        ("alter table reading add unique (id, at, sensor)", "alter table reading add primary key (at, sensor, id)"),
        (),
    ),
    "partitioned foreign key": (
        READINGS,
        ("alter table reading add foreign key (sensor) references sensor on delete cascade",),
        (),
    ),
    "partitioned check and not null": (
        READINGS,
        ("alter table reading add check (id > 0), alter sensor set not null",),
        (),
    ),
    "not null of a partition": (
        READINGS,
        ("alter table reading_1 alter sensor set not null", "alter table reading_2 alter note set not null"),
        (),
    ),
    "times": (
        (
            *BOOKS,
            "alter table book add column at timestamptz default '2024-01-01 00:00+00', add column day date",
            "update book set day = date '2024-01-01' + id",
        ),
        ("alter table book alter at type date using at::date", "alter table book alter day type timestamptz"),
        (),
    ),
    "attach": (
        (
            *READINGS,
            *MARCH,
            "create index on reading (sensor)",
            "alter table reading add foreign key (sensor) references sensor",
        ),
        ("alter table reading attach partition march for values from ('2024-03-01') to ('2024-04-01')",),
        (),
    ),
    "attach with default": (
        (*READINGS, *MARCH, "create table rest partition of reading default"),
        ("alter table reading attach partition march for values from ('2024-03-01') to ('2024-04-01')",),
        (),
    ),
    "attach that a check allows": (
        (
            *READINGS,
            *MARCH,
            "create table rest partition of reading default",
            "alter table march add check (at >= '2024-03-01' and at < '2024-04-01')",
            "alter table rest add check (at < '2024-01-01' or at >= '2025-01-01')",
        ),
        ("alter table reading attach partition march for values from ('2024-03-01') to ('2024-04-01')",),
        (),
    ),
    "detach concurrently": (READINGS, ("alter table reading detach partition reading_1 concurrently",), ()),
    "detach with a check": (
        (*READINGS, "alter table reading_1 add check (at < '2024-02-01' and at >= '2024-01-01')"),
        ("alter table reading detach partition reading_1",),
        (),
    ),
    "key on a given index": (
        (
            *BOOKS,
            "create unique index book_name on book (pages, title) include (tags) with (fillfactor = 70)",
            "comment on index book_name is 'it''s theirs'",
            "create unique index book_price on book (id, price)",
            "alter table book drop constraint book_pkey, alter price set not null",
        ),
        (
            "alter table book add constraint book_pk primary key using index book_price",
            "alter table book add constraint book_name unique using index book_name deferrable",
        ),
        (),
    ),
    "attach with keys": (
        (
            "create table p (id bigint, at date, v text, primary key (id, at), unique (at, v)) partition by range (at)",
            "create table p1 (id bigint not null, at date not null, v text)",
            "insert into p1 select g, date '2024-01-01' + g % 20, 'v' || g from generate_series(1, 60) g",
        ),
        ("alter table p attach partition p1 for values from ('2024-01-01') to (maxvalue)",),
        (),
    ),
    "attach to list": (
        (
            "create table p (id bigint, k text) partition by list (k)",
            "create table p1 (id bigint, k text)",
            "insert into p1 values (1, 'a'), (2, null)",
            "create table p2 (id bigint, k text)",
            "insert into p2 values (1, 'c')",
        ),
        (
            "alter table p attach partition p1 for values in ('a', 'b', null)",
            "alter table p attach partition p2 for values in ('c')",
        ),
        (),
    ),
    "detach": (READINGS, ("alter table reading detach partition reading_1", "drop table reading_1"), ()),
    "detach nested": (READINGS, ("alter table reading detach partition reading_2",), ()),
    "detach list": (READINGS, ("alter table reading_2 detach partition reading_2b",), ()),
    "detach with default": (
        (*READINGS, "create table rest partition of reading default"),
        ("alter table reading detach partition reading_1",),
        (),
    ),
    "circular keys": (
        (*BOOKS, "alter table shelf add column best integer"),
        (
            "alter table shelf add constraint best_fk foreign key (best) references book deferrable initially deferred",
            "alter table book add foreign key (shelf_id) references shelf (id) on update cascade on delete set null (shelf_id)",
        ),
        (),
    ),
    "self reference": (
        (*BOOKS, "alter table book add column before integer"),
        ("alter table book add foreign key (before) references book", "create index on book (before)"),
        (),
    ),
    "unique with everything": (
        BOOKS,
        (
            "alter table book add constraint one_title unique nulls not distinct (title, id) include (pages)"
            " with (fillfactor = 80) deferrable initially deferred",
        ),
        (),
    ),
    "primary key of nullable columns": (
        ("create table k (a integer, b text)", "insert into k select g, 'b' || g from generate_series(1, 20) g"),
        ("alter table k add constraint k_key primary key (b, a)",),
        (),
    ),
    "exclusion": (BOOKS, ("alter table book add exclude using btree (id with =)",), ()),
    "column with everything": (
        (*BOOKS, "create table grades (id integer primary key)", "insert into grades values (3)"),
        (
            "alter table book add column grade integer default 3 not null check (grade between 1 and 5) constraint g_fk"
            " references grades (id) deferrable initially deferred, add column code text unique",
        ),
        (),
    ),
    "volatile defaults": (
        BOOKS,
        (
            "alter table book add column token uuid not null default gen_random_uuid()",
            "alter table book add column seen timestamptz default clock_timestamp(), add column made date default now()",
        ),
        ("token", "seen", "made"),
    ),
    "serial, identity, generated": (
        BOOKS,
        (
            "alter table book add column n serial",
            "alter table book add column m bigint generated by default as identity",
            "alter table book add column twice integer generated always as (pages * 2) stored",
        ),
        ("n", "m"),
    ),
    "domains": (
        (
            *BOOKS,
            "create domain money_amount as numeric check (value >= 0)",
            "create domain token as uuid default gen_random_uuid()",
            "create type mood as enum ('good', 'bad')",
        ),
        (
            "alter table book add column worth money_amount default 2",
            "alter table book add column token token",
            "alter table book add column mood mood not null default 'good'",
            "alter type mood add value 'odd' before 'bad'",
            "alter table book add constraint mood_ok check (mood <> 'bad')",
        ),
        ("token",),
    ),
    "types": (
        BOOKS,
        (
            "alter table book alter pages type bigint",
            "alter table book alter price type numeric(12,4)",
            "alter table book alter title type varchar(40)",
            "alter table book alter isbn type text",
            "alter table book alter tags type text using tags::text",
        ),
        (),
    ),
    "type of the key": (BOOKS, ("alter table book alter id type bigint",), ()),
    "type of a column with everything": (
        (
            *BOOKS,
            "create index pages_idx on book (pages desc, title) include (price) where pages > 4",
            "create index on book ((pages + 1))",
            "alter table book add constraint some_pages check (pages > 0 and id > 0)",
            "alter table book alter pages set not null, alter pages set default 12",
            "comment on column book.pages is 'how it''s counted'",
            "comment on index pages_idx is 'x'",
            "create table pages (n integer primary key)",
            "insert into pages select g from generate_series(0, 200) g",
            "alter table book add foreign key (pages) references pages (n) on delete cascade",
        ),
        ("alter table book alter pages type bigint, alter price drop default",),
        (),
    ),
    "type of a key that others refer to": (
        (
            *BOOKS,
            "alter table book add constraint on_shelf foreign key (shelf_id) references shelf on delete cascade",
            "create table copy (id bigint primary key, book_id integer references book deferrable initially deferred)",
            "insert into copy select g, g from generate_series(1, 20) g",
            "comment on constraint copy_book_id_fkey on copy is 'of'",
            "alter table book add column before integer",
            "alter table book add constraint after foreign key (before) references book not valid",
        ),
        ("alter table book alter id type bigint", "alter table copy alter book_id type bigint"),
        (),
    ),
    "type of a serial column": (
        ("create table s (id serial primary key, v text)", "insert into s (v) select 'v' from generate_series(1, 9)"),
        ("alter table s alter id type bigint",),
        (),
    ),
    "types to text and back": (
        (*BOOKS, "alter table book add column at timestamp default '2024-01-01'"),
        (
            "alter table book alter at type timestamptz using at at time zone 'UTC'",
            "alter table book alter pages type text",
            "alter table book alter pages type integer using pages::integer",
        ),
        (),
    ),
    "rename and more": (
        BOOKS,
        (
            "alter table book rename column pages to leaves",
            "create index on book (leaves)",
            "alter table book rename to volume",
            "alter table volume add check (leaves > 0)",
            "alter index book_leaves_idx rename to leaves",
            "alter table volume rename constraint book_pkey to volume_pkey",
        ),
        (),
    ),
    "drops": (
        (
            *BOOKS,
            "create view titles as select title from book",
            "create sequence numbers",
            "create type pair as (a int)",
        ),
        (
            "drop view titles",
            "drop sequence numbers",
            "drop type pair",
            "alter table book drop column title, drop column if exists nothing, add column title integer",
            "drop table if exists nothing, shelf",
        ),
        (),
    ),
    "dependent view": (
        (*BOOKS, "create view pages as select pages from book"),
        ("alter table book drop column pages cascade",),
        (),
    ),
    "new tables": (
        BOOKS,
        (
            "create type state as enum ('open', 'done')",
            "create table loan (id bigserial primary key, book_id integer not null references book, state state default 'open')",
            "create index on loan (book_id)",
            "create table note (a integer check (a > 0), b integer unique, c text)",
            "alter table note add check (a < 10), add unique (b)",
            "alter table note add check (a < 11)",
            "alter table note add unique (b, a)",
            "alter table only note add constraint note_book foreign key (b) references book",
            "create index on note (a)",
            "create index on note (a)",
            "alter table only book add check (id > 0)",
            "alter table loan add column at timestamptz default clock_timestamp(), add check (id > 0)",
            "insert into loan (book_id) select id from book",
            "create view open_loans as select * from loan where state = 'open'",
            "create function loans() returns bigint language sql stable as 'select count(*) from public.loan'",
            "alter table book add column loans bigint default loans()",
        ),
        ("at",),
    ),
    "rows": (
        BOOKS,
        (
            "update book set title = upper(title), price = price * 2 where id % 2 = 0",
            "update book set isbn = title || '-' || id, shelf_id = null where pages > 20",
            "update book set tags = '{\"a\": 1}'",
            "update book b set pages = s.id from shelf s where s.id = b.id",
            "delete from book where pages < 10",
            "delete from book where id in (select id from shelf)",
        ),
        (),
    ),
    "other schemas and quoted names": (
        (
            'create schema "Big Shop"',
            'create table "Big Shop"."Order" ("Id" integer primary key, "select" text, "a""b" integer)',
            'insert into "Big Shop"."Order" select g, g::text, g from generate_series(1, 30) g',
        ),
        (
            'create index on "Big Shop"."Order" ("select", "a""b")',
            'alter table "Big Shop"."Order" alter "a""b" set not null, add unique ("select")',
            'alter table "Big Shop"."Order" add check ("a""b" > 0), alter "a""b" type bigint',
            'alter table "Big Shop"."Order" drop column "select"',
        ),
        (),
    ),
    "materialized view": (
        (
            *BOOKS,
            "create materialized view mv as select id, title from book",
            "create unique index on mv (id)",
            "insert into book (id) values (99)",
        ),
        ("refresh materialized view mv", "create index on mv (title)"),
        (),
    ),
    "one after the other on a new column": (
        BOOKS,
        (
            "alter table book add column rank integer",
            "update book set rank = id",
            "alter table book alter rank set not null, alter rank set default 0",
            "create unique index on book (rank)",
            "alter table book add constraint rank_key unique using index book_rank_idx",
        ),
        (),
    ),
    "not null and back": (
        BOOKS,
        (
            "alter table book alter pages set not null",
            "alter table book alter pages drop not null",
            "alter table book alter pages set not null",
            "alter table book add constraint sure check (price is not null)",
            "alter table book alter price set not null",
            "alter table book drop constraint sure, drop constraint if exists nothing",
        ),
        (),
    ),
    "inheritance": (
        (*BOOKS, "create table paper () inherits (book)", "insert into paper select id + 100, shelf_id from book"),
        (
            "alter table book alter pages drop not null, add check (id > 0)",
            "alter table book add column extra integer default 4",
            "alter table book alter title type varchar(100)",
            "alter table book drop column tags",
        ),
        (),
    ),
    "triggers, policies, settings": (
        (*BOOKS, "create function stamp() returns trigger language plpgsql as 'begin return new; end'"),
        (
            "create trigger stamp before update on book for each row execute function stamp()",
            "alter table book disable trigger stamp",
            "alter table book enable row level security",
            "create policy p on book using (pages > 0)",
            "alter table book set (fillfactor = 80), alter pages set statistics 200",
            "comment on table book is 'it''s a \\ book'",
            "drop trigger stamp on book",
            "create statistics s on pages, price from book",
        ),
        (),
    ),
    "settings and back": (
        (
            *BOOKS,
            "create function stamp() returns trigger language plpgsql as 'begin return new; end'",
            "create trigger stamp before update on book for each row execute function stamp()",
            "create trigger other before delete on book for each row execute function stamp()",
            "create unique index book_isbn on book (isbn)",
            "alter table book enable always trigger other, cluster on book_isbn, replica identity full",
            "alter table book set (fillfactor = 80, toast.autovacuum_enabled = off)",
            "alter table book alter price set statistics 50, alter tags set storage external",
            "alter table book alter pages set (n_distinct = 12)",
            "create table rack (id integer generated always as identity primary key)",
            "create domain short as text; create type mood as enum ('sad'); create schema \"An Attic\"",
            "create policy p on book using (true)",
            "comment on domain short is 'it''s short'; comment on function stamp() is 'stamps'",
            "comment on trigger stamp on book is 'before'",
            *READINGS,
            "alter table reading_1 alter note set statistics 9, alter note set storage external",
        ),
        (
            "alter table book set (fillfactor = 70, autovacuum_vacuum_threshold = 9, toast.autovacuum_enabled = on)",
            "alter table book reset (fillfactor)",
            "alter table book alter price set statistics 200, alter title set statistics 10",
            "alter table book alter tags set storage main, alter title set compression pglz",
            "alter table book alter pages reset (n_distinct), alter price set (n_distinct = 7)",
            "alter table book replica identity default, set without cluster",
            "alter table book cluster on book_pkey",
            "alter table rack alter id set generated by default",
            "comment on domain short is 'less'; comment on type mood is null; comment on schema \"An Attic\" is 'x'",
            "comment on function stamp() is null; comment on trigger stamp on book is 'after'",
            "comment on policy p on book is 'all'; comment on function stamp is 'once more'",
            "alter table reading alter note set statistics 5, alter note set storage main",
            "create table hook (id integer, label text); comment on table hook is 'new'; alter table hook set (fillfactor = 99)",
            "alter table hook set (fillfactor = 70), alter label set statistics 7, replica identity full",
            "alter table rack add column side text; alter table rack alter side set statistics 7",
        ),
        (),
    ),
    "long names": (
        (
            "create table a_table_with_a_name_that_is_nearly_as_long_as_names_can_possibly_be (a_column_that_also_has_a_very_long_name integer, b text)",
        ),
        (
            "create index on a_table_with_a_name_that_is_nearly_as_long_as_names_can_possibly_be (a_column_that_also_has_a_very_long_name, b)",
            "alter table a_table_with_a_name_that_is_nearly_as_long_as_names_can_possibly_be add check (a_column_that_also_has_a_very_long_name > 0)",
            "alter table a_table_with_a_name_that_is_nearly_as_long_as_names_can_possibly_be add unique (a_column_that_also_has_a_very_long_name)",
            "create index on a_table_with_a_name_that_is_nearly_as_long_as_names_can_possibly_be (a_column_that_also_has_a_very_long_name, b)",
        ),
        (),
    ),
}

FORMS_18: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "virtual column": (BOOKS, ("alter table book add column v integer generated always as (pages * 2) virtual",), ()),
    "named not null": (BOOKS, ("alter table book add constraint must not null pages",), ()),
    "not valid not null": (
        (*BOOKS, "alter table book add constraint must not null pages not valid"),
        ("alter table book validate constraint must",),
        (),
    ),
}
