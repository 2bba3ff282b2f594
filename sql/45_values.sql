-- What the agent knows of the data: values of text columns with few of them, and joins that no foreign key declares.
--
-- The value index is secret like the rows it came from: the agent alone reads it, and uses a value only for a caller who
-- may read the column, in a table without row level security. It is made anew by every agent, so it is not dumped.
--
-- Whose joins count: what an operator declares counts for everybody, what anybody else declares for that login alone.
-- A join widens nothing: statements that use it pass the guard and run with the rights of whoever asks.

create table postai.value_index (
  table_oid oid not null,
  column_number smallint not null,
  schema_name name not null,
  table_name name not null,
  column_name name not null,
  values text[] not null,
  complete boolean not null,
  bytes integer not null,
  refreshed_at timestamptz not null default clock_timestamp(),
  primary key (table_oid, column_number)
);
comment on table postai.value_index is
  'Distinct values of text columns with few of them, most frequent first; written and read by the agent only. Not dumped: oids mean other tables elsewhere.';
comment on column postai.value_index.complete is 'Whether these were all values of the column when it was read.';

create table postai.contained_join (
  left_schema name not null,
  left_table name not null,
  left_column name not null,
  right_schema name not null,
  right_table name not null,
  right_column name not null,
  confidence real not null check (confidence between 0 and 1),
  found_at timestamptz not null default clock_timestamp(),
  primary key (left_schema, left_table, left_column, right_schema, right_table, right_column)
);
comment on table postai.contained_join is
  'Joins that the agent found: all values of the left column are in the right one, which is unique. Not dumped.';

create table postai.value_index_state (
  one boolean primary key default true check (one),
  version bigint not null default 0,
  columns integer not null default 0,
  bytes bigint not null default 0,
  joins integer not null default 0,
  refreshed_at timestamptz,
  unread_tables integer not null default 0,
  unread_sqlstates jsonb not null default '{}'
);
comment on table postai.value_index_state is
  'How much the value index holds; the version grows when values or found joins changed: select columns, bytes, refreshed_at from postai.value_index_state';
comment on column postai.value_index_state.unread_tables is
  'Tables that could not be read when they were read last; what was known of them is kept, and they are tried again.';
comment on column postai.value_index_state.unread_sqlstates is
  'The same by SQLSTATE: {"55P03": 1} is one that is locked or being defined; 57014 too slow, 42501 not permitted, 0A000 never read, as that would run a function of a user.';
insert into postai.value_index_state default values;

create table postai.declared_join (
  id bigint generated always as identity primary key,
  left_schema name not null,
  left_table name not null,
  left_column name not null,
  right_schema name not null,
  right_table name not null,
  right_column name not null,
  shared boolean not null default false,
  declared_by name not null,
  declared_at timestamptz not null default clock_timestamp()
);
comment on table postai.declared_join is 'Joins that people declared, by names; one''s own, or everybody''s when shared.';
create unique index declared_join_own on postai.declared_join
  (declared_by, left_schema, left_table, left_column, right_schema, right_table, right_column) where not shared;
create unique index declared_join_shared on postai.declared_join
  (left_schema, left_table, left_column, right_schema, right_table, right_column) where shared;

create view postai.joins with (security_barrier) as
  with readable as (
    select a.attrelid, a.attnum, n.nspname, c.relname, a.attname,
           pg_catalog.format('%I.%I.%I', n.nspname, c.relname, a.attname) collate "default" as full_name
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_'
       and n.nspname not in ('information_schema', 'postai', 'postai_cache')
       and pg_catalog.has_schema_privilege(current_user, n.oid, 'USAGE')
       and pg_catalog.has_column_privilege(current_user, c.oid, a.attnum, 'SELECT')
  ), known as (
    select d.left_schema, d.left_table, d.left_column, d.right_schema, d.right_table, d.right_column,
           'declared' as source, 1::real as confidence, d.declared_by, d.shared
      from postai.declared_join as d
     where d.shared or d.declared_by = session_user
    union all
    select j.left_schema, j.left_table, j.left_column, j.right_schema, j.right_table, j.right_column,
           'contained' as source, j.confidence, null::name as declared_by, null::boolean as shared
      from postai.contained_join as j
  )
  select l.full_name as left_column, r.full_name as right_column, k.source, k.confidence, k.declared_by, k.shared
    from known as k
    join readable as l on l.nspname = k.left_schema and l.relname = k.left_table and l.attname = k.left_column
    join readable as r on r.nspname = k.right_schema and r.relname = k.right_table and r.attname = k.right_column
  union all
  select pg_catalog.string_agg(l.full_name, ', ' order by p.place) as left_column,
         pg_catalog.string_agg(r.full_name, ', ' order by p.place) as right_column,
         'foreign key' as source, 1::real as confidence, null::name as declared_by, null::boolean as shared
    from pg_catalog.pg_constraint as f
   cross join lateral rows from (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey)) with ordinality as p (child, parent, place)
    left join readable as l on l.attrelid = f.conrelid and l.attnum = p.child
    left join readable as r on r.attrelid = f.confrelid and r.attnum = p.parent
   where f.contype = 'f' and f.conparentid = 0
   group by f.oid
  having pg_catalog.bool_and(l.attnum is not null and r.attnum is not null);
comment on view postai.joins is
  'How tables join, as far as you may read them: foreign keys, joins that were declared, joins that the agent found: select left_column, right_column, source, confidence from postai.joins';

-- Declaring ---------------------------------------------------------------------------------------------------

-- Temporary tables are left out: the agent cannot see them.
create function postai._find_column(
    written text, schemas text[], out schema_name name, out table_name name, out column_name name)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  parts text[];
  relation oid;
  near text;
begin
  begin
    -- Three quoted names are shorter; what is far longer would keep the search for near names busy for minutes.
    parts := parse_ident(case when octet_length(written) <= 1000 then written end);
  exception
    when invalid_parameter_value then
      parts := null;
  end;
  if parts is null or cardinality(parts) not between 2 and 3 then
    perform postai._raise('22023', format('%s is no name of a column', quote_nullable(left(written, 200))), null,
      'Write table.column or schema.table.column, with double quotes where names need them.');
  end if;
  if cardinality(parts) = 3 then
    schemas := parts[1:1];
  end if;
  select c.oid, n.nspname, c.relname into relation, schema_name, table_name
    from unnest(schemas) with ordinality as s (name, place)
    join pg_namespace as n on n.nspname = s.name and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'postai', 'postai_cache')
    join pg_class as c on c.relnamespace = n.oid and c.relname = parts[cardinality(parts) - 1] and c.relkind in ('r', 'p', 'v', 'm', 'f')
   order by s.place limit 1;
  if relation is null then
    perform postai._raise('42P01', format('there is no table %s', left(array_to_string(parts[1:cardinality(parts) - 1], '.'), 200)),
      format('Looked in: %s.', left(array_to_string(schemas, ', '), 1000)), 'Write schema.table.column; system catalogs and temporary tables are left out.');
  end if;
  select a.attname into column_name from pg_attribute as a
   where a.attrelid = relation and a.attname = parts[cardinality(parts)] and a.attnum > 0 and not a.attisdropped;
  if column_name is null then
    select string_agg(n.attname, ', ') into near
      from (select a.attname from pg_attribute as a where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
             order by postai._nearness(a.attname, parts[cardinality(parts)]) desc, a.attnum limit 3) as n;
    perform postai._raise('42703', format('table %I.%I has no column %I', schema_name, table_name, left(parts[cardinality(parts)], 200)),
      'Nearest: ' || near, 'Write table.column or schema.table.column.');
  end if;
  if not has_schema_privilege(schema_name, 'USAGE') or not has_column_privilege(relation, column_name, 'SELECT') then
    perform postai._raise('42501', format('role %I may not read %I.%I.%I', current_user, schema_name, table_name, column_name), null,
      format('GRANT SELECT (%I) ON %I.%I TO %I;', column_name, schema_name, table_name, current_user));
  end if;
end
$$;
comment on function postai._find_column(text, text[]) is
  'The column that a name means, if the caller may read it: select * from postai._find_column(''orders.customer_id'', ''{public}'')';

-- PREPARE only analyses: the server itself says whether there is an operator, and nothing is run.
create function postai._require_comparable(l text[], r text[], path text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  statement constant text := format('prepare postai_join as select from %I.%I as l join %I.%I as r on l.%I = r.%I',
    l[1], l[2], r[1], r[2], l[3], r[3]);
  said text;
begin
  if exists (select from pg_prepared_statements as p where p.name = 'postai_join') then
    execute 'deallocate postai_join';  -- left from a cancel
  end if;
  perform set_config('search_path', path, true);
  execute statement;
  execute 'deallocate postai_join';
exception
  when undefined_function or datatype_mismatch or ambiguous_function or indeterminate_collation then
    get stacked diagnostics said = message_text;
    perform postai._raise('42883', format('%I.%I and %I.%I cannot be compared', l[2], l[3], r[2], r[3]),
      said, 'Columns that join need types with an operator "=" between them.');
end
$$;
comment on function postai._require_comparable(text[], text[], text) is
  'Raises 42883 unless two columns can be compared: select postai._require_comparable(''{shop,orders,customer_id}'', ''{shop,customers,id}'', ''shop'')';

create function postai._keep_join(l text[], r text[], shared boolean) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  most constant integer := case when _keep_join.shared then 2000 else 500 end;
begin
  if exists (select from postai.declared_join as d
              where d.shared = _keep_join.shared and (d.shared or d.declared_by = session_user)
                and ((array[d.left_schema, d.left_table, d.left_column]::text[] = l and array[d.right_schema, d.right_table, d.right_column]::text[] = r)
                  or (array[d.left_schema, d.left_table, d.left_column]::text[] = r and array[d.right_schema, d.right_table, d.right_column]::text[] = l))) then
    return;
  elsif (select count(*) from postai.declared_join as d
          where d.shared = _keep_join.shared and (d.shared or d.declared_by = session_user)) >= most then
    perform postai._raise('54000', format('there are %s declared joins already', most), null,
      'Take one back: SELECT postai.forget_join(left_column, right_column); SELECT * FROM postai.joins lists them.');
  end if;
  insert into postai.declared_join (left_schema, left_table, left_column, right_schema, right_table, right_column, shared, declared_by)
  values (l[1], l[2], l[3], r[1], r[2], r[3], _keep_join.shared, session_user)
  on conflict do nothing;
  if shared then
    perform postai._record_event('join.shared', array_to_string(l, '.') || ' = ' || array_to_string(r, '.'), null, null, '{}');
  end if;
end
$$;
comment on function postai._keep_join(text[], text[], boolean) is
  'Writes a declared join once: select postai._keep_join(''{shop,orders,customer_id}'', ''{shop,customers,id}'', false)';

create function postai._declare_own_join(l text[], r text[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._keep_join(l, r, false)
$$;
comment on function postai._declare_own_join(text[], text[]) is
  'Writes a join of the login: select postai._declare_own_join(''{shop,orders,customer_id}'', ''{shop,customers,id}''). Definer: nobody may write joins of others.';

create function postai._declare_shared_join(l text[], r text[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._keep_join(l, r, true)
$$;
comment on function postai._declare_shared_join(text[], text[]) is
  'Writes a join for everybody: select postai._declare_shared_join(''{shop,orders,customer_id}'', ''{shop,customers,id}''). Definer: see _declare_own_join; operators only.';

create function postai._declare_join(left_column text, right_column text, path text, schemas text[]) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  l constant record := postai._find_column(left_column, schemas);
  r constant record := postai._find_column(right_column, schemas);
  one constant text[] := array[l.schema_name, l.table_name, l.column_name];
  other constant text[] := array[r.schema_name, r.table_name, r.column_name];
begin
  if one = other then
    perform postai._raise('22023', 'a column joined with itself says nothing', null, 'Name two columns.');
  end if;
  perform postai._require_comparable(one, other, path);
  if postai._is_operator(current_user) and postai._is_operator(session_user) then
    perform postai._declare_shared_join(one, other);
  else
    perform postai._declare_own_join(one, other);
  end if;
end
$$;
comment on function postai._declare_join(text, text, text, text[]) is
  'Body of postai.declare_join: select postai._declare_join(''orders.customer_id'', ''customers.id'', ''public'', ''{public}'')';

create function postai.declare_join(left_column text, right_column text) returns void
  language plpgsql volatile
as $$
begin
  perform postai._declare_join(left_column, right_column, postai._path(pg_catalog.current_schemas(false)),
    pg_catalog.current_schemas(false)::pg_catalog.text[]);
end
$$;
comment on function postai.declare_join(text, text) is
  'Says that equal values of two columns mean the same thing, for your questions, or for everybody''s when you are an operator: select postai.declare_join(''orders.customer_id'', ''customers.id'')';

create function postai._forget_join(l text[], r text[], shared boolean) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  delete from postai.declared_join as d
   where (d.declared_by = session_user or _forget_join.shared and d.shared)
     and ((array[d.left_schema, d.left_table, d.left_column]::text[] = l and array[d.right_schema, d.right_table, d.right_column]::text[] = r)
       or (array[d.left_schema, d.left_table, d.left_column]::text[] = r and array[d.right_schema, d.right_table, d.right_column]::text[] = l))
     and (_forget_join.shared or not d.shared);
  if not found then
    perform postai._raise('42704', format('%s and %s are no declared join%s', left(array_to_string(l, '.'), 200), left(array_to_string(r, '.'), 200),
      case when _forget_join.shared then '' else ' of yours' end), null,
      'SELECT left_column, right_column FROM postai.joins WHERE source = ''declared'' lists them; shared ones are taken back by operators.');
  end if;
  if shared then
    perform postai._record_event('join.forgotten', array_to_string(l, '.') || ' = ' || array_to_string(r, '.'), null, null, '{}');
  end if;
end
$$;
comment on function postai._forget_join(text[], text[], boolean) is
  'Removes a declared join: select postai._forget_join(''{shop,orders,customer_id}'', ''{shop,customers,id}'', false)';

create function postai._forget_own_join(l text[], r text[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._forget_join(l, r, false)
$$;
comment on function postai._forget_own_join(text[], text[]) is
  'Removes a join of the login: select postai._forget_own_join(''{shop,orders,customer_id}'', ''{shop,customers,id}''). Definer: nobody may delete joins of others.';

create function postai._forget_shared_join(l text[], r text[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select postai._forget_join(l, r, true)
$$;
comment on function postai._forget_shared_join(text[], text[]) is
  'Removes a join that counts for everybody, or one''s own: select postai._forget_shared_join(''{shop,orders,customer_id}'', ''{shop,customers,id}''). Definer: see _forget_own_join; operators only.';

-- What was declared may be gone or renamed: then its names are taken as they were written.
create function postai._named_column(written text, schemas text[]) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  parts text[];
begin
  begin
    -- Three quoted names are shorter; what is far longer would keep the search for near names busy for minutes.
    parts := parse_ident(case when octet_length(written) <= 1000 then written end);
  exception
    when invalid_parameter_value then
      parts := null;
  end;
  if parts is null or cardinality(parts) not between 2 and 3 then
    perform postai._raise('22023', format('%s is no name of a column', quote_nullable(left(written, 200))), null,
      'Write table.column or schema.table.column, with double quotes where names need them.');
  elsif cardinality(parts) = 3 then
    return parts;
  end if;
  return (select array[s.name, parts[1], parts[2]]
            from unnest(schemas) with ordinality as s (name, place)
           order by exists (select from postai.joins as j
                             where j.source = 'declared' and format('%I.%I.%I', s.name, parts[1], parts[2]) in (j.left_column, j.right_column)) desc,
                    s.place
           limit 1);
end
$$;
comment on function postai._named_column(text, text[]) is
  'Schema, table and column of a name, also when they are gone: select postai._named_column(''orders.customer_id'', ''{public}'')';

create function postai._take_join_back(left_column text, right_column text, schemas text[]) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  one constant text[] := postai._named_column(left_column, schemas);
  other constant text[] := postai._named_column(right_column, schemas);
begin
  if postai._is_operator(current_user) and postai._is_operator(session_user) then
    perform postai._forget_shared_join(one, other);
  else
    perform postai._forget_own_join(one, other);
  end if;
end
$$;
comment on function postai._take_join_back(text, text, text[]) is
  'Body of postai.forget_join: select postai._take_join_back(''orders.customer_id'', ''customers.id'', ''{public}'')';

create function postai.forget_join(left_column text, right_column text) returns void
  language plpgsql volatile
as $$
begin
  perform postai._take_join_back(left_column, right_column, pg_catalog.current_schemas(false)::pg_catalog.text[]);
end
$$;
comment on function postai.forget_join(text, text) is
  'Takes a declared join back, one''s own, and for operators a shared one: select postai.forget_join(''orders.customer_id'', ''customers.id'')';

-- For the agent -----------------------------------------------------------------------------------------------

create function postai._known_version(login name, out version bigint, out joins text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when postai._setting_text('value_index')::boolean then (select s.version from postai.value_index_state as s) else -1 end,
         (select coalesce(json_agg(json_build_array(d.left_schema, d.left_table, d.left_column, d.right_schema, d.right_table, d.right_column)
                                   order by d.id), '[]')::text
            from postai.declared_join as d where d.shared or d.declared_by = login)
$$;
comment on function postai._known_version(name) is
  'Version of the value index (-1 = switched off) and the joins that count for a login: select * from postai._known_version(session_user)';

select postai._grant('select, insert, update, delete on ' || t, 'postai_agent')
  from pg_catalog.unnest(array['postai.value_index', 'postai.contained_join']) as t;
select postai._grant('select, update on postai.value_index_state', 'postai_agent');
select postai._grant('select on postai.value_index_state', 'postai_reader');
select postai._grant('select on postai.declared_join', 'postai_agent');
select postai._grant('execute on function postai._known_version(name)', 'postai_agent');
select postai._grant('select on postai.joins', 'postai_user');
select postai._grant('execute on function ' || f, 'postai_user')
  from pg_catalog.unnest(array[
    'postai._find_column(text, text[])', 'postai._require_comparable(text[], text[], text)',
    'postai._nearness(text, text)', 'postai._declare_own_join(text[], text[])',
    'postai._declare_join(text, text, text, text[])', 'postai.declare_join(text, text)',
    'postai._forget_own_join(text[], text[])', 'postai._named_column(text, text[])',
    'postai._take_join_back(text, text, text[])', 'postai.forget_join(text, text)']) as f;
select postai._grant('execute on function ' || f, 'postai_operator')
  from pg_catalog.unnest(array['postai._declare_shared_join(text[], text[])', 'postai._forget_shared_join(text[], text[])']) as f;
