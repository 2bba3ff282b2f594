-- What running the advisors needs beside them.

-- name: settings
-- The budget for new indexes in bytes (0 = the advisor's own), and what a gigabyte costs in a month.
select (postai._setting_text('index_budget_mb')::numeric * 1048576)::bigint,
       postai._setting_text('price_per_gb_month')::double precision

-- name: interval
-- How often the advisors run by themselves, and how long ago they last said something (null = never), in seconds.
select postai._setting_ms('optimize_interval') / 1000.0,
       (select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.max(p.seen_at))::double precision
          from postai.proposal as p where p.key is not null)

-- name: open
-- Everything that the advisors propose and nobody has decided on.
select id, kind, severity, object, title, gain, statement from postai.recommendations

-- name: some
-- Some of it.
select id, kind, severity, object, title, gain, statement from postai.recommendations where id = any (%s)

-- name: agent_role
-- Role of this session, quoted.
select pg_catalog.quote_ident(current_user)

-- name: unreadable
-- Relations that this session may not read, qualified and quoted.
select pg_catalog.format('%%I.%%I', n.nspname, c.relname)
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.oid = any (%s::oid[])
   and not (pg_catalog.has_any_column_privilege(c.oid, 'SELECT') and pg_catalog.has_schema_privilege(n.oid, 'USAGE'))
 order by 1
