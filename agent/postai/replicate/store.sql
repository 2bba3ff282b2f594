-- name: create
-- A new move; no row when there is one of that name.
insert into postai.replication (name, source, target, options, requested_by)
values (%s, %s, %s, %s::jsonb, coalesce(%s::name, session_user))
on conflict (name) do nothing
returning id

-- name: rename
-- Give the name of a move that has ended free again.
update postai.replication set name = pg_catalog.left(name, 50) || '.' || id where name = %s and ended_at is not null

-- name: moves
-- Moves, the newest first: all, one by its name, or those that have not ended.
select m.id, m.name, m.source, m.target, m.method, m.state, m.resume_state, m.serving, m.options, m.report, m.verified_at,
       m.verified, m.doing, m.error, m.lag_bytes, m.lag_seconds, m.safe_wal_bytes, m.restarts, m.ending, m.requested_by::text,
       m.created_at, m.updated_at, m.ended_at
  from postai.replication as m
 where (%s::text is null or m.name = %s::text) and (%s or m.ended_at is null)
 order by m.id desc

-- name: skip_id
-- Take ids until one is free: objects named after the one that came belong to another home.
select pg_catalog.setval(pg_catalog.pg_get_serial_sequence('postai.replication', 'id'), greatest(%s, last_value))
  from postai.replication_id_seq

-- name: set_state
-- A move has reached a state: the values that come with it, and what it did before is over.
update postai.replication
   set state = %s, resume_state = %s, serving = coalesce(%s, serving), doing = null, error = %s::jsonb,
       updated_at = pg_catalog.clock_timestamp(),
       ended_at = case when %s then coalesce(ended_at, pg_catalog.clock_timestamp()) end
 where id = %s

-- name: set_options
-- What a person says about the move.
update postai.replication set options = %s::jsonb, updated_at = pg_catalog.clock_timestamp() where id = %s

-- name: set_ending
-- How the move is to end.
update postai.replication set ending = %s::jsonb, updated_at = pg_catalog.clock_timestamp() where id = %s

-- name: set_doing
-- What is done at this moment.
update postai.replication set doing = %s, updated_at = pg_catalog.clock_timestamp() where id = %s

-- name: set_error
-- What is tried again, or null.
update postai.replication set error = %s::jsonb, updated_at = pg_catalog.clock_timestamp() where id = %s

-- name: set_report
-- What the check found, and the method that follows.
update postai.replication
   set method = %s, report = %s::jsonb, updated_at = pg_catalog.clock_timestamp() where id = %s

-- name: set_lag
-- How far it is behind.
update postai.replication
   set lag_bytes = %s, lag_seconds = %s, safe_wal_bytes = %s, updated_at = pg_catalog.clock_timestamp() where id = %s

-- name: set_verified
-- What a verification found.
update postai.replication
   set verified_at = case when %s::jsonb is not null then pg_catalog.clock_timestamp() end, verified = %s::jsonb,
       updated_at = pg_catalog.clock_timestamp()
 where id = %s

-- name: forget_verified_tables
-- Nothing is known any more of any table.
update postai.replication_table set verified = null where replication_id = %s and verified is not null

-- name: set_verified_table
-- What a verification found of one table.
update postai.replication_table set verified = %s where replication_id = %s and table_name = %s

-- name: count_restart
-- The copy begins again.
update postai.replication
   set restarts = restarts + 1, verified_at = null, verified = null, updated_at = pg_catalog.clock_timestamp()
 where id = %s

-- name: set_tables
-- How far each table is; tables that are not among them are gone.
with given as (
    select * from pg_catalog.jsonb_to_recordset(%s::jsonb)
        as t ("table" text, state text, rows int8, bytes int8, total_rows int8, total_bytes int8, seconds float8)
), gone as (
    delete from postai.replication_table as t
     where t.replication_id = %s and not exists (select from given as g where g."table" = t.table_name)
)
insert into postai.replication_table as t (replication_id, table_name, state, rows, bytes, total_rows, total_bytes, seconds)
select %s, g."table", g.state, g.rows, g.bytes, g.total_rows, g.total_bytes, g.seconds from given as g
on conflict (replication_id, table_name) do update
   set state = excluded.state, rows = excluded.rows, bytes = excluded.bytes, total_rows = excluded.total_rows,
       total_bytes = excluded.total_bytes, seconds = excluded.seconds
 where (t.state, t.rows, t.bytes, t.total_rows, t.total_bytes, t.seconds)
       is distinct from (excluded.state, excluded.rows, excluded.bytes, excluded.total_rows, excluded.total_bytes, excluded.seconds)

-- name: tables
-- How far each table is.
select t.table_name, t.state, t.rows, t.bytes, t.total_rows, t.total_bytes, t.seconds, t.verified
  from postai.replication_table as t where t.replication_id = %s order by t.total_bytes desc, t.table_name

-- name: add_event
-- Something happened.
insert into postai.replication_event (replication_id, state, step, level, what, data)
select m.id, m.state, %s, %s, %s, %s::jsonb from postai.replication as m where m.id = %s

-- name: events
-- What happened to a move after that event.
select e.id, e.at, e.state, e.step, e.level, e.what, e.data
  from postai.replication_event as e where e.replication_id = %s and e.id > %s order by e.id

-- name: take_request
-- Somebody begins with a request.
update postai.replication_request set taken_at = pg_catalog.clock_timestamp(), replication_id = coalesce(%s, replication_id)
 where id = %s and done_at is null

-- name: end_request
-- A request is answered.
update postai.replication_request
   set done_at = pg_catalog.clock_timestamp(), taken_at = coalesce(taken_at, pg_catalog.clock_timestamp()),
       outcome = %s::jsonb, error = %s::jsonb
 where id = %s and done_at is null

-- name: lock
-- Be the one driver of a move; false when another session is.
select pg_catalog.pg_try_advisory_lock(%s, %s)

-- name: unlock
-- Be it no longer.
select pg_catalog.pg_advisory_unlock(%s, %s)

-- name: next_of
-- What holds a move up and what to do next.
select postai._next_of(m, coalesce(a.asked, a.refused))
  from postai.replication as m cross join lateral postai._answered(m.id) as a where m.id = %s

-- name: id_taken
-- The highest move whose objects are on this server or in this database, made by any home; 0 = none.
select coalesce(max(t.id::int4), 0)
  from (select pg_catalog.substring(s.slot_name::text, '^postai_([0-9]{1,9})_') from pg_catalog.pg_replication_slots as s
        union all
        select pg_catalog.substring(n.nspname::text, '^postai_([0-9]{1,9})$') from pg_catalog.pg_namespace as n) as t (id)
