-- name: presence
-- Whether postai is here, whether the role may look into it, and whether it has the views that the pages read.
select p.namespace is not null,
       coalesce(pg_catalog.has_schema_privilege(p.namespace, 'usage'), false),
       exists (select from pg_catalog.pg_class as c where c.relnamespace = p.namespace and c.relname = 'load_history'),
       exists (select from pg_catalog.pg_class as c
                where c.relnamespace = p.namespace and c.relname = 'load_history' and pg_catalog.has_table_privilege(c.oid, 'select')),
       current_user::text, pg_catalog.current_database()::text
  from (select pg_catalog.to_regnamespace('postai')::oid as namespace) as p
