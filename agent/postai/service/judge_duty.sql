-- What the duty that judges reads and writes.

-- name: state
-- Up to where was judged, up to where is collected, and up to where ended actions were told.
select s.judged_until, c.until, s.actions_until
  from postai.judge_state as s
  left join postai.collect_state as c on c.part = 'statements'

-- name: judged
-- So far it is judged.
update postai.judge_state as s set judged_until = %s, took_ms = %s

-- name: replay_since
-- End of the interval after which so many were collected, up to a time.
select pg_catalog.min(x.at)
  from (select d.at from postai.sample_statement as d
          join postai.statement as s on s.id = d.statement_id
         where s.queryid = 0 and s.userid = 0 and d.at <= %s order by d.at desc limit %s) as x

-- name: regressions
-- Regressions that go on, and those that were over after a time.
select r.queryid, r.userid::pg_catalog.int8, r.dbid::pg_catalog.int8, r.toplevel, r.started_at, r.ended_at, r.before, r.cause
  from postai.regression as r where r.ended_at is null or (r.ended_at > %s and r.outcome = 'recovered')

-- name: found
-- A new regression.
insert into postai.regression
       (queryid, userid, dbid, toplevel, cause, severity, factor, started_at, found_at, extra_ms_per_day, before, after, why,
        mitigation, evidence)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::pg_catalog.jsonb, %s::pg_catalog.jsonb, %s, %s, %s::pg_catalog.jsonb)
    on conflict do nothing

-- name: revised
-- What is known better an interval or two later.
update postai.regression as r
   set cause = %s, severity = %s, factor = %s, extra_ms_per_day = %s, after = %s::pg_catalog.jsonb, why = %s,
       mitigation = %s, evidence = %s::pg_catalog.jsonb
 where r.queryid = %s and r.userid = %s and r.dbid = %s and r.toplevel = %s and r.ended_at is null

-- name: over
-- A regression is over.
update postai.regression as r set ended_at = %s, outcome = %s, recovered = %s::pg_catalog.jsonb
 where r.queryid = %s and r.userid = %s and r.dbid = %s and r.toplevel = %s and r.ended_at is null

-- name: see_indexes
-- Remember indexes that are new or have another definition, and when one was missed first.
with here as (
  select i.indexrelid, i.indrelid, n.nspname, c.relname
    from pg_catalog.pg_index as i
    join pg_catalog.pg_class as c on c.oid = i.indexrelid and c.relkind = 'i'
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
   where i.indisvalid and c.relpersistence <> 't' and n.nspname !~ '^pg_'
     and n.nspname not in ('information_schema', 'postai', 'postai_cache')
), fresh as (
  insert into postai.seen_index as s (index_oid, table_oid, index_name, definition, first_seen)
  select h.indexrelid, h.indrelid, pg_catalog.format('%I.%I', h.nspname, h.relname), pg_catalog.pg_get_indexdef(h.indexrelid),
         coalesce((select pg_catalog.min(o.first_seen) from postai.seen_index as o  -- REINDEX CONCURRENTLY made it again
                    where o.index_name = pg_catalog.format('%I.%I', h.nspname, h.relname) and o.gone_at is null
                      and o.definition = pg_catalog.pg_get_indexdef(h.indexrelid)), pg_catalog.clock_timestamp())
    from here as h
    left join postai.seen_index as k
      on k.index_oid = h.indexrelid and k.index_name = pg_catalog.format('%I.%I', h.nspname, h.relname) and k.gone_at is null
   where k.index_oid is null
      on conflict (index_oid) do update
     set table_oid = excluded.table_oid, index_name = excluded.index_name, definition = excluded.definition, gone_at = null,
         first_seen = excluded.first_seen
)
update postai.seen_index as s set gone_at = pg_catalog.clock_timestamp()
 where s.gone_at is null and not exists (select from here as h where h.indexrelid = s.index_oid)

-- name: lost_indexes
-- Indexes of tables that were there and are gone, and nothing of the same definition is in their place.
select s.table_oid::pg_catalog.int8, s.index_name, s.definition, s.gone_at
  from postai.seen_index as s
  join pg_catalog.pg_class as t on t.oid = s.table_oid
 where s.gone_at > %s
   and not exists (select from postai.seen_index as o
                    where o.table_oid = s.table_oid and o.gone_at is null
                      and pg_catalog.substring(o.definition, ' ON .*') = pg_catalog.substring(s.definition, ' ON .*'))

-- name: tables
-- What the catalogs and counters say of some tables.
select c.oid::pg_catalog.int8, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
       pg_catalog.pg_stat_get_mod_since_analyze(c.oid),
       greatest(pg_catalog.pg_stat_get_live_tuples(c.oid), c.reltuples::pg_catalog.int8, 0),
       greatest(pg_catalog.pg_stat_get_last_analyze_time(c.oid), pg_catalog.pg_stat_get_last_autoanalyze_time(c.oid)),
       pg_catalog.current_setting('autovacuum')::pg_catalog.bool
       and coalesce((select o.option_value::pg_catalog.bool from pg_catalog.pg_options_to_table(c.reloptions) as o
                      where o.option_name = 'autovacuum_enabled'), true),
       case when not exists (select from pg_catalog.pg_locks as l
                              where l.relation = c.oid and l.mode = 'AccessExclusiveLock' and l.granted) then
         pg_catalog.pg_table_size(c.oid) end
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.oid = any (%s::pg_catalog.oid[])

-- name: roles
-- Names of roles, quoted where they must be.
select r.oid::pg_catalog.int8, pg_catalog.quote_ident(r.rolname)
  from pg_catalog.pg_roles as r where r.oid = any (%s::pg_catalog.oid[])

-- name: texts
-- Texts of statements of this database by query id.
select distinct on (s.queryid) s.queryid, s.query
  from postai.statement as s
 where s.queryid = any (%s::pg_catalog.int8[]) and s.query is not null and not s.truncated
 order by s.queryid, s.last_seen desc

-- name: actions
-- Actions that failed or made things worse since the last look, and the moment of this one.
with looked as (
  update postai.judge_state as s set actions_until = pg_catalog.clock_timestamp()
    from (select o.actions_until from postai.judge_state as o) as before
  returning before.actions_until as since
)
select a.id, a.state, p.title, a.error ->> 'message', a.error ->> 'hint'
  from postai.action as a
  join postai.proposal as p on p.id = a.proposal
 cross join looked as l
 where a.state in ('failed', 'regressed') and a.finished_at > l.since
