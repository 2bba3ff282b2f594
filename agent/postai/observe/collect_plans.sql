-- How the server's log is read, a part at a time.

-- name: ground
-- What the log can be read with: rights of the agent, whether it is written to files, and how its lines begin.
select (select pg_catalog.string_agg(f.name, ', ')
          from (values ('pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)'),
                       ('pg_catalog.pg_current_logfile(text)'), ('pg_catalog.pg_ls_logdir()')) as f (name)
         where not pg_catalog.has_function_privilege(f.name, 'EXECUTE')),
       pg_catalog.current_setting('logging_collector')::pg_catalog.bool,
       pg_catalog.current_setting('log_line_prefix'), pg_catalog.current_database()::pg_catalog.text,
       pg_catalog.quote_ident(current_user)

-- name: file
-- The file that is written now, in the format that is read best; NULL = none.
select f.format, pg_catalog.pg_current_logfile(f.format)
  from (values (1, 'jsonlog'), (2, 'csvlog'), (3, 'stderr')) as f (place, format)
 where (f.format <> 'jsonlog' or pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 150000)
   and case when f.format <> 'jsonlog' or pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 150000
            then pg_catalog.pg_current_logfile(f.format) end is not null
 order by f.place
 limit 1

-- name: size
-- Size of a log file, by its name without the directory; no row = it is gone.
select l.size from pg_catalog.pg_ls_logdir() as l where l.name = %s

-- name: part
-- Some bytes of a log file; NULL = it is gone.
select pg_catalog.pg_read_binary_file(%s, %s, %s, true)

-- name: roles
-- Oids of roles by name.
select r.rolname::pg_catalog.text, r.oid::pg_catalog.int8
  from pg_catalog.pg_roles as r where r.rolname = any(%s::pg_catalog.text[])
