"""Statements whose locks, rewrites and scans are measured on filled tables and compared with what the trace says."""

from __future__ import annotations

from dataclasses import dataclass

SETUPS: dict[str, tuple[str, str]] = {
    "plain": (
        """
        create type mood as enum ('sad', 'ok', 'happy');
        create function twice(i int) returns int language sql immutable as 'select i * 2';
        create function price(i int) returns numeric language plpgsql as 'begin return i; end';
        create function rate() returns numeric language plpgsql stable as 'begin return 1; end';
        create function seven() returns int language sql as 'select 7';
        create sequence numbers;
        create table item (id bigint primary key, code varchar(20) not null, name text, amount numeric(10,2), mood mood,
            stock int default 0, at timestamp, seen timestamptz, flags bit(8), tags text[], doc jsonb,
            constraint stock_set check (stock >= 0), constraint code_once unique (code));
        create index item_name on item (lower(name));
        create index item_open on item (stock) where stock > 0;
        create statistics item_stats on stock, amount from item;
        """,
        """
        insert into item select g, 'c' || g, 'n' || g, g, 'ok', g, now(), now(), B'00000001', '{}', '{}'
          from generate_series(1, 300) g;
        """,
    ),
    "keys": (
        """
        create table maker (id bigint primary key, name text unique);
        create table car (id bigint primary key,
            maker bigint not null constraint car_maker references maker on delete cascade, owner bigint,
            price int, check (price > 0) not valid);
        create index car_by_maker on car (maker);
        create table wheel (id bigint primary key, car bigint references car deferrable initially deferred);
        create table person (id bigint primary key, boss bigint references person, name text);
        create unique index person_name on person (name);
        """,
        """
        insert into maker select g, 'm' || g from generate_series(1, 300) g;
        insert into car select g, g, g, g from generate_series(1, 300) g;
        insert into wheel select g, g from generate_series(1, 300) g;
        insert into person select g, g, 'p' || g from generate_series(1, 300) g;
        """,
    ),
    "views": (
        """
        create table sale (id bigint primary key, shop int, total int);
        create table shop (id int primary key, name text);
        create view sales as select s.id, s.total, h.name from sale s join shop h on h.id = s.shop;
        create view big_sales with (security_barrier) as select * from sales where total > 10;
        create materialized view per_shop as select shop, sum(total) as total from sale group by shop;
        create unique index per_shop_key on per_shop (shop);
        create materialized view empty_shop as select id from shop with no data;
        create rule no_delete as on delete to shop do instead nothing;
        """,
        """
        insert into sale select g, g, g from generate_series(1, 300) g;
        insert into shop select g, 's' || g from generate_series(1, 300) g;
        refresh materialized view per_shop;
        """,
    ),
    "parts": (
        """
        create function noted() returns trigger language plpgsql as 'begin return new; end';
        create table day (id bigint not null, at int not null, kind text, primary key (id, at)) partition by range (at);
        create table day_1 partition of day for values from (0) to (100);
        create table day_2 partition of day for values from (100) to (200);
        create table day_rest partition of day default;
        create index day_kind on day (kind);
        create table day_old (id bigint not null, at int not null, kind text);
        create table day_new (id bigint not null, at int not null, kind text,
            constraint fits check (at >= 300 and at < 400));
        create trigger day_noted before insert on day for each row execute function noted();
        """,
        """
        insert into day select g, g, 'k' from generate_series(0, 299) g;
        insert into day_old select g, g + 200, 'k' from generate_series(1000, 1099) g;
        insert into day_new select g, 300, 'k' from generate_series(1, 100) g;
        """,
    ),
    "lists": (
        """
        create table country (id int primary key);
        create table visit (id bigint not null, land text not null, country int references country)
            partition by list (land);
        create table visit_de partition of visit for values in ('de');
        create table visit_fr partition of visit for values in ('fr') partition by hash (id);
        create table visit_fr_0 partition of visit_fr for values with (modulus 2, remainder 0);
        create table visit_fr_1 partition of visit_fr for values with (modulus 2, remainder 1);
        create table visit_it (id bigint not null, land text not null, country int);
        create table trip (id bigint not null, no int not null, primary key (id, no)) partition by hash (id);
        create table trip_0 partition of trip for values with (modulus 2, remainder 0);
        create table trip_1 partition of trip for values with (modulus 2, remainder 1);
        create table ticket (id bigint primary key, trip bigint, no int,
            constraint ticket_trip foreign key (trip, no) references trip);
        """,
        """
        insert into country select g from generate_series(1, 200) g;
        insert into visit select g, case when g % 2 = 0 then 'de' else 'fr' end, g from generate_series(1, 200) g;
        insert into visit_it select g, 'it', g from generate_series(1, 200) g;
        insert into trip select g, g from generate_series(1, 200) g;
        insert into ticket select g, id, no from generate_series(1, 200) g join trip_1 on id = g;
        """,
    ),
    "heirs": (
        """
        create table animal (id bigint primary key, name text, legs int not null default 4);
        create table dog (breed text) inherits (animal);
        create table cat (lives int) inherits (animal);
        create table fox (id bigint, name text, legs int not null);
        alter table fox add constraint legs_few check (legs < 9);
        """,
        """
        insert into animal select g, 'a' from generate_series(1, 200) g;
        insert into dog select g, 'd' from generate_series(201, 400) g;
        insert into cat select g, 'c' from generate_series(401, 600) g;
        insert into fox select g, 'f', 4 from generate_series(1, 200) g;
        """,
    ),
    "types": (
        """
        create domain positive as int constraint above check (value > 0);
        create domain mail as text;
        create domain work_mail as mail;
        create type size as (width int, height int);
        create type colour as enum ('red', 'green');
        create table box (id bigint primary key, weight positive, contact mail, office work_mail, size size,
            colour colour);
        create table shelf of size;
        create table crate (id bigint primary key, weights positive[]);
        create materialized view light as select id, weight from box;
        """,
        """
        insert into box select g, g, 'a@b', 'c@d', '(1,2)', 'red' from generate_series(1, 200) g;
        insert into shelf select g, g from generate_series(1, 200) g;
        insert into crate select g, array[g] from generate_series(1, 200) g;
        refresh materialized view light;
        """,
    ),
    "extra": (
        """
        create function stamp() returns trigger language plpgsql as 'begin return new; end';
        create table log (id bigserial primary key, no int generated by default as identity, body text, size int,
            length int generated always as (size * 2) stored);
        create unlogged table cache (id bigint primary key, body text);
        create trigger log_stamp after update on log for each row execute function stamp();
        create policy log_mine on log for select using (size > 0);
        create index log_size on log using brin (size);
        create index log_body on log using hash (body);
        cluster log using log_pkey;
        """,
        """
        insert into log (body, size) select 'b', g from generate_series(1, 300) g;
        insert into cache select g, 'x' from generate_series(1, 300) g;
        """,
    ),
    "deep": (
        """
        create table region (id int primary key, name text);
        create table event (id bigint not null, at date not null, region int not null, note varchar(10),
            primary key (id, at, region), constraint event_region foreign key (region) references region)
            partition by range (at);
        create table event_1 partition of event for values from ('2020-01-01') to ('2021-01-01')
            partition by list (region);
        create table event_1a partition of event_1 for values in (1);
        create table event_1b partition of event_1 default;
        create table event_rest partition of event default partition by hash (id);
        create table event_rest_0 partition of event_rest for values with (modulus 2, remainder 0);
        create table event_rest_1 partition of event_rest for values with (modulus 2, remainder 1);
        create index event_note on event (note) where note is not null;
        create table event_2 (id bigint not null, at date not null, region int not null, note varchar(10),
            primary key (id, at, region), check (at >= '2021-01-01' and at < '2022-01-01'));
        create index event_2_note on event_2 (note) where note is not null;
        create table remark (id bigint primary key, event bigint, at date, region int,
            constraint remark_event foreign key (event, at, region) references event);
        create view events as select e.id, e.note, r.name from event e join region r on r.id = e.region;
        create materialized view counts as select region, count(*) as n from event group by region;
        create materialized view more as select n, count(*) as m from counts group by n;
        """,
        """
        insert into region select g, 'r' || g from generate_series(1, 20) g;
        insert into event select g, date '2020-01-01' + g % 300, 1 + g % 2, 'n' from generate_series(1, 300) g;
        insert into event select g, date '2030-01-01', 1 + g % 20, 'n' from generate_series(301, 600) g;
        insert into event_2 select g, '2021-05-05', 1 + g % 20, 'n' from generate_series(601, 800) g;
        insert into remark select id, id, at, region from event;
        refresh materialized view counts;
        refresh materialized view more;
        """,
    ),
    "mixed": (
        """
        create function half(i int) returns int language plpgsql immutable as 'begin return i / 2; end';
        create domain short as varchar(20);
        create domain code as short check (length(value) > 0);
        create type address as (street text, code code);
        create table base (id bigint primary key, code code, home address, at timestamptz default now(),
            n int not null);
        create table child (extra int) inherits (base);
        create table other (id bigint primary key, base bigint references base, n int unique,
            half int generated always as (half(n)) stored);
        create index other_half on other (half(n));
        create table queue (id bigint generated always as identity (start 5), job text default 'x', done bool)
            with (fillfactor = 70);
        create materialized view halves as select id, half(n) as h from other;
        create index halves_h on halves (h);
        create view codes as select id, code from base;
        create function trig() returns trigger language plpgsql as 'begin return new; end';
        create trigger base_trig before insert or update on base for each row execute function trig();
        create constraint trigger other_trig after update on other from base deferrable
            for each row execute function trig();
        alter table other alter constraint other_base_fkey deferrable initially deferred;
        """,
        """
        insert into base select g, 'c', row('s', 'c')::address, now(), g from generate_series(1, 200) g;
        insert into child select g, 'c', row('s', 'c')::address, now(), g, g from generate_series(1001, 1200) g;
        insert into other select g, g, g from generate_series(1, 200) g;
        insert into queue (job) select 'j' from generate_series(1, 200) g;
        refresh materialized view halves;
        """,
    ),
}  # fmt: skip
"""Name -> schema, rows."""

_FORMS = """
plain: create index on item (amount)
plain: create unique index on item (id, code)
plain: create index on item using gin (tags)
plain: create index on item using gin (doc jsonb_path_ops)
plain: create index on item using brin (at)
plain: create index on item (stock desc nulls last) include (name) where amount > 5
plain: create index on item (twice(stock))
plain: create index if not exists item_name on item (name)
plain: create index on only item (amount)
plain: drop index item_name
plain: drop index item_name, item_open
plain: drop index if exists nothing_here
plain: alter index item_name set (fillfactor = 70)
plain: alter index item_open rename to item_stocked
plain: alter index code_once rename to code_unique
plain: alter index item_name alter column 1 set statistics 300
plain: reindex index item_name
plain: reindex table item
plain: alter table item add column extra text default 'x' || 'y'
plain: alter table item add column extra int default twice(3)
plain: alter table item add column extra int default seven()
plain: alter table item add column extra numeric default price(3)
plain: alter table item add column extra numeric default rate()
plain: alter table item add column extra bigint default nextval('numbers')
plain: alter table item add column extra double precision default random()
plain: alter table item add column extra int generated always as (stock * 2) stored
plain: alter table item add column extra int generated always as identity
plain: alter table item add column if not exists name text
plain: alter table item add column extra date not null default current_date
plain: alter table item add column extra int check (extra > 0)
plain: alter table item add column a int, add column b text default 'z', drop column doc
plain: alter table item add column extra mood default 'ok'
plain: alter table item add column extra int primary key
plain: alter table item alter column code type varchar(40)
plain: alter table item alter column code type varchar(30)
plain: alter table item alter column code type text
plain: alter table item alter column name type varchar
plain: alter table item alter column amount type numeric(12,2)
plain: alter table item alter column amount type numeric
plain: alter table item alter column amount type numeric(12,3)
plain: alter table item alter column stock type bigint
plain: alter table item alter column stock type smallint
plain: alter table item alter column at type timestamptz
plain: alter table item alter column at type timestamp(3)
plain: alter table item alter column seen type timestamp
plain: alter table item alter column mood type text
plain: alter table item alter column flags type bit varying(8)
plain: alter table item alter column tags type varchar[]
plain: alter table item alter column doc type text
plain: alter table item alter column name type text collate "C"
plain: alter table item alter column name set not null
plain: alter table item alter column stock set not null
plain: alter table item alter column name set not null, alter column stock set not null
plain: alter table item alter column stock set default 5
plain: alter table item alter column name set statistics 10
plain: alter table item alter column name set (n_distinct = 5)
plain: alter table item alter column name set storage plain
plain: alter table item add constraint big check (amount > 0), add constraint small check (amount < 1e9)
plain: alter table item add constraint big check (amount > 0) not valid
plain: alter table item add constraint once unique (name, stock)
plain: alter table item add constraint once unique using index item_by_name
plain: alter table item drop constraint code_once
plain: alter table item drop constraint stock_set
plain: alter table item drop constraint item_pkey
plain: alter table item rename column name to title
plain: alter table item rename constraint stock_set to stock_fine
plain: alter table item rename to thing
plain: alter table item set (autovacuum_enabled = off, fillfactor = 80)
plain: alter table item reset (fillfactor)
plain: alter table item set without cluster
plain: alter table item cluster on item_pkey
plain: alter table item set unlogged
plain: alter table item set tablespace pg_default
plain: alter table item owner to current_user
plain: alter table item replica identity using index code_once
plain: alter table item enable row level security, force row level security
plain: alter table item drop column name cascade
plain: alter table item alter column stock drop default, alter column stock drop not null
plain: alter type mood add value 'great' after 'happy'
plain: alter type mood rename value 'ok' to 'fine'
plain: alter type mood rename to feeling
plain: drop type mood cascade
plain: alter statistics item_stats set statistics 100
plain: drop statistics item_stats
plain: create statistics item_more (dependencies) on at, seen from item
plain: comment on column item.name is 'x'
plain: comment on constraint stock_set on item is 'x'
plain: comment on index item_name is 'x'
plain: create table other (like item including all)
plain: create table other as select * from item
plain: create table other as select * from item with no data
plain: create table other (id int primary key)
plain: select * into other from item
plain: truncate item
plain: truncate item restart identity
plain: drop table item
plain: drop table if exists item cascade
plain: drop function twice cascade
plain: alter function twice(int) rename to double
plain: lock table item in share row exclusive mode
plain: lock table item
plain: grant select on item to public
plain: revoke all on item from public
plain: analyze item (name, stock)
plain: cluster item using item_pkey
plain: create view cheap as select * from item where amount < 10
plain: create materialized view cheap as select id from item where amount < 1000000
plain: create materialized view cheap as select id from item with no data
plain: create sequence other owned by item.id
plain: alter sequence numbers as int
plain: create rule quiet as on insert to item do instead nothing
plain: create publication news for table item
plain: alter schema {schema} rename to {schema}_other
plain: update item set stock = 5
plain: delete from item where name = 'n5'
plain: insert into item (id, code) select id + 1000, code || 'x' from item
keys: alter table car add constraint car_owner foreign key (owner) references person
keys: alter table car add constraint car_owner foreign key (owner) references person not valid
keys: alter table car add column second bigint references person
keys: alter table car add column second bigint default 5 references person
keys: alter table car drop constraint car_maker
keys: alter table car validate constraint car_price_check
keys: alter table car validate constraint car_maker
keys: alter table car alter constraint car_maker deferrable
keys: alter table car drop column maker
keys: alter table car alter column maker type int
keys: alter table maker alter column id type int
keys: alter table maker drop constraint maker_pkey cascade
keys: alter table maker rename column id to no
keys: alter table car set unlogged
keys: alter table wheel set unlogged
keys: alter table car disable trigger all
keys: alter table car disable trigger user
keys: drop table wheel
keys: drop table car cascade
keys: drop table maker, car, wheel
keys: truncate wheel
keys: truncate maker cascade
keys: truncate maker, car, wheel
keys: create table engine (id bigint primary key, car bigint references car, maker bigint references maker)
keys: create table engine (id bigint, foreign key (id) references engine_none)
keys: drop index car_by_maker
keys: alter table person add constraint boss_else foreign key (boss) references person not valid
keys: alter table person drop constraint person_boss_fkey
keys: alter table person add constraint person_once unique using index person_name
keys: alter table person add constraint no_one exclude using btree (name with =)
views: create or replace view big_sales as select * from sales where total > 20
views: create or replace view sales as select s.id, total, name, h.id as place from sale s join shop h on h.id = s.shop
views: create view names as select name from sales union select name from shop
views: alter view sales rename to all_sales
views: alter view sales alter column total set default 5
views: alter view big_sales set (security_barrier = false)
views: alter view big_sales reset (security_barrier)
views: drop view big_sales
views: drop view sales cascade
views: drop materialized view per_shop
views: refresh materialized view per_shop
views: refresh materialized view concurrently per_shop
views: refresh materialized view empty_shop
views: refresh materialized view per_shop with no data
views: alter materialized view per_shop rename to per_place
views: create index on per_shop (total)
views: drop table sale cascade
views: drop table shop
views: alter table sale drop column total
views: alter table sale drop column total cascade
views: alter table sale alter column total type bigint
views: alter table sale rename column total to amount
views: truncate sale
views: drop rule no_delete on shop
views: comment on view sales is 'x'
views: create trigger t instead of insert on sales for each row execute function {schema}.f()
views: create function f() returns trigger language plpgsql as 'begin return null; end'
views: lock table sales in access exclusive mode
parts: create table day_3 partition of day for values from (300) to (400)
parts: create table day_3 partition of day_2 default
parts: alter table day attach partition day_new for values from (300) to (400)
parts: alter table day attach partition day_old for values from (1200) to (1300)
parts: alter table day detach partition day_1
parts: alter table day detach partition day_rest
parts: drop table day_1
parts: drop table day
parts: truncate day
parts: truncate day_1
parts: alter table day add column extra int default 5
parts: alter table day add column extra uuid default gen_random_uuid()
parts: alter table day drop column kind
parts: alter table day alter column kind set not null
parts: alter table day alter column kind type varchar(10)
parts: alter table day add constraint few check (id > -1)
parts: alter table day add constraint few check (id > -1) not valid
parts: alter table only day add constraint few check (id > -1) no inherit
parts: alter table day add constraint once unique (at, id, kind)
parts: alter table day drop constraint day_pkey
parts: alter table day_1 add constraint few check (id > -1)
parts: alter table day_1 add column extra int
parts: alter table day_1 alter column kind set not null
parts: create index on day (id, kind)
parts: create index on only day (id, kind)
parts: create index on day_1 (id, kind)
parts: drop index day_kind
parts: drop index day_1_kind_idx
parts: reindex index day_1_kind_idx
parts: reindex table day_1
parts: create trigger other after update on day for each row execute function noted()
parts: drop trigger day_noted on day
parts: alter table day disable trigger day_noted
parts: alter table day rename to days
parts: alter table day_1 set schema public
parts: alter table day_1 set (fillfactor = 50)
parts: analyze day
parts: comment on table day_1 is 'x'
lists: alter table visit attach partition visit_it for values in ('it')
lists: alter table visit detach partition visit_fr
lists: alter table visit detach partition visit_de
lists: create table visit_es partition of visit for values in ('es')
lists: create table visit_rest partition of visit default
lists: create index on visit (id)
lists: create index on visit_fr (id)
lists: alter table visit add primary key (id, land)
lists: alter table visit drop constraint visit_country_fkey
lists: alter table visit alter column country set not null
lists: alter table visit_it add foreign key (country) references country
lists: drop table country cascade
lists: drop table visit_de
lists: alter table trip detach partition trip_0
lists: alter table ticket drop constraint ticket_trip
lists: alter table ticket validate constraint ticket_trip
lists: alter table ticket add constraint again foreign key (trip, no) references trip
lists: alter table ticket add constraint again foreign key (trip, no) references trip not valid
lists: create table seat (id bigint primary key, trip bigint, no int, foreign key (trip, no) references trip)
lists: truncate ticket
lists: drop table ticket
lists: alter table trip add column extra timestamptz default clock_timestamp()
lists: alter table country add column extra int
heirs: alter table animal add column extra int
heirs: alter table animal add column extra float default random()
heirs: alter table only animal add column extra int
heirs: alter table animal alter column name set not null
heirs: alter table animal add constraint legs_few check (legs < 9)
heirs: alter table only animal add constraint legs_few check (legs < 9) no inherit
heirs: alter table animal drop column name
heirs: alter table animal alter column legs type bigint
heirs: alter table fox inherit animal
heirs: alter table dog no inherit animal
heirs: create table wolf (den text) inherits (dog)
heirs: drop table dog
heirs: drop table animal cascade
heirs: create index on animal (name)
heirs: truncate animal
heirs: truncate only animal
heirs: analyze animal
heirs: alter table animal rename column name to title
heirs: alter table animal rename to creature
heirs: lock table animal in share mode
types: alter domain positive add constraint few check (value < 1000)
types: alter domain positive add constraint few check (value < 1000) not valid
types: alter domain positive drop constraint above
types: alter domain mail set not null
types: alter domain mail add constraint at check (value like '%@%')
types: alter domain mail set default 'x'
types: alter domain positive rename to more
types: alter domain positive validate constraint above
types: create domain other as positive check (value < 10)
types: drop domain work_mail cascade
types: alter table box add column extra positive
types: alter table box add column extra positive default 5
types: alter table box add column extra mail
types: alter table box alter column contact type work_mail
types: alter table box alter column weight type int
types: alter table box alter column contact type text
types: alter table crate alter column weights type int[]
types: alter type size add attribute depth int
types: alter type size add attribute depth int cascade
types: alter type size rename attribute width to breadth cascade
types: alter type size rename to extent
types: alter type colour add value 'blue'
types: alter type colour rename value 'red' to 'crimson'
types: alter table box alter column colour type text using colour::text
types: alter table box drop column weight
types: drop type colour
types: drop type colour cascade
types: drop table shelf
extra: alter table log alter column length drop expression
extra: alter table log drop column length
extra: alter table log alter column no drop identity
extra: alter table log alter column no set generated always
extra: alter table log alter column no restart with 1000
extra: alter table log alter column id type int
extra: alter table log alter column size type bigint
extra: alter table log alter column size set not null
extra: alter table cache set logged
extra: alter table cache add constraint small check (length(body) < 10)
extra: alter table log enable always trigger log_stamp
extra: alter table log rename to logs
extra: alter trigger log_stamp on log rename to log_time
extra: drop trigger if exists log_stamp on log
extra: create or replace trigger log_stamp before update on log for each row execute function stamp()
extra: create constraint trigger late after insert on log deferrable for each row execute function stamp()
extra: drop function stamp cascade
extra: create or replace function stamp() returns trigger language plpgsql as 'begin return null; end'
extra: alter policy log_mine on log using (size > 1)
extra: alter policy log_mine on log rename to log_own
extra: drop policy log_mine on log
extra: create policy log_all on log for all to public using (true) with check (true)
extra: alter table log enable row level security
extra: alter table log disable row level security
extra: alter table log no force row level security
extra: cluster log
extra: alter sequence log_id_seq restart
extra: alter sequence log_id_seq owned by none
extra: drop sequence log_id_seq cascade
extra: drop sequence log_id_seq
extra: alter index log_size set (pages_per_range = 16)
extra: reindex index log_body
extra: create table log_2 (like log including defaults including constraints)
extra: create unlogged table cache_2 as select id from cache
extra: truncate log restart identity
extra: create index on cache using hash (body)
extra: drop schema {schema} cascade
deep: alter table event attach partition event_2 for values from ('2021-01-01') to ('2022-01-01')
deep: create table event_3 partition of event for values from ('2022-01-01') to ('2023-01-01')
deep: create table event_3 partition of event for values from ('2022-01-01') to ('2023-01-01') partition by hash (id)
deep: create table event_1c partition of event_1 for values in (7)
deep: create table event_3 partition of event (note default 'x') for values from ('2022-01-01') to ('2023-01-01')
deep: alter table event drop constraint event_region
deep: alter table event add constraint note_short check (length(note) < 9)
deep: alter table event add constraint note_short check (length(note) < 9) not valid
deep: alter table event alter column note type varchar(20)
deep: alter table event alter column note type text
deep: alter table event alter column id type numeric
deep: alter table event alter column region set default 5
deep: alter table event alter column note set not null
deep: alter table event_1 alter column note set not null
deep: alter table event add column size int default 5 check (size > 0)
deep: alter table event add column size bigint default (random() * 5)::bigint
deep: alter table event drop column note cascade
deep: alter table event drop column note
deep: alter table event add column second int references region
deep: alter table event add column second int default 1 references region
deep: alter table remark drop constraint remark_event
deep: alter table remark add constraint again foreign key (event, at, region) references event
deep: alter table remark validate constraint remark_event
deep: alter table remark disable trigger all
deep: create index on event (region, note)
deep: create unique index on event (region, at, id, note)
deep: create index on only event_1 (note)
deep: create index on event_rest (note)
deep: drop index event_note
deep: alter index event_note rename to event_noted
deep: reindex table event_1a
deep: create trigger t after delete on event for each statement execute function {schema}.none()
deep: drop table event_1a
deep: drop table event_1
deep: drop table event cascade
deep: drop table region cascade
deep: drop table remark
deep: truncate event_1a cascade
deep: truncate event, remark
deep: truncate region cascade
deep: alter table region alter column id type bigint
deep: alter table region rename to area
deep: drop view events
deep: create or replace view events as select e.id, e.note, r.name, e.at from event e join region r on r.id = e.region
deep: refresh materialized view counts
deep: refresh materialized view more
deep: drop materialized view counts cascade
deep: create materialized view third as select * from events
deep: create table copied as select * from event where region = 1 with no data
deep: create table copied (like event including all)
deep: analyze event
deep: analyze event_1
deep: lock table event in exclusive mode
deep: lock table events in share mode
deep: alter table event set (autovacuum_enabled = off)
deep: alter table event_1a set (autovacuum_enabled = off)
deep: alter table event enable row level security
deep: create policy p on event using (region = 1)
deep: comment on table event is 'x'
deep: create statistics s on id, region from event
deep: create statistics s on id, region from event_1a
deep: alter table event replica identity full
deep: alter table event_1a set unlogged
deep: create publication all_events for table event
deep: alter table event owner to current_user
deep: grant all on event to public
deep: update event set note = 'x' where note like '%x'
deep: delete from remark
mixed: alter domain code add constraint no_x check (value <> 'x')
mixed: alter domain short add constraint no_x check (value <> 'x')
mixed: alter domain short set not null
mixed: alter domain code drop constraint code_check
mixed: alter table base alter column code type short
mixed: alter table base alter column code type varchar(20)
mixed: alter table base alter column code type text
mixed: alter table base add column other code default 'abc'
mixed: alter table base add column addresses address[]
mixed: alter type address add attribute land text
mixed: alter type address alter attribute street type varchar(10)
mixed: drop type address cascade
mixed: drop domain code cascade
mixed: alter table base alter column n type bigint, alter column n set default 5, add check (n < 1e9)
mixed: alter table other alter column n type bigint
mixed: alter table other drop column n cascade
mixed: alter table other drop column half
mixed: alter table other drop constraint other_n_key, add constraint n_once unique (n, half)
mixed: alter table other add constraint n_key unique using index other_half
mixed: alter table other rename column n to number
mixed: alter table other set schema public
mixed: alter table only base drop column code
mixed: alter table base drop column code
mixed: alter table base no inherit child
mixed: alter table child no inherit base
mixed: alter table child alter column n drop not null
mixed: alter table base alter column n drop not null
mixed: alter table base disable trigger base_trig
mixed: alter table base enable replica trigger base_trig
mixed: drop trigger base_trig on base
mixed: drop trigger other_trig on other
mixed: drop function trig cascade
mixed: drop function half cascade
mixed: create or replace function half(i int) returns int language plpgsql immutable as 'begin return i; end'
mixed: alter function half(int) volatile
mixed: refresh materialized view halves
mixed: refresh materialized view concurrently halves
mixed: create unique index halves_id on halves (id)
mixed: cluster halves using halves_h
mixed: alter materialized view halves cluster on halves_h
mixed: alter materialized view halves set (fillfactor = 50)
mixed: alter materialized view halves set schema public
mixed: drop index halves_h
mixed: reindex table halves
mixed: alter table queue alter column id set start 10
mixed: alter table queue alter column id set data type int
mixed: alter table queue add primary key (id)
mixed: alter table queue add column at timestamptz default now() not null
mixed: alter table queue add column at timestamp default localtimestamp
mixed: alter table queue add column who text default current_user
mixed: alter table queue add column key uuid unique default gen_random_uuid()
mixed: alter table queue add column part int generated by default as identity
mixed: alter table queue alter column job set not null, alter column done set default false
mixed: alter table queue alter column done type int using done::int
mixed: alter table queue alter column job type varchar(5)
mixed: alter table queue alter column job type text
mixed: alter table queue alter column job set compression pglz
mixed: alter table queue reset (fillfactor), set (toast_tuple_target = 200)
mixed: alter table if exists queues add column a int
mixed: alter table queue add column if not exists job text, add column if not exists fresh text
mixed: create table if not exists queue (id int)
mixed: create table made (id bigint references base, primary key (id))
mixed: create table made (like queue including defaults, n int references other (n))
mixed: create temporary table made as select * from queue
mixed: create view wide as select * from base join other on other.base = base.id
mixed: create or replace view codes as select id, code, n from base
mixed: alter view codes set schema public
mixed: drop view codes, events
mixed: create rule keep as on delete to base where old.n > 5 do instead nothing
mixed: create index concurrent on other (half)
mixed: create index on base (code) where code is not null
mixed: create index on queue ((job || 'x'))
mixed: create index on queue using gist (id)
mixed: merge into other using base on other.id = base.id when matched then update set n = other.n + 1000
mixed: insert into other (id, base) values (5000, 1)
mixed: select * from codes for update
mixed: lock base, other in row exclusive mode nowait
mixed: truncate only base cascade
mixed: truncate other
mixed: drop table base
mixed: drop table base cascade
mixed: drop table child, other
"""

_FORMS_18 = """
plain: alter table item add column extra int generated always as (stock * 2) virtual
plain: alter table item add constraint name_there not null name
plain: alter table item add constraint name_there not null name not valid
plain: alter table item add constraint big check (amount > 0) not enforced
keys: alter table car alter constraint car_maker not enforced
keys: alter table car add constraint car_owner foreign key (owner) references person not enforced
parts: alter table day alter column kind set not null, alter column kind set statistics 5
lists: alter table visit add constraint again foreign key (country) references country not valid
extra: alter table log alter column length set expression as (size * 3)
extra: alter table log alter column length drop expression, alter column size set not null
"""

_ALONE = """
plain: create index concurrently on item (amount)
plain: create unique index concurrently if not exists item_amount on item (amount)
plain: drop index concurrently item_name
plain: reindex index concurrently item_name
plain: reindex table concurrently item
plain: vacuum item
plain: vacuum (analyze, freeze) item
plain: vacuum full item
plain: vacuum (full false) item
views: create index concurrently on per_shop (total)
views: vacuum per_shop
views: vacuum full per_shop
views: reindex table concurrently per_shop
parts: alter table day_2 detach partition day_1 concurrently
parts: create index concurrently on day (id)
parts: create index concurrently on day_1 (id)
parts: reindex table day
parts: reindex table concurrently day
parts: reindex index day_kind
parts: reindex index concurrently day_kind
parts: vacuum day
parts: vacuum full day
parts: vacuum full day_1
parts: drop index concurrently day_kind
parts: cluster day using day_pkey
lists: alter table visit detach partition visit_de concurrently
lists: alter table visit detach partition visit_fr concurrently
lists: alter table trip detach partition trip_0 concurrently
heirs: vacuum animal
heirs: vacuum full animal
heirs: reindex table concurrently animal
extra: reindex schema {schema}
extra: reindex schema concurrently {schema}
extra: vacuum (skip_locked) log, cache
"""


@dataclass(frozen=True)
class Form:
    """One statement on one of the schemas; `{schema}` in its text stands for the schema's name."""

    setup: str
    text: str

    def sql(self, schema: str) -> str:
        return self.text.replace("{schema}", schema)


def _read(text: str) -> tuple[Form, ...]:
    pairs = (line.split(": ", 1) for line in text.strip().splitlines())
    return tuple(Form(setup, statement) for setup, statement in pairs)


def forms(major: int) -> tuple[Form, ...]:
    """Statements that a server of that version takes in a transaction block, and some that it refuses."""
    return _read(_FORMS) + (_read(_FORMS_18) if major >= 18 else ())


def alone(major: int) -> tuple[Form, ...]:
    """Statements that refuse a transaction block."""
    return _read(_ALONE) if major else ()
