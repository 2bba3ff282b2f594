-- name: event_triggers
-- Changed definitions and rights are told in the log, where they stand among the changes of rows. To be run once in
-- each database by a superuser, or by who may create event triggers there. It never makes a statement fail: should the
-- look at what was changed fail, it is told as well.
begin;
-- Whoever made a schema or function of this name before would own what runs in everybody's statements.
drop event trigger if exists postai_edge_ddl;
drop event trigger if exists postai_edge_drop;
drop function if exists postai_edge.tell_definition();
drop schema if exists postai_edge;
create schema postai_edge;

-- Definer: whoever changes a definition need not have the right to write to the log.
create function postai_edge.tell_definition() returns event_trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  only_temporary boolean;
begin
  begin
    if tg_event = 'sql_drop' then
      only_temporary := not exists (select from pg_event_trigger_dropped_objects() as d where not d.is_temporary);
    else
      -- What is dropped is told by sql_drop, DROP OWNED takes back rights as well; a refreshed view is not cached.
      only_temporary := tg_tag = 'REFRESH MATERIALIZED VIEW' or (tg_tag like 'DROP %' and tg_tag <> 'DROP OWNED')
        or coalesce((select bool_and(c.schema_name is not distinct from 'pg_temp') from pg_event_trigger_ddl_commands() as c), false);
    end if;
  exception when others then
    only_temporary := false;
  end;
  if not only_temporary then
    begin
      perform pg_logical_emit_message(true, 'postai.edge', 'ddl');
    exception when others then
      raise warning 'caches of edges were not told of %: %', tg_tag, sqlerrm;
    end;
  end if;
end
$$;
comment on function postai_edge.tell_definition() is
  'Tells edges that cache answers of this database that a definition or a right has changed; called by event triggers. SECURITY DEFINER: whoever changes it need not be able to write to the log.';
revoke execute on function postai_edge.tell_definition() from public;

create event trigger postai_edge_ddl on ddl_command_end execute function postai_edge.tell_definition();
alter event trigger postai_edge_ddl enable always;
create event trigger postai_edge_drop on sql_drop execute function postai_edge.tell_definition();
alter event trigger postai_edge_drop enable always;
commit

-- name: no_event_triggers
-- Take them away again.
begin;
drop event trigger if exists postai_edge_ddl;
drop event trigger if exists postai_edge_drop;
drop function if exists postai_edge.tell_definition();
drop schema if exists postai_edge;
commit
