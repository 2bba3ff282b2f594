-- Schemas for empty copies, lent to the agent where it may make none itself; and what planning on copies needs.

create function postai._require_no_event_triggers() returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from pg_event_trigger as t where t.evtenabled <> 'D') then
    perform postai._raise('PA007', 'the event triggers of this database would run', null,
      'Use a role with CREATEDB: a database of its own has none.');
  end if;
end
$$;
comment on function postai._require_no_event_triggers() is
  'Raises PA007 where DDL would run somebody''s event trigger: select postai._require_no_event_triggers()';

create function postai._lent_scratch_schemas() returns setof name
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select n.nspname
    from pg_namespace as n
    join pg_roles as o on o.oid = n.nspowner and o.rolname = current_user
    join pg_roles as r on r.rolname = session_user
   where n.nspname ~ '^postai_scratch_[0-9]+_[0-9a-f]{1,16}_[0-9a-f]{8}_[0-9]{1,3}$'
     and exists (select from aclexplode(n.nspacl) as a
                  where a.grantee = r.oid and a.grantor = n.nspowner and a.privilege_type = 'CREATE')
$$;
comment on function postai._lent_scratch_schemas() is
  'Schemas that postai._lend_scratch_schema made for the session''s user, of all its sessions: select postai._lent_scratch_schemas(). Definer: it looks for schemas of the functions'' owner.';

create function postai._lend_scratch_schema(name text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  mine constant text := format('postai_scratch_%s_', pg_backend_pid());
begin
  -- The name says which session asked (its start is told by the caller: the owner may not see it), so that it clashes
  -- with nobody's, and shows when nobody uses it any more.
  if not starts_with($1, mine) or substr($1, length(mine) + 1) !~ '^[0-9a-f]{1,16}_[0-9a-f]{8}_[0-9]{1,3}$' then
    perform postai._raise('PA006', 'no schema of that name is lent', null,
      format('Its name is %s, the session''s start, 8 hexadecimal digits and a number, with _ between them.', rtrim(mine, '_')));
  end if;
  if (select count(*) from postai._lent_scratch_schemas()) >= 200 then
    perform postai._raise('PA006', format('200 schemas are lent to %I already', session_user), null,
      'SELECT postai._return_scratch_schema(name) FROM postai._lent_scratch_schemas() AS name; as that user drops them.');
  end if;
  perform postai._require_no_event_triggers();
  execute format('create schema %I', $1);
  execute format('revoke all on schema %I from public', $1);
  execute format('grant usage, create on schema %I to %I', $1, session_user);
end
$$;
comment on function postai._lend_scratch_schema(text) is
  'Makes an empty schema postai_scratch_..., named after the session, in which its user may make copies of tables to try statements on: select postai._lend_scratch_schema(''postai_scratch_4711_64d2f_0123abcd_0''). Definer: the agent''s login may make no schema. At most 200 a user; none where event triggers would run with the owner''s rights.';

create function postai._return_scratch_schema(name text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from postai._lent_scratch_schemas() as l where l = $1) then
    perform postai._raise('3F000', 'no schema of that name is lent to you', null, 'SELECT postai._lent_scratch_schemas(); lists them.');
  end if;
  perform postai._require_no_event_triggers();
  execute format('drop schema %I cascade', $1);
end
$$;
comment on function postai._return_scratch_schema(text) is
  'Drops a schema that was lent to the session''s user, with the copies in it: select postai._return_scratch_schema(name) from postai._lent_scratch_schemas() as name. Definer: only its owner can drop it. Nothing else is ever dropped.';

-- What planning on empty copies of tables needs from the catalogs, where the agent is no superuser and may not write
-- them: before PostgreSQL 18 nobody else can give a table statistics. Nothing but copies that the agent has made for
-- itself, in pg_temp or in a schema postai_scratch_..., is ever changed, and nothing is told that its owner may not read.
-- Where no superuser installed postai these functions fail, and the agent does without them.

create function postai._own_copies(relations oid[]) returns table (oid oid, kind "char", owner oid)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.oid, c.relkind, c.relowner
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
   where c.oid = any (relations) and c.relkind in ('r', 'p', 'i', 'I')
     and pg_has_role(session_user, c.relowner, 'member')
     and (n.oid = pg_my_temp_schema() or (n.nspname ~ '^postai_scratch_[0-9a-f]{16}$' and n.nspowner = c.relowner))
$$;
comment on function postai._own_copies(oid[]) is
  'Those of some relations that are copies of tables, or indexes on them, which the session made to plan on: select * from postai._own_copies(array[''pg_class''::regclass::oid])';

create function postai._copy_statistics(reals oid[], copies oid[]) returns bigint
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive base(oid, type) as (
    select t.oid, t.oid from pg_type as t where t.typtype <> 'd'
    union all
    select t.oid, b.type from base as b join pg_type as t on t.typbasetype = b.oid and t.typtype = 'd'
  ), pair as (
    select p.real, o.oid as copy, o.kind, o.owner, coalesce(i.indrelid, r.oid) as readable, i.indrelid is null as plain
      from rows from (unnest(reals), unnest(copies)) as p (real, copy)
      join postai._own_copies(copies) as o on o.oid = p.copy
      join pg_class as r on r.oid = p.real and (r.relkind in ('i', 'I')) = (o.kind in ('i', 'I'))
      left join pg_index as i on i.indexrelid = r.oid
  ), told as (
    insert into pg_statistic
    select p.copy, b.attnum, s.stainherit, s.stanullfrac, s.stawidth, s.stadistinct,
           s.stakind1, s.stakind2, s.stakind3, s.stakind4, s.stakind5, s.staop1, s.staop2, s.staop3, s.staop4, s.staop5,
           s.stacoll1, s.stacoll2, s.stacoll3, s.stacoll4, s.stacoll5,
           s.stanumbers1, s.stanumbers2, s.stanumbers3, s.stanumbers4, s.stanumbers5,
           s.stavalues1, s.stavalues2, s.stavalues3, s.stavalues4, s.stavalues5
      from pair as p
      join pg_class as t on t.oid = p.readable
      join pg_roles as w on w.oid = p.owner
      join pg_statistic as s on s.starelid = p.real
      join pg_attribute as a on a.attrelid = p.real and a.attnum = s.staattnum and not a.attisdropped
      join pg_attribute as b on b.attrelid = p.copy and b.attname = a.attname and not b.attisdropped
      join base as d on d.oid = a.atttypid
      join base as e on e.oid = b.atttypid and e.type = d.type and a.attcollation = b.attcollation
     where case when p.plain then has_column_privilege(p.owner, t.oid, a.attnum, 'select')
                else has_table_privilege(p.owner, t.oid, 'select') end
       and (not t.relrowsecurity or w.rolsuper or w.rolbypassrls)
       -- Of an index the type is that of its keys, which tells the type of the values only where the operator class
       -- stores what it is given: with values of another type the planner would read memory that is not theirs.
       and (p.plain or exists (select from pg_index as r join pg_index as c on c.indexrelid = p.copy
                                 join pg_opclass as k on k.oid = c.indclass[b.attnum - 1] and k.opckeytype = 0
                                where r.indexrelid = p.real and a.attnum = b.attnum
                                  and r.indclass[a.attnum - 1] = k.oid
                                  and pg_get_indexdef(p.real, a.attnum, false) = pg_get_indexdef(p.copy, b.attnum, false)))
       and not exists (select from pg_statistic as k where k.starelid = p.copy and k.staattnum = b.attnum
                                                       and k.stainherit = s.stainherit)
    returning 1
  )
  select count(*) from told
$$;
comment on function postai._copy_statistics(oid[], oid[]) is
  'Gives copies of tables, and indexes on them, what ANALYZE found of the real ones, column by column of the same name, type and collation, of indexes also the same expression and operator class, one that stores keys of the type it is given; gives how many: select postai._copy_statistics(array[16400]::oid[], array[16500]::oid[]). Definer: before PostgreSQL 18 only a superuser can write statistics. Changes copies of the session alone, and tells their owner nothing of columns that it may not read, nor of tables with row level security.';

create function postai._set_copy_sizes(copies oid[], pages integer[], tuples real[], visible integer[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update pg_class as c
     set relpages = p.pages, reltuples = p.tuples, relallvisible = p.visible
    from rows from (unnest(copies), unnest(pages), unnest(tuples), unnest(visible)) as p (oid, pages, tuples, visible)
    join postai._own_copies(copies) as o on o.oid = p.oid and o.kind = 'r'
   where c.oid = p.oid and p.pages >= 0 and p.visible between 0 and p.pages
     and p.tuples >= 0 and p.tuples < 'Infinity'
$$;
comment on function postai._set_copy_sizes(oid[], integer[], real[], integer[]) is
  'Gives copies of tables the numbers of blocks, rows and all-visible blocks that the planner looks at: select postai._set_copy_sizes(array[16500]::oid[], array[100], array[5000], array[90]). Definer: before PostgreSQL 18 only a superuser can. Changes copies of the session alone.';

create function postai._show_copy_indexes(indexes oid[], shown boolean) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update pg_index as i
     set indisvalid = shown
    from postai._own_copies(indexes) as o
   where i.indexrelid = o.oid and shown is not null
$$;
comment on function postai._show_copy_indexes(oid[], boolean) is
  'Lets the planner see indexes on copies of tables, or hides them from it: select postai._show_copy_indexes(array[16510]::oid[], false). Definer: only a superuser can, and to drop and build them again for each plan takes longer. Changes indexes of the session''s own copies alone.';

select postai._grant('execute on function ' || f, 'postai_agent')
  from pg_catalog.unnest(array[
    'postai._lent_scratch_schemas()', 'postai._lend_scratch_schema(text)', 'postai._return_scratch_schema(text)',
    'postai._copy_statistics(oid[], oid[])', 'postai._set_copy_sizes(oid[], integer[], real[], integer[])',
    'postai._show_copy_indexes(oid[], boolean)']) as f;
