-- The history: what the agent's collection brought, interval by interval, as differences of the server's counters.
--
-- A row of a sample_* table covers the `seconds` before `at`. Nothing happened = no row; only the sum of small statements
-- (query id 0) has a row for every interval in which statements were collected. After `history_days` the rows of an hour become one row.
-- Counters that are usually zero are NULL then: rows stay narrow. Only the agent reads and writes these tables; people
-- see them through views, and other people's query texts only as operators. Nothing of this is dumped: it is pruned
-- anyway, and its oids and query ids mean something else on another server.

create table postai.statement (
  id integer generated always as identity primary key,
  dbid oid not null,
  userid oid not null,
  queryid bigint not null,
  toplevel boolean not null,
  query text,
  truncated boolean not null default false,
  utility boolean not null default false,
  own boolean not null default false,
  usage jsonb,
  first_seen timestamptz not null default clock_timestamp(),
  last_seen timestamptz not null default clock_timestamp(),
  of_postai boolean not null generated always as (own or (query operator(pg_catalog.~*) '\mpostai\.') is true) stored,
  unique (dbid, userid, queryid, toplevel)
) with (fillfactor = 90);
comment on table postai.statement is
  'Statements of which there is history, as pg_stat_statements tells them apart; query id 0 stands for all that were too small for a row of their own, and for the agent''s own.';
comment on column postai.statement.query is 'Text with $n in the place of constants; NULL = not known.';
comment on column postai.statement.truncated is 'The text ends before the statement does, so it cannot be parsed.';
comment on column postai.statement.utility is 'No SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES.';
comment on column postai.statement.own is 'Sent by the agent itself.';
comment on column postai.statement.of_postai is 'Sent by the agent, or it reads or calls schema postai.';
comment on column postai.statement.usage is
  'Columns that it reads, compares, joins on, groups and sorts by, and writes, table by table: {"shop.orders": {"filters": ["placed_at"]}}; NULL = not parsed.';

create table postai.sample_statement (
  at timestamptz not null,
  statement_id integer not null,
  seconds real not null,
  stddev_ms real,
  calls bigint not null,
  total_ms double precision not null,
  rows bigint,
  blks_hit bigint,
  blks_read bigint,
  blks_dirtied bigint,
  blks_written bigint,
  temp_blks_read bigint,
  temp_blks_written bigint,
  wal_bytes bigint,
  plans bigint,
  blk_read_ms real,
  blk_write_ms real,
  plan_ms real,
  jit_ms real,
  cpu_ms real,
  disk_bytes_read bigint,
  plan_hash text
);
comment on table postai.sample_statement is 'What each statement did in each interval; the biggest by time have rows of their own, the rest are summed up under query id 0.';
comment on column postai.sample_statement.at is 'End of the interval of so many `seconds`.';
comment on column postai.sample_statement.cpu_ms is 'CPU time, and disk_bytes_read what came from disk and not from a cache: with pg_stat_kcache only.';
comment on column postai.sample_statement.plan_hash is 'Shape of the plan that the planner chose when it was looked at last, see postai.statement_plan.';
create index sample_statement_at on postai.sample_statement (at);
create index sample_statement_of on postai.sample_statement (statement_id, at);

-- Sums of full hours and days, so that long ranges are ranked without reading every interval. A period is here whole or not
-- at all: whatever is done to its intervals takes its sums away, and the agent makes them anew. Intervals that became
-- hours themselves have sums of days only. Hours and days are those of UTC, whatever TimeZone says.
create table postai.statement_sum (
  at timestamptz not null,
  statement_id integer not null,
  hours smallint not null check (hours in (1, 24)),
  calls bigint not null,
  total_ms double precision not null,
  squares double precision not null,
  rows bigint,
  blks_hit bigint,
  blks_read bigint,
  temp_blks_written bigint,
  wal_bytes bigint,
  primary key (statement_id, hours, at)
);
comment on table postai.statement_sum is
  'What each statement did in each full hour and day, as the sum of its rows of postai.sample_statement; a period is here whole or not at all.';
comment on column postai.statement_sum.at is 'End of the period of so many `hours`.';
comment on column postai.statement_sum.squares is 'Sum of the squares of the times of single calls, in square milliseconds.';
create index statement_sum_at on postai.statement_sum (hours, at);

create function postai._forget_sums() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from postai.statement_sum;
  else
    -- Moments come as arrays, so that whatever the planner thinks of `changed` the few rows are found by the index.
    delete from postai.statement_sum as s
     where s.hours = 1 and s.at = any (array(
             select distinct date_bin('1 hour', c.at - interval '1 microsecond', '2000-01-01 00:00+00') + interval '1 hour' from changed as c));
    delete from postai.statement_sum as s
     where s.hours = 24 and s.at = any (array(
             select distinct date_bin('24 hours', c.at - interval '1 microsecond', '2000-01-01 00:00+00') + interval '24 hours' from changed as c));
  end if;
  return null;
end
$$;
comment on function postai._forget_sums() is
  'Takes the sums of periods away whose intervals were changed: the trigger of postai.sample_statement.';
create trigger forget_sums_of_new after insert on postai.sample_statement
  referencing new table as changed for each statement execute function postai._forget_sums();
create trigger forget_sums_of_gone after delete on postai.sample_statement
  referencing old table as changed for each statement execute function postai._forget_sums();
create trigger forget_sums_before after update on postai.sample_statement
  referencing old table as changed for each statement execute function postai._forget_sums();
create trigger forget_sums_after after update on postai.sample_statement
  referencing new table as changed for each statement execute function postai._forget_sums();
create trigger forget_all_sums after truncate on postai.sample_statement
  for each statement execute function postai._forget_sums();

create table postai.statement_plan (
  statement_id integer not null,
  plan_hash text not null,
  shape jsonb not null,
  cost double precision,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  primary key (statement_id, plan_hash)
);
comment on table postai.statement_plan is
  'Shapes of the plans (node types, relations, indexes; no constants) that the planner chose for a statement with unknown parameters, the last few of each.';

create table postai.logged_plan (
  statement_id integer not null,
  plan_hash text not null,
  plan jsonb,
  problems text,
  runs bigint not null,
  slowest_ms double precision not null,
  first_seen timestamptz not null,
  last_seen timestamptz not null,
  primary key (statement_id, plan_hash)
);
comment on table postai.logged_plan is
  'Plans that statements ran with, as auto_explain logged them while setting collect_plans is on: the last few shapes of each.';
comment on column postai.logged_plan.plan is 'Of the slowest run, as EXPLAIN (FORMAT JSON) tells it, with $n in the place of constants; NULL = too big.';

create table postai.log_position (
  id smallint primary key default 1 check (id = 1),
  file text not null,
  bytes bigint not null
);
comment on table postai.log_position is 'Up to where the agent has read the server''s log; empty while it does not.';

create table postai.predicate (
  table_name text not null,
  column_name text not null,
  operator text not null,
  conditions bigint not null,
  checked bigint not null,
  kept bigint not null,
  at timestamptz not null,
  primary key (table_name, column_name, operator)
);
comment on table postai.predicate is
  'Conditions on columns that pg_qualstats counted, where it is installed, as it told them last: rows checked by filters, and kept by them; no values.';

create table postai.statement_values (
  statement_id integer not null,
  at timestamptz not null default clock_timestamp(),
  source text not null check (source in ('activity', 'pg_qualstats', 'auto_explain')),
  query text not null
);
comment on table postai.statement_values is
  'Texts of statements with the values in them, a few of each, while setting collect_values is on; emptied when it is switched off. For the agent only.';
create unique index statement_values_once on postai.statement_values (statement_id, pg_catalog.md5(query));

create table postai.relation (
  relid oid primary key,
  table_oid oid,
  schema_name name not null,
  relation_name name not null
);
comment on table postai.relation is 'Names of the tables and indexes of which there is history, also of dropped ones; table_oid is set for an index.';

create table postai.sample_table (
  at timestamptz not null,
  table_oid oid not null,
  seconds real not null,
  seq_scan bigint,
  seq_tup_read bigint,
  idx_scan bigint,
  idx_tup_fetch bigint,
  n_tup_ins bigint,
  n_tup_upd bigint,
  n_tup_del bigint,
  n_tup_hot_upd bigint,
  blks_read bigint,
  blks_hit bigint,
  live_rows bigint,
  dead_rows bigint,
  bytes bigint
);
comment on table postai.sample_table is 'What happened to each table in each interval; rows and bytes (heap and TOAST) are what there was at its end.';
create index sample_table_at on postai.sample_table (at);
create index sample_table_of on postai.sample_table (table_oid, at);

create table postai.sample_index (
  at timestamptz not null,
  index_oid oid not null,
  seconds real not null,
  idx_scan bigint,
  idx_tup_read bigint,
  bytes bigint
);
comment on table postai.sample_index is 'How often each index was used in each interval, and its size at the end.';
create index sample_index_at on postai.sample_index (at);
create index sample_index_of on postai.sample_index (index_oid, at);

create table postai.sample_database (
  at timestamptz not null,
  dbid oid not null,
  seconds real not null,
  xact_commit bigint,
  xact_rollback bigint,
  blks_read bigint,
  blks_hit bigint,
  tup_returned bigint,
  tup_fetched bigint,
  tup_inserted bigint,
  tup_updated bigint,
  tup_deleted bigint,
  conflicts bigint,
  temp_files bigint,
  temp_bytes bigint,
  deadlocks bigint,
  blk_read_ms real,
  blk_write_ms real,
  active_ms double precision,
  idle_in_transaction_ms double precision
);
comment on table postai.sample_database is
  'What happened in this database in each interval, and in all others of the server together (dbid 0).';
create index sample_database_at on postai.sample_database (at);

create table postai.sample_storage (
  at timestamptz not null,
  bytes bigint not null,
  heap_bytes bigint,
  toast_bytes bigint,
  index_bytes bigint,
  held integer,
  wal_bytes bigint,
  temp_bytes bigint
);
comment on table postai.sample_storage is
  'How big this database was at a moment, what of it tables, their TOAST and indexes took (with the catalogs; NULL = could not be looked at), and the server''s WAL and temporary files (NULL = the agent may not see them).';
comment on column postai.sample_storage.held is 'Relations that somebody held exclusively, whose sizes are in bytes alone.';
create index sample_storage_at on postai.sample_storage (at);

create table postai.sample_server (
  at timestamptz not null,
  seconds real not null,
  counters jsonb not null
);
comment on table postai.sample_server is
  'What the whole server did in each interval: {"wal": {...}, "bgwriter": {...}, "checkpointer": {...}, "io": {"client backend relation normal": {...}}}, as far as this version counts it.';
create index sample_server_at on postai.sample_server (at);

create table postai.sample_wait (
  at timestamptz not null,
  seconds real not null,
  samples integer not null,
  looks integer not null,
  queryid bigint,
  event_type text not null,
  event text not null
);
comment on table postai.sample_wait is
  'How often active backends of this database were seen waiting (or on CPU) in each interval; samples / looks is the average number of backends.';
create index sample_wait_at on postai.sample_wait (at);

create table postai.sample_block (
  at timestamptz not null,
  seconds real not null,
  root_pid integer not null,
  root_queryid bigint,
  root_userid oid,
  root_state text,
  queryid bigint,
  lock_type text,
  relid oid,
  backends integer not null,
  depth smallint not null,
  waited_ms double precision not null,
  looks integer not null
);
comment on table postai.sample_block is
  'Blocking chains seen in each interval: the backend at the root, and who waited for it, one row for each statement and relation waited for.';
comment on column postai.sample_block.queryid is 'Statement that waited; root_queryid is what the root runs or ran last.';
comment on column postai.sample_block.backends is 'Most that waited at the same time; the longest of them waited_ms, over `depth` others at most.';
comment on column postai.sample_block.looks is 'In how many looks it was seen.';
create index sample_block_at on postai.sample_block (at);

create table postai.collect_state (
  part text primary key,
  last_run timestamptz,
  until timestamptz,
  cost_ms real,
  rows integer,
  missing text,
  hint text,
  error text
);
comment on table postai.collect_state is
  'How the collection goes, part by part: when it ran last, what that took, what is missing and how to get it: select part, last_run, missing, hint from postai.collect_state';
comment on column postai.collect_state.until is 'End of the last interval; of part "pruning": the hours until then are one row each.';
comment on column postai.collect_state.error is 'Why the last run failed; NULL = it did not.';

-- Who sees what ------------------------------------------------------------------------------------------------

create function postai._may_see_statement(userid oid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select postai._is_operator(current_user) or coalesce(pg_has_role(current_user, (select r.oid from pg_roles as r where r.oid = $1), 'USAGE'), false)
$$;
comment on function postai._may_see_statement(oid) is
  'Whether the caller may see the text of that user''s statements: operators see all, others their own: select postai._may_see_statement(10)';

create view postai.statements with (security_barrier) as
  select s.id, s.queryid, pg_catalog.pg_get_userbyid(s.userid) as username,
         case when v.yes then s.query end as query,
         s.toplevel, s.utility, s.truncated, s.own, s.first_seen, s.last_seen,
         case when v.yes then s.usage end as usage, s.of_postai
    from postai.statement as s
   -- As postai._may_see_statement, but who is an operator is asked once and not for each row.
   cross join lateral (select (select postai._is_operator(current_user)) or pg_catalog.pg_has_role(s.userid, 'usage') as yes) as v
   where s.queryid <> 0;
comment on view postai.statements is
  'Statements of which there is history; texts, and the columns that they use, of other people''s for operators only; of_postai = the agent sent it, or it reads or calls schema postai: select queryid, username, query from postai.statements order by last_seen desc limit 10';

create view postai.logged_plans with (security_barrier) as
  select s.queryid, pg_catalog.pg_get_userbyid(s.userid) as username, p.plan_hash, p.first_seen, p.last_seen, p.runs,
         p.slowest_ms, p.problems, p.plan, s.query
    from postai.logged_plan as p
    join postai.statement as s on s.id = p.statement_id
   where postai._may_see_statement(s.userid)
   order by p.last_seen desc;
comment on view postai.logged_plans is
  'Plans that statements ran with and what is wrong with them, where auto_explain logs them and setting collect_plans is on; of other people''s statements for operators only: select last_seen, slowest_ms, problems, plan from postai.logged_plans where queryid = 42';

create function postai._log_files() returns table (name text, size bigint, format text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select l.name, l.size, w.format
    from pg_ls_logdir() as l
    left join (select f.format, regexp_replace(pg_current_logfile(f.format), '^.*[/\\]', '') as file
                 from unnest(case when current_setting('server_version_num')::integer >= 150000
                                  then array['jsonlog', 'csvlog', 'stderr'] else array['csvlog', 'stderr'] end) as f (format)) as w
      on w.file = l.name
   where postai._setting_text('collect_plans')::bool
$$;
comment on function postai._log_files() is
  'Files of the server''s log with their sizes in bytes, and the format of those that are written now, while setting collect_plans is on: select name, size, format from postai._log_files(). Definer: pg_monitor alone may not ask for the file of a format.';

create function postai._log_part(file text, at bigint, length bigint) returns bytea
  language sql stable strict security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_read_binary_file(current_setting('log_directory') || '/' || l.name, at, length, true)
    from postai._log_files() as l
   where l.name = file and length <= 1 << 23
$$;
comment on function postai._log_part(text, bigint, bigint) is
  'Some bytes of a file of the server''s log, at most 8 MB, while setting collect_plans is on; NULL = there is no such file: select postai._log_part(''postgresql.json'', 0, 1000). Definer: whoever may read files of the server may read any of them, and the agent needs nothing but the log.';

create view postai.unused_columns with (security_barrier) as
  with collected as materialized (
    select pg_catalog.min(x.at) as since, pg_catalog.count(distinct pg_catalog.date_trunc('day', x.at)) as days
      from postai.sample_statement as x
      join postai.statement as s on s.id = x.statement_id
     where s.queryid = 0 and s.userid = 0
  ), known as materialized (
    select s.id, s.usage, pg_catalog.lower(s.query) as query
      from postai.statement as s
     where s.queryid <> 0 and not s.own
       and s.dbid = (select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database())
  ), relations as materialized (
    -- What is done with a partition is done with the partitioned table, and the other way round.
    select c.oid, c.relname::text as relname, pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
           coalesce(pg_catalog.pg_partition_root(c.oid)::oid, c.oid) as root
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
  ), named as materialized (
    select r.root, pg_catalog.count(distinct k.id) as statements
      from known as k, pg_catalog.jsonb_each(k.usage) as t (name, uses), relations as r
     where r.name = t.name
     group by r.root
  ), used as materialized (
    select distinct r.root, c.name as column_name
      from known as k, pg_catalog.jsonb_each(k.usage) as t (name, uses), pg_catalog.jsonb_each(t.uses) as u (name, columns),
           pg_catalog.jsonb_array_elements_text(u.columns) as c (name), relations as r
     where r.name = t.name
  ), doubtful as materialized (
    -- What could not be parsed, or is no statement whose columns are known (COPY, DECLARE, CALL ...), may use any column
    -- of the tables that it names.
    select distinct r.root
      from known as k
      join relations as r on k.query is null or pg_catalog.strpos(k.query, pg_catalog.lower(r.relname)) > 0
     where k.usage is null
       and (k.query ~ '^\s*(vacuum|analyze|reindex|cluster|lock|truncate|grant|revoke|comment|drop|alter|create\s+(unique\s+)?index)\M') is not true
  )
  select m.name as table_name, a.attname as column_name, d.statements, w.since, w.days
    from collected as w
   cross join relations as m
    join named as d on d.root = m.oid
    join pg_catalog.pg_attribute as a on a.attrelid = m.oid and a.attnum > 0 and not a.attisdropped
   where d.statements >= 10 and w.days >= 7
     and pg_catalog.has_table_privilege(m.oid, 'select')
     and not exists (select from used as u where u.root = m.oid and u.column_name = a.attname)
     and not exists (select from doubtful as u where u.root = m.oid)
     -- Uses by way of a table that it inherits from, or that inherits from it, are not followed.
     and not exists (select from pg_catalog.pg_inherits as h join pg_catalog.pg_class as c on c.oid = h.inhrelid
                      where (h.inhparent = m.oid or h.inhrelid = m.oid) and not c.relispartition)
     and not exists (select from pg_catalog.pg_partitioned_table as p
                      where p.partrelid = m.oid and a.attnum = any (p.partattrs::smallint[]))
     -- Views, indexes, constraints, generated columns, policies and triggers need it.
     and not exists (select from pg_catalog.pg_depend as d
                       join relations as r on r.oid = d.refobjid and r.root = m.oid
                       join pg_catalog.pg_attribute as b
                         on b.attrelid = r.oid and b.attname = a.attname and b.attnum = d.refobjsubid
                      where d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype in ('n', 'a', 'i')
                        and not exists (select from pg_catalog.pg_attrdef as f
                                         where d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and f.oid = d.objid
                                           and f.adrelid = r.oid and f.adnum = b.attnum))
   order by d.statements desc, m.name, a.attnum;
comment on view postai.unused_columns is
  'Columns that no collected statement reads or writes, of tables with ten statements or more, since when, and on how many days was collected; partitions count with their table, and tables that a COPY, DECLARE or the like names are left out; statements too small for a row of their own, and what functions do inside, are not known: select table_name, column_name, statements, since, days from postai.unused_columns';

-- Their rows have no primary key, and a publication FOR ALL TABLES would otherwise let none be deleted.
alter table postai.sample_statement replica identity full;
alter table postai.statement_values replica identity full;
alter table postai.sample_table replica identity full;
alter table postai.sample_index replica identity full;
alter table postai.sample_database replica identity full;
alter table postai.sample_storage replica identity full;
alter table postai.sample_server replica identity full;
alter table postai.sample_wait replica identity full;
alter table postai.sample_block replica identity full;

select postai._grant('select, insert, update, delete on postai.' || t, 'postai_agent')
  from pg_catalog.unnest(array[
    'statement', 'statement_plan', 'logged_plan', 'log_position', 'predicate', 'statement_values', 'relation', 'sample_statement', 'statement_sum', 'sample_table', 'sample_index',
    'sample_database', 'sample_storage', 'sample_server', 'sample_wait', 'sample_block', 'collect_state']) as t;
select postai._grant('select on postai.collect_state', 'postai_reader');
select postai._grant('select on postai.' || v, 'postai_reader', 'postai_agent')
  from pg_catalog.unnest(array['statements', 'logged_plans', 'unused_columns']) as v;
select postai._grant('execute on function ' || f, 'postai_agent')
  from pg_catalog.unnest(array['postai._log_files()', 'postai._log_part(text, bigint, bigint)']) as f;
select postai._grant('execute on function postai._may_see_statement(oid)', 'postai_reader', 'postai_agent');
