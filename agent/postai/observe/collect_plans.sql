-- How the server's log is read, a part at a time.

-- name: ground
-- What the log can be read with: GRANTs that the owner of the functions lacks, whether it is written to files, how its
-- lines begin, the database, whether statements are written beside messages.
select (select nullif(pg_catalog.concat_ws(' ',
                 case when not pg_catalog.pg_has_role(r.oid, 'pg_read_all_settings', 'usage')
                      then pg_catalog.format('GRANT pg_read_all_settings TO %I;', r.rolname) end,
                 (select pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %I;', pg_catalog.string_agg(f.name, ', '), r.rolname)
                    from (values ('pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)'),
                                 ('pg_catalog.pg_ls_logdir()'), ('pg_catalog.pg_current_logfile(text)')) as f (name)
                   where not pg_catalog.has_function_privilege(r.oid, f.name, 'EXECUTE')
                  having pg_catalog.count(*) > 0)), '')
          from pg_catalog.pg_proc as p
          join pg_catalog.pg_roles as r on r.oid = p.proowner
         where p.oid = 'postai._log_files()'::pg_catalog.regprocedure),
       pg_catalog.current_setting('logging_collector')::pg_catalog.bool,
       pg_catalog.current_setting('log_line_prefix'), pg_catalog.current_database()::pg_catalog.text,
       pg_catalog.current_setting('log_min_error_statement') not in ('fatal', 'panic')

-- name: file
-- The file that is written now, in the format that is read best; no row = none.
select l.format, l.name
  from postai._log_files() as l
 where l.format is not null
 order by pg_catalog.array_position(array['jsonlog', 'csvlog', 'stderr'], l.format)
 limit 1

-- name: size
-- Size of a log file by its name; no row = it is gone.
select l.size from postai._log_files() as l where l.name = %s

-- name: part
-- Some bytes of a log file by its name; NULL = it is gone.
select postai._log_part(%s, %s, %s)

-- name: roles
-- Oids of roles by name.
select r.rolname::pg_catalog.text, r.oid::pg_catalog.int8
  from pg_catalog.pg_roles as r where r.rolname = any(%s::pg_catalog.text[])
