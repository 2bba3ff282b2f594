-- Cache tables: the rows of a query, kept for as long as was promised, read through a view of schema postai_cache.
--
-- What one cache table is made of, N being its id: the view NAME that people read, and of its creator _query_N (the
-- query), _live_N (runs it, to whoever knows the key) and _key_N (the key, which only the creator may read); of the
-- owner of postai the unlogged table _rows_N. A reader of NAME gets _rows_N while postai_cache._fresh says so, else the
-- query itself: neither a missing agent nor a crash, which empties _rows_N and _fresh alike, makes it older than
-- promised. The creator's rights are asked for at each read, since NAME reads _query_N too, WHERE false.

create schema postai_cache;
comment on schema postai_cache is
  'Cache tables: select postai.cache(''sales'', ''SELECT region, sum(amount) AS total FROM orders GROUP BY region''); select * from postai_cache.sales';

create table postai.cache_entry (
  id integer generated always as identity primary key,
  name name not null unique,
  query text not null,
  ttl interval not null,
  invalidate_on_write boolean,
  followed boolean not null default true,
  timed boolean not null default false,
  key uuid not null default pg_catalog.gen_random_uuid(),
  created_by name not null default session_user,
  created_at timestamptz not null default pg_catalog.clock_timestamp(),
  refreshes bigint not null default 0,
  refresh_ms double precision,
  refreshed_groups bigint not null default 0,
  not_before timestamptz,
  not_followed text,
  error jsonb
);
comment on table postai.cache_entry is 'Cache tables and how their refreshing goes; people look at postai.cache_stats: select name, ttl from postai.cache_entry';
comment on column postai.cache_entry.invalidate_on_write is 'As it was asked for; null = where it is possible.';
comment on column postai.cache_entry.followed is 'Whether all that it reads is told by the change stream.';
comment on column postai.cache_entry.timed is 'Whether the query may give something else when nothing was written: now(), current_date.';
comment on column postai.cache_entry.key is 'What _live_N asks for: it runs with its creator''s rights.';
comment on column postai.cache_entry.refreshed_groups is 'Refreshes in which only the groups that were written to were computed anew.';
comment on column postai.cache_entry.not_before is 'After a refresh that failed: when it is tried again.';
comment on column postai.cache_entry.not_followed is 'Why writes are not followed, null when they are; then only the time to live counts.';
comment on column postai.cache_entry.error is 'Why the last refresh failed: {sqlstate, message, hint}; null = it went well.';

create unlogged table postai_cache._fresh (
  id integer primary key,
  as_of timestamptz not null,
  fresh_until timestamptz not null,
  rows bigint not null,
  bytes bigint not null,
  invalidations bigint not null default 0,
  stale_reason text
) with (fillfactor = 50);
comment on table postai_cache._fresh is
  'Until when the rows of each cache table may be read; emptied by a crash of the server, as they are: select * from postai_cache._fresh';

-- What a query reads and calls -------------------------------------------------------------------------------------

create function postai._cache_reads(query oid) returns setof oid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with recursive reads (oid) as (
    select query
    union
    select n.oid
      from reads as r
     cross join lateral (
       select (m.found)[1]::oid as oid
         from pg_rewrite as w, regexp_matches(w.ev_action::text, ':relid\s+(\d+)', 'g') as m (found)
        where w.ev_class = r.oid and w.ev_type = '1'
       union all
       select i.inhrelid from pg_inherits as i where i.inhparent = r.oid) as n
     where n.oid <> 0
  )
  select oid from reads
$$;
comment on function postai._cache_reads(oid) is
  'A view and everything that it reads, through other views, partitions and inheritance: select postai._cache_reads(''postai_cache._query_1''::regclass)';

create function postai._cache_problem(query oid) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with reads as (
    select c.oid, c.oid::regclass::text as name, c.relkind, c.relpersistence, c.relrowsecurity
      from pg_class as c where c.oid in (select r from postai._cache_reads(query) as r)
  ), trees as (
    select w.oid, w.ev_action::text as tree from pg_rewrite as w where w.ev_class in (select r.oid from reads as r) and w.ev_type = '1'
  ), needs as (
    select d.refclassid, d.refobjid from pg_depend as d where d.classid = 'pg_rewrite'::regclass and d.objid in (select t.oid from trees as t)
    union
    select 'pg_type'::regclass, a.atttypid from pg_attribute as a where a.attrelid = query and a.attnum > 0 and a.atttypid >= 16384
  ), calls as (
    select distinct (m.found)[1]::oid as oid from trees as t, regexp_matches(t.tree, ':(?:[a-z]*func|aggfnoid|winfnoid)(?:id)?\s+(\d+)', 'g') as m (found)
    union
    select o.oprcode from trees as t, regexp_matches(t.tree, ':(?:opno|eqop|sortop)\s+(\d+)', 'g') as m (found)
      join pg_operator as o on o.oid = (m.found)[1]::oid
  )
  select p.problem from (
    select 1, format('it reads %s, which belongs to PostgreSQL', r.name) from reads as r where r.oid < 16384
    union all
    select 2, format('it reads %s, which is %s', r.name,
                     case r.relkind when 'f' then 'a foreign table' when 'm' then 'a materialized view' when 'S' then 'a sequence' else 'a temporary table' end)
      from reads as r where r.relkind not in ('r', 'p', 'v') or r.relpersistence = 't'
    union all
    select 3, format('%s shows its rows to some and not to others (row level security)', r.name) from reads as r where r.relrowsecurity
    union all
    select 4, format('the function %s is volatile', p.oid::regprocedure) from calls as c join pg_proc as p on p.oid = c.oid where p.provolatile = 'v'
    union all
    select 5, format('%s is not PostgreSQL''s own, and nothing is known of what it does', pg_describe_object(n.refclassid, n.refobjid, 0))
      from needs as n where n.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass) and n.refobjid >= 16384
    union all
    select 6, format('%s is neither PostgreSQL''s own nor an enum', format_type(y.oid, null))
      from needs as n join pg_type as y on y.oid = n.refobjid left join pg_type as e on e.oid = y.typelem and y.typlen = -1
     where n.refclassid = 'pg_type'::regclass and n.refobjid >= 16384 and coalesce(e.typtype, y.typtype) <> 'e'
    union all
    select 7, 'it locks rows' from trees as t where t.tree like '%:hasForUpdate true%'
    union all
    select 8, 'TABLESAMPLE gives other rows each time' from trees as t where t.tree like '%{TABLESAMPLECLAUSE %'
  ) as p (place, problem) order by p.place limit 1
$$;
comment on function postai._cache_problem(oid) is
  'Why the rows of this view cannot be kept, null when they can: select postai._cache_problem(''postai_cache._query_1''::regclass)';

create function postai._cache_timed(query oid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_rewrite as w
     where w.ev_class in (select r from postai._cache_reads(query) as r) and w.ev_type = '1'
       and (w.ev_action::text ~ '\{(COERCEVIAIO|SQLVALUEFUNCTION) '
            or exists (select from regexp_matches(w.ev_action::text, ':(?:[a-z]*func|aggfnoid|winfnoid)(?:id)?\s+(\d+)', 'g') as m (found)
                         join pg_proc as p on p.oid = (m.found)[1]::oid where p.provolatile <> 'i')))
$$;
comment on function postai._cache_timed(oid) is
  'Whether the rows of this view may differ though nothing was written: select postai._cache_timed(''postai_cache._query_1''::regclass)';

create function postai._cache_followed(query oid) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select bool_and(c.relpersistence = 'p') from pg_class as c where c.oid in (select r from postai._cache_reads(query) as r)
$$;
comment on function postai._cache_followed(oid) is
  'Whether writes to all that this view reads are written to the WAL: select postai._cache_followed(''postai_cache._query_1''::regclass)';

-- What runs with other rights than the caller's ----------------------------------------------------------------------

create function postai._cache_owner(id integer) returns oid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.relowner from pg_class as c
   where c.relnamespace = 'postai_cache'::regnamespace and c.relname = '_query_' || id and c.relkind = 'v'
$$;
comment on function postai._cache_owner(integer) is 'The creator of a cache table, with whose rights it is filled: select postai._cache_owner(1)::regrole';

-- Whoever may make objects in the schema could make a table of that name, with triggers for the agent to run.
create function postai._cache_is_ours(id integer) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (select from pg_class as c join pg_namespace as n on n.nspname = 'postai'
                  where c.oid = to_regclass('postai_cache._rows_' || id) and c.relowner = n.nspowner and c.relkind = 'r')
$$;
comment on function postai._cache_is_ours(integer) is
  'Whether the table for the rows of a cache table is there and was made by postai: select postai._cache_is_ours(1)';

create function postai._cache_begin(name text, query text, ttl interval, invalidate_on_write boolean) returns integer
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  most integer := postai._setting_text('cache_tables')::numeric;
  id integer;
begin
  if name is null or name = '' or name like '\_%' or octet_length(name) > 63 then
    perform postai._raise('42602', format('%L cannot be the name of a cache table', name),
      'It is the name of a view in schema postai_cache: 1 to 63 bytes, the first of them no underscore.', 'Choose another name.');
  elsif ttl is null or ttl < interval '1 second' or ttl > interval '30 days' then
    perform postai._raise('22023', format('%s cannot be the time to live of a cache table', coalesce(ttl::text, 'null')), null,
      'Give 1 second to 30 days: ttl => ''1 minute''.');
  elsif invalidate_on_write and current_setting('wal_level') <> 'logical' then
    perform postai._raise('PA007', 'writes cannot be followed on this server', 'wal_level is ' || current_setting('wal_level') || ', not logical.',
      'Leave invalidate_on_write out, so that the time to live counts; or set wal_level = logical and restart the server.');
  end if;
  if (select count(*) from postai.cache_entry) >= most then
    perform postai._raise('53400', format('there are %s cache tables', most), 'Setting cache_tables allows no more.',
      'SELECT postai.uncache(...) one that is not needed, or let an operator SELECT postai.set(''cache_tables'', ...).');
  end if;
  insert into postai.cache_entry (name, query, ttl, invalidate_on_write, not_followed)
    values (name, query, ttl, invalidate_on_write,
            case when invalidate_on_write = false then 'it was made with invalidate_on_write => false' else 'no agent has followed them yet' end)
    on conflict do nothing returning cache_entry.id into id;
  if id is null then
    perform postai._raise('42P07', format('the cache table %I exists', name), null, format('First SELECT postai.uncache(%L).', name));
  end if;
  return id;
end
$$;
comment on function postai._cache_begin(text, text, interval, boolean) is
  'Notes a new cache table and gives its id. SECURITY DEFINER: nobody may write postai.cache_entry; see postai.cache.';

create function postai._cache_make(id integer, out key uuid) returns uuid
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  owner oid := postai._cache_owner(id);
  query oid := to_regclass('postai_cache._query_' || id);
  rows text := format('postai_cache._rows_%s', id);
  problem text;
  entry postai.cache_entry;
begin
  select e.* into entry from postai.cache_entry as e where e.id = _cache_make.id and e.created_by = session_user for update;
  if entry.id is null or owner is null or not pg_has_role(session_user, owner, 'member') then
    perform postai._raise('42704', format('there is no cache table %s of yours', id));
  elsif to_regclass(rows) is not null then
    perform postai._raise('55000', format('cache table %s is made', id));
  end if;
  problem := postai._cache_problem(query);
  if problem is not null then
    perform postai._raise('PA003', 'the rows of this query cannot be kept', problem || '.',
      'Leave that out of the query, or read it without a cache table.');
  elsif entry.invalidate_on_write and not postai._cache_followed(query) then
    perform postai._raise('PA007', 'writes to an unlogged table cannot be followed', null, 'Leave invalidate_on_write out, so that the time to live counts.');
  end if;
  execute format('create unlogged table %s (like postai_cache.%I)', rows, '_query_' || id);
  -- Of the table, which nobody else can change: the view may have been replaced meanwhile.
  problem := postai._cache_problem(to_regclass(rows));
  if problem is not null then
    perform postai._raise('PA003', 'the rows of this query cannot be kept', problem || '.');
  end if;
  execute format('grant select, insert on %s to %s', rows, owner::regrole);
  if to_regrole('postai_agent') is not null then
    execute format('grant select, insert, delete on %s to postai_agent', rows);
  end if;
  update postai.cache_entry as e set followed = postai._cache_followed(query), timed = postai._cache_timed(query),
         not_followed = case when postai._cache_followed(query) then e.not_followed else 'it reads an unlogged table' end
   where e.id = entry.id;
  key := entry.key;
end
$$;
comment on function postai._cache_make(integer) is
  'Makes the table for the rows of a new cache table, after a look at what its query reads. SECURITY DEFINER: the rows are postai''s, so that no trigger or default of anybody runs when the agent writes them.';

create function postai._cache_limit(rows bigint, bytes bigint) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if rows > postai._setting_text('cache_rows')::numeric then
    perform postai._raise('54000', 'the query gives more rows than a cache table may have',
      format('Setting cache_rows allows %s.', postai._setting_text('cache_rows')), 'Group the rows, or leave some out.');
  elsif bytes > postai._setting_text('cache_mb')::numeric * 1048576 then
    perform postai._raise('54000', format('the rows of the query take %s', pg_size_pretty(bytes)),
      format('Setting cache_mb allows %s MB.', postai._setting_text('cache_mb')), 'Group the rows, or leave some out.');
  end if;
end
$$;
comment on function postai._cache_limit(bigint, bigint) is 'Raises when a cache table would be bigger than the settings allow: select postai._cache_limit(100, 8192)';

create function postai._cache_ready(id integer) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  owner oid := postai._cache_owner(id);
  ttl interval := (select e.ttl from postai.cache_entry as e where e.id = _cache_ready.id and e.created_by = session_user);
  rows bigint;
  bytes bigint;
begin
  if ttl is null or owner is null or not pg_has_role(session_user, owner, 'member') then
    perform postai._raise('42704', format('there is no cache table %s of yours', id));
  elsif exists (select from postai_cache._fresh as f where f.id = _cache_ready.id) then
    perform postai._raise('55000', format('cache table %s is filled', id));
  end if;
  execute format('select count(*), coalesce(sum(pg_column_size(r)), 0) from postai_cache.%I as r', '_rows_' || id) into rows, bytes;
  perform postai._cache_limit(rows, bytes);
  execute format('revoke insert on postai_cache.%I from %s', '_rows_' || id, owner::regrole);
  -- A long transaction may have begun long before the rows were read, never after.
  insert into postai_cache._fresh as f values (id, transaction_timestamp(), transaction_timestamp() + ttl, rows, bytes);
  perform postai._record_event('cache.created', (select e.name from postai.cache_entry as e where e.id = _cache_ready.id), null, null,
                               jsonb_build_object('id', id, 'rows', rows, 'bytes', bytes, 'ttl', ttl::text));
  perform pg_notify('postai_cache', id::text);
end
$$;
comment on function postai._cache_ready(integer) is
  'From now on the rows that the creator has put into a new cache table are read. SECURITY DEFINER: he may not write any later.';

create function postai._cache_drop(id integer) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  one record;
begin
  -- First what a refresh takes first.
  perform from postai.cache_entry as e where e.id = $1 for update;
  -- What others made of the view is theirs: no CASCADE beyond our own objects.
  for one in
    select c.relname, c.relkind from pg_class as c
     where c.relnamespace = 'postai_cache'::regnamespace
       and c.oid in (select w.ev_class from pg_depend as d join pg_rewrite as w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid
                      where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass('postai_cache._rows_' || $1))
  loop
    execute format('drop view postai_cache.%I', one.relname);
  end loop;
  execute format('drop function if exists postai_cache.%I(uuid, jsonb)', '_live_' || id);
  execute format('drop view if exists postai_cache.%I', '_query_' || id);
  execute format('drop table if exists postai_cache.%I, postai_cache.%I', '_rows_' || id, '_key_' || id);
  delete from postai_cache._fresh as f where f.id = $1;
  delete from postai.cache_entry as e where e.id = $1;
end
$$;
comment on function postai._cache_drop(integer) is 'Drops all that a cache table is made of: called by postai._uncache and postai._cache_sweep.';

create function postai._uncache(name text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  id integer := (select e.id from postai.cache_entry as e where e.name::text = $1);
  owner oid := coalesce(postai._cache_owner(id), (select r.oid from postai.cache_entry as e join pg_roles as r on r.rolname = e.created_by where e.name::text = $1));
begin
  if id is null then
    perform postai._raise('42704', format('there is no cache table %I', $1), null, 'SELECT name FROM postai.cache_stats lists them.');
  elsif not pg_has_role(session_user, coalesce(owner, postai._owner()::regrole), 'member')
        and not (to_regrole('postai_operator') is not null and pg_has_role(session_user, 'postai_operator', 'member')) then
    perform postai._raise('PA006', format('the cache table %I is not yours', $1), null, 'Its creator or an operator may drop it.');
  end if;
  perform postai._cache_drop(id);
  perform postai._record_event('cache.dropped', $1, null, null, jsonb_build_object('id', id));
  perform pg_notify('postai_cache', id::text);
end
$$;
comment on function postai._uncache(text) is 'Drops a cache table. SECURITY DEFINER: its rows are postai''s; see postai.uncache.';

create function postai._cache_sweep() returns integer
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  one record;
  swept integer := 0;
begin
  perform set_config('lock_timeout', '100ms', true);
  for one in
    select e.id, e.name from postai.cache_entry as e
     where postai._cache_owner(e.id) is null or not postai._cache_is_ours(e.id)
       for update skip locked
  loop
    begin
      perform postai._cache_drop(one.id);
      perform postai._record_event('cache.dropped', one.name, null, null, jsonb_build_object('id', one.id, 'note', 'what it read is gone'));
      swept := swept + 1;
    exception
      -- Somebody reads it, or made a view of it: the next time.
      when lock_not_available or dependent_objects_still_exist then
        update postai.cache_entry as e set error = jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm) where e.id = one.id;
    end;
  end loop;
  return swept;
end
$$;
comment on function postai._cache_sweep() is
  'Drops what is left of cache tables whose query was dropped with what it read: select postai._cache_sweep(). SECURITY DEFINER: the agent owns none of it.';

-- The groups of a query that were written to: {"region": ["north", null], "year": [2026]}.
create function postai._cache_predicate(relation regclass, groups jsonb) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  -- The agent may know no schema of a user's types, so labels of an enum are compared as text.
  select string_agg(format('(r.%I%s = any (%L::%s[])%s)', a.attname, case when a.atttypid >= 16384 then '::text' end,
                           array(select v from jsonb_array_elements_text(g.value) as v where v is not null),
                           case when a.atttypid >= 16384 then 'text' else format_type(a.atttypid, null) end,
                           case when g.value @> 'null' then format(' or r.%I is null', a.attname) end), ' and ')
    from jsonb_each(groups) as g join pg_attribute as a on a.attrelid = relation and a.attname = g.key and a.attnum > 0
$$;
comment on function postai._cache_predicate(regclass, jsonb) is
  'The condition for rows of some groups: select postai._cache_predicate(''postai_cache._rows_1'', ''{"region": ["north", null]}'')';

-- It runs with the rights of postai_reader, which everybody has who may make cache tables, and can write nothing: so it
-- gains nobody anything to make _live_N do something else, with its caller's rights instead of his own.
create function postai._cache_rows(kind anyelement, id integer, key uuid, groups jsonb, most bigint) returns setof anyelement
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  over boolean := false;
begin
  -- Rolled back on purpose, as in the runners of questions: what was set, opened or queued inside goes, the rows stay.
  perform set_config('transaction_read_only', 'on', true);
  return query execute format('select * from postai_cache.%I($1, $2) limit $3', '_live_' || id) using key, groups, most;
  over := true;
  raise sqlstate 'PA0RO';
exception
  when others then
    if not over then
      raise;
    end if;
end
$$;
comment on function postai._cache_rows(anyelement, integer, uuid, jsonb, bigint) is
  'The rows of a query, for the agent that keeps them. SECURITY DEFINER, owned by postai_reader: whatever runs inside has neither the agent''s rights nor those of the owner of postai.';

-- By hand ----------------------------------------------------------------------------------------------------------

create function postai._cache_parts(id integer, statement text, path text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  it text := '_query_' || id;
  settings text;
begin
  begin
    perform postai._one_statement(statement);
  exception
    when sqlstate 'PA003' then
      perform postai._raise('42601', 'more than one statement is given', null, 'Give one SELECT statement.');
  end;
  perform set_config('search_path', path, true);
  execute pg_catalog.format(E'create view postai_cache.%I as\n%s', it, statement);
  perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
  select string_agg(format(' set %I = %L', s.name, s.setting), '') into settings
    from pg_settings as s
   where s.name in ('TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'lc_monetary', 'lc_numeric', 'lc_time',
                    'default_text_search_config');
  execute format('create table postai_cache.%I (key uuid not null)', '_key_' || id);
  execute format(
    'create function postai_cache.%1$I(key uuid, groups jsonb) returns setof postai_cache.%2$I language plpgsql stable security definer '
    'set search_path = pg_catalog, pg_temp %3$s as %4$L', '_live_' || id, it, settings, format($body$
#variable_conflict use_column
begin
  if not exists (select from postai_cache.%2$I as k where k.key = $1) then
    raise insufficient_privilege using message = 'this is read through its cache table only';
  elsif $2 is null then
    return query select r.* from postai_cache.%1$I as r;
  else
    return query execute 'select r.* from postai_cache.%1$I as r where ' || postai._cache_predicate('postai_cache.%1$I', $2);
  end if;
end
$body$, it, '_key_' || id));
  execute format('grant execute on function postai_cache.%I to public', '_live_' || id);
  execute format('comment on view postai_cache.%I is %L', it, format('The query of a cache table; SELECT postai.uncache(...) drops it.'));
end
$$;
comment on function postai._cache_parts(integer, text, text) is 'Makes what of a cache table belongs to its creator: called by postai._cache.';

create function postai._cache(name text, query text, ttl interval, invalidate_on_write boolean, path text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  id integer;
  key uuid;
  columns text;
begin
  query := regexp_replace(query, '[\s;]+$', '');
  if coalesce(query, '') = '' then
    perform postai._raise('42601', 'no query is given', null, 'Give one SELECT statement.');
  end if;
  id := postai._cache_begin(name, query, ttl, invalidate_on_write);
  perform postai._cache_parts(id, query, path);
  execute format('grant select on postai_cache.%I to %I', '_query_' || id, postai._owner());
  key := postai._cache_make(id);
  if postai._owner() <> current_user then
    execute format('revoke select on postai_cache.%I from %I', '_query_' || id, postai._owner());
  end if;
  execute format('insert into postai_cache.%I values (%L)', '_key_' || id, key);
  execute format('insert into postai_cache.%I select * from postai_cache.%I(%L, null) limit %s',
                 '_rows_' || id, '_live_' || id, key, postai._setting_text('cache_rows')::numeric::bigint + 1);
  perform postai._cache_ready(id);
  select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into columns
    from pg_attribute as a where a.attrelid = to_regclass('postai_cache._query_' || id) and a.attnum > 0 and not a.attisdropped;
  execute format($view$
create view postai_cache.%1$I as
  with state as materialized (
    select coalesce((select clock_timestamp() < f.fresh_until from postai_cache._fresh as f where f.id = %2$s), false) as fresh)
  select %3$s from postai_cache._rows_%2$s where (select s.fresh from state as s)
  union all
  select l.* from postai_cache._key_%2$s as k, postai_cache._live_%2$s(k.key, null) as l where not (select s.fresh from state as s)
  union all
  select q.* from postai_cache._query_%2$s as q where false$view$, name, id, columns);
  execute format('comment on view postai_cache.%I is %L', name, format('Cache table, at most %s old: %s', ttl, left(query, 1000)));
end
$$;
comment on function postai._cache(text, text, interval, boolean, text) is 'Makes and fills a cache table: called by postai.cache.';

create function postai.cache(name text, query text, ttl interval default '5 minutes', invalidate_on_write boolean default null) returns void
  language plpgsql
as $$
begin
  perform postai._cache(name, query, ttl, invalidate_on_write, pg_catalog.current_setting('search_path'));
end
$$;
comment on function postai.cache(text, text, interval, boolean) is
  'Keeps the rows of a query, filled now and then kept by the agent; whoever reads them gets none that are older than ttl: select postai.cache(''sales'', ''SELECT region, sum(amount) AS total FROM orders GROUP BY region'', ttl => ''1 minute''); select * from postai_cache.sales';

create function postai.uncache(name text) returns void
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._uncache(name);
end
$$;
comment on function postai.uncache(text) is 'Drops a cache table: select postai.uncache(''sales'')';

create view postai.cache_stats with (security_barrier) as
  select e.name::text as name, f.rows, f.bytes, pg_catalog.pg_relation_size(t.oid) as size,
         pg_catalog.pg_stat_get_numscans(t.oid) as reads, e.refreshes, e.refreshed_groups, e.refresh_ms, f.invalidations, e.ttl,
         f.as_of, nullif(f.fresh_until, '-infinity') as fresh_until,
         coalesce(pg_catalog.clock_timestamp() < f.fresh_until, false) as fresh,
         case when coalesce(pg_catalog.clock_timestamp() < f.fresh_until, false) then null
              when f.id is null then 'it is empty, as after a crash of the server'
              else coalesce(f.stale_reason, 'its time to live is over and the agent has not refreshed it') end as stale_reason,
         case when e.not_followed is null then 'write' else 'ttl' end as refreshed_on,
         e.not_followed, e.error, e.created_by, e.created_at, e.query
    from postai.cache_entry as e
    left join postai_cache._fresh as f on f.id = e.id
    left join pg_catalog.pg_class as t on t.oid = pg_catalog.to_regclass('postai_cache._rows_' || e.id)
   where pg_catalog.pg_has_role(coalesce(postai._cache_owner(e.id), (select n.nspowner from pg_catalog.pg_namespace as n where n.nspname = 'postai')), 'member')
      or exists (select from pg_catalog.pg_roles as o where o.rolname = 'postai_operator' and pg_catalog.pg_has_role(o.oid, 'member'));
comment on view postai.cache_stats is
  'Cache tables, your own and to operators all: how fresh they are, how often they were refreshed and why they were not: select name, rows, as_of, fresh, refreshes, refresh_ms, error from postai.cache_stats';
comment on column postai.cache_stats.invalidations is 'How often writes made it stale, since the server''s last crash.';
comment on column postai.cache_stats.reads is 'How often the rows were read, refreshing included.';
comment on column postai.cache_stats.refreshed_on is 'What refreshes it: write, and the time to live besides; or the time to live only, for the reason in not_followed.';
comment on column postai.cache_stats.as_of is 'The rows are those of this moment or a later one.';

-- Two owners' work: postai_reader gets what it is to own while it may create. It is no privilege that is noted for
-- roles that may come: without postai_reader there is nothing to grant.
create function postai._lower_cache() returns boolean
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
declare
  rows constant regprocedure := to_regprocedure('postai._cache_rows(anyelement, integer, uuid, jsonb, bigint)');
begin
  if rows is null or to_regrole('postai_reader') is null then
    return false;
  end if;
  execute format('revoke execute on function %s from public', rows);
  if to_regrole('postai_agent') is not null then
    execute format('grant execute on function %s to postai_agent', rows);
  end if;
  if (select p.proowner from pg_proc as p where p.oid = rows) <> to_regrole('postai_reader') then
    if not pg_has_role('postai_reader', 'member') then
      grant postai_reader to current_user;
    end if;
    grant create on schema postai to postai_reader;
    execute format('alter function %s owner to postai_reader', rows);
    revoke create on schema postai from postai_reader;
  end if;
  return true;
exception
  when insufficient_privilege then
    raise notice 'the agent cannot refresh cache tables until a superuser has run: ALTER FUNCTION % OWNER TO postai_reader', rows;
    return false;
end
$$;
comment on function postai._lower_cache() is
  'Lets the queries of cache tables run with fewer rights than their readers have: select postai._lower_cache(), after the roles of postai were made';

select postai._grant('usage on schema postai_cache', 'postai_reader', 'postai_agent');
select postai._grant('usage, create on schema postai_cache', 'postai_user');
select postai._grant('select on postai_cache._fresh', 'postai_reader');
select postai._grant('select, insert, update, delete on postai_cache._fresh', 'postai_agent');
select postai._grant('select on postai.cache_stats', 'postai_reader');
select postai._grant('select on postai.cache_entry', 'postai_agent');
select postai._grant('update (refreshes, refresh_ms, refreshed_groups, not_before, not_followed, error) on postai.cache_entry', 'postai_agent');
select postai._grant('execute on function ' || f, 'postai_reader')
  from pg_catalog.unnest(array['postai._cache_reads(oid)', 'postai._cache_owner(integer)', 'postai._cache_predicate(regclass, jsonb)',
    'postai.cache(text, text, interval, boolean)', 'postai.uncache(text)', 'postai._uncache(text)']) as f;
select postai._grant('execute on function ' || f, 'postai_user')
  from pg_catalog.unnest(array['postai._cache(text, text, interval, boolean, text)', 'postai._cache_begin(text, text, interval, boolean)',
    'postai._cache_make(integer)', 'postai._cache_ready(integer)', 'postai._cache_parts(integer, text, text)']) as f;
select postai._grant('execute on function ' || f, 'postai_agent')
  from pg_catalog.unnest(array['postai._cache_sweep()', 'postai._cache_reads(oid)', 'postai._cache_owner(integer)', 'postai._cache_is_ours(integer)', 'postai._cache_limit(bigint, bigint)', 'postai._cache_problem(oid)',
    'postai._cache_predicate(regclass, jsonb)']) as f;
select postai._lower_cache();
