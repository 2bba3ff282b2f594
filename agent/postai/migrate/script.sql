-- name: keeps
-- Whether this database keeps the state of scripts of the session's user.
select coalesce(pg_catalog.has_schema_privilege('postai', 'usage')
                and pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('postai._note_script(text,bigint,bigint,bigint,text[])'), 'execute'), false)
  from (select pg_catalog.to_regnamespace('postai') as found) as s where s.found is not null
union all
select false where pg_catalog.to_regnamespace('postai') is null

-- name: state
-- How far the script is; no row = it was not begun.
select statements, byte_offset, line, settings from postai._script(%s)

-- name: note
-- Note how far it is.
select postai._note_script(%s, %s, %s, %s, %s::text[])

-- name: forget
-- It is done.
select postai._forget_script(%s)
