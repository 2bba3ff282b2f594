-- Histories of other tools, in the tables that they make. A tool's schema is found by its table.

-- name: tables
-- Where the tables of other tools are: tool, schema.
select case c.relname when 'alembic_version' then 'alembic' when 'flyway_schema_history' then 'flyway' else 'sqitch' end,
       n.nspname::pg_catalog.text
  from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.relkind = 'r' and (c.relname in ('alembic_version', 'flyway_schema_history') or c.relname = 'changes' and n.nspname = 'sqitch')
 order by 1, 2;

-- name: alembic
-- The revisions that the database is at; all their ancestors are there too.
select v.version_num::pg_catalog.text from {schema}.alembic_version as v order by 1;

-- name: flyway
-- Versioned migrations and baselines that succeeded, in the order in which they ran; what was undone is left out.
select h.version::pg_catalog.text, h.description::pg_catalog.text, h.script::pg_catalog.text, h.checksum, h.type::pg_catalog.text
  from {schema}.flyway_schema_history as h
 where h.success and h.version is not null and h.type not in ('SCHEMA', 'DELETE') and h.type not like 'UNDO%'
   and not exists (select from {schema}.flyway_schema_history as u
                    where u.version = h.version and u.success and (u.type like 'UNDO%' or u.type = 'DELETE') and u.installed_rank > h.installed_rank)
 order by h.installed_rank;

-- name: sqitch
-- Changes that are deployed: those that were reverted are not in the table any more.
select c.change_id::pg_catalog.text, c.change::pg_catalog.text, c.project::pg_catalog.text, c.script_hash::pg_catalog.text
  from {schema}.changes as c order by c.committed_at, c.change_id;
