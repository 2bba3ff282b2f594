-- name: identify
-- The first statement of a session: the database's name, and search_path and limits again where a pooler dropped them
-- (it may drop startup options without a word).
select pg_catalog.current_database(),
       case when %s::pg_catalog.text operator(pg_catalog.<>) '' then pg_catalog.set_config('search_path', %s, false) end,
       case when pg_catalog.current_setting('statement_timeout')::pg_catalog.interval
                 operator(pg_catalog.<>) %s::pg_catalog.interval
            then pg_catalog.set_config('statement_timeout', %s, false) end,
       case when pg_catalog.current_setting('lock_timeout')::pg_catalog.interval
                 operator(pg_catalog.<>) %s::pg_catalog.interval
            then pg_catalog.set_config('lock_timeout', %s, false) end
