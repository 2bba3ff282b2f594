-- name: why
-- Whether postai is installed, whether it has the newest of the views that are read, whether there is such a role, whether
-- the caller has its rights, and who that is. Names are looked up without USAGE of the schema.
select n.oid is not null,
       exists (select from pg_catalog.pg_class as c where c.relnamespace = n.oid and c.relname = 'statement_sums'),
       pg_catalog.to_regrole(%s) is not null,
       case when pg_catalog.to_regrole(%s) is not null then pg_catalog.pg_has_role(%s, 'usage') end, current_user::text
  from (select pg_catalog.to_regnamespace('postai')::oid as oid) as n

-- name: time
-- The agent gives up by itself after the verb's time, and the function that waits two seconds later: the session's limit
-- comes after both, so that it is they who say what happened.
select pg_catalog.set_config('statement_timeout',
                             least(%s::pg_catalog.int4, postai._time_limit(%s) + 4000)::pg_catalog.text, false)
