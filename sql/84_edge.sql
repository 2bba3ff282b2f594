-- Edges: the rules that they follow, and what they say of themselves. An edge reads rules here (its home database) every
-- second and writes its report; where its servers are stands in its own configuration.

create table postai.edge_rule (
  name text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
  database_name text,
  user_name text,
  schema_name text,
  relation_name text check (relation_name is null or schema_name is not null),
  query text,
  ttl interval check (ttl >= interval '0'),
  route text check (route in ('nearest', 'primary', 'replica')),
  regions text[] check (cardinality(regions) > 0 and array_position(regions, null) is null),
  cache_table text check (octet_length(cache_table) between 1 and 63),
  changed_by name not null default session_user,
  changed_at timestamptz not null default pg_catalog.clock_timestamp(),
  check (num_nonnulls(ttl, route, regions, cache_table) > 0),
  check (regions is null or query is null),
  check (cache_table is null or query is not null)
);
comment on table postai.edge_rule is
  'Rules of edges; people write them with the function of this name: select name, route, ttl, regions from postai.edge_rule';
comment on column postai.edge_rule.relation_name is 'Relation of the schema; null = all of them.';
comment on column postai.edge_rule.query is 'Fingerprint of a statement, or a text that has it.';
comment on column postai.edge_rule.cache_table is 'What is read in the place of exactly that text: a view of schema postai_cache.';

create table postai.edge (
  name text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$'),
  figures jsonb not null check (jsonb_typeof(figures) = 'object'),
  first_at timestamptz not null default pg_catalog.clock_timestamp(),
  reported_at timestamptz not null default pg_catalog.clock_timestamp(),
  reported_by name not null default session_user
);
comment on table postai.edge is
  'The last report of every edge; people look at the views postai.edges and postai.edge_endpoints: select name, reported_at from postai.edge';

create view postai.edge_rules as
  select r.name, r.database_name, r.user_name,
         case when r.schema_name is not null then
           pg_catalog.concat(pg_catalog.quote_ident(r.schema_name), '.', coalesce(pg_catalog.quote_ident(r.relation_name), '*')) end as relation,
         r.query, r.ttl, r.route, r.regions, r.cache_table, r.changed_by, r.changed_at
    from postai.edge_rule as r;
comment on view postai.edge_rules is
  'Rules that edges follow; the most specific one that fits holds (query before relation before schema before user before database), regions of all that fit hold together: select name, relation, route, ttl, regions from postai.edge_rules';

create view postai.edges as
  select e.name, e.figures ->> 'version' as version, e.figures ->> 'region' as region, e.figures ->> 'address' as address,
         case when e.reported_at < pg_catalog.clock_timestamp() - interval '30 seconds' then 'silent' else 'alive' end as state,
         e.first_at, e.reported_at, e.figures
    from postai.edge as e;
comment on view postai.edges is
  'Edges that report here, with their figures; one that said nothing for 30 seconds is silent: select name, region, state, reported_at from postai.edges';

create view postai.edge_endpoints as
  select e.name as edge, n.name as node, n.region, n.role, n.latency_ms, n.behind_seconds, n.problem, e.reported_at
    from postai.edge as e
   cross join lateral pg_catalog.jsonb_to_recordset(
           case when pg_catalog.jsonb_typeof(e.figures -> 'nodes') = 'array' then e.figures -> 'nodes' else '[]' end)
         as n (name text, region text, role text, latency_ms double precision, behind_seconds double precision, problem text);
comment on view postai.edge_endpoints is
  'The servers as each edge sees them: role (primary, replica, down), how far behind, and why one is not used: select edge, node, role, problem from postai.edge_endpoints';

create function postai.edge_rule(
    name text, database_name text default null, user_name text default null, relation text default null, query text default null,
    ttl interval default null, route text default null, regions text[] default null, cache_table text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  whole boolean := relation ~ '\.\*$';
  parts text[];
begin
  if name is null or name !~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$' then
    perform postai._raise('22023', format('%s cannot name a rule', quote_nullable(left(name, 100))), null,
      'Use letters, digits, ''.'', ''-'' and ''_'', at most 63 characters.');
  elsif num_nonnulls(ttl, route, regions, cache_table) = 0 then
    perform postai._raise('22023', 'the rule says nothing', null, 'Give it a ttl, a route, regions or a cache_table.');
  elsif cache_table is not null and (query is null or query ~ '^[0-9a-f]{16}$' or regexp_replace(query, '[\s;]', '', 'g') = '') then
    perform postai._raise('22023', 'a rule with a cache_table takes the text of a query', 'The cache table is read in the place of exactly that text.',
      'Write query => ''SELECT ...'', as clients send it.');
  elsif octet_length(cache_table) not between 1 and 63 then
    perform postai._raise('22023', format('there is no cache table %L', left(cache_table, 100)), null,
      'SELECT name FROM postai.cache_stats, in the database of the clients, lists them.');
  elsif route not in ('nearest', 'primary', 'replica') then
    perform postai._raise('22023', format('there is no route %L', left(route, 100)), null, 'Write nearest, primary or replica.');
  elsif ttl < interval '0' or extract(epoch from ttl) > 31536000 then
    perform postai._raise('22023', 'a ttl is between 0 and a year', null, 'ttl => ''0'' means that nothing is kept.');
  elsif regions is not null and query is not null then
    perform postai._raise('22023', 'a rule about a query takes no regions',
      'Data is kept in its region whatever statement reads it.', 'Write relation => ''schema.table'' or relation => ''schema.*''.');
  elsif cardinality(regions) = 0 or array_position(regions, null) is not null or '' = any (regions) then
    perform postai._raise('22023', 'regions names at least one region, and no empty ones', null,
      'Write, for example: regions => ''{eu}''. postai.forget_edge_rule takes a rule away.');
  end if;
  if relation is not null then
    begin
      parts := parse_ident(case when whole then left(relation, -2) else relation end);
    exception
      when invalid_parameter_value then parts := '{}';
    end;
    if cardinality(parts) <> (case when whole then 1 else 2 end) then
      perform postai._raise('22023', format('%L names no relation with its schema', left(relation, 150)), null,
        'Write schema.table, or schema.* for all of a schema.');
    end if;
  end if;
  insert into postai.edge_rule as r (name, database_name, user_name, schema_name, relation_name, query, ttl, route, regions, cache_table)
    values (name, database_name, user_name, parts[1], parts[2], query, ttl, route, regions, cache_table)
    on conflict on constraint edge_rule_pkey do update
    set database_name = excluded.database_name, user_name = excluded.user_name, schema_name = excluded.schema_name,
        relation_name = excluded.relation_name, query = excluded.query, ttl = excluded.ttl, route = excluded.route,
        regions = excluded.regions, cache_table = excluded.cache_table, changed_by = excluded.changed_by, changed_at = excluded.changed_at;
  perform postai._record_event('edge.rule', 'edge rule ' || name, null, null, jsonb_strip_nulls(jsonb_build_object(
    'database', database_name, 'user', user_name, 'relation', relation, 'query', query, 'ttl', ttl, 'route', route, 'regions', regions,
    'cache_table', cache_table)));
end
$$;
comment on function postai.edge_rule(text, text, text, text, text, interval, text, text[], text) is
  'Makes or replaces a rule that edges follow from the next second on; conditions: database_name, user_name, relation (schema.table or schema.*), query (a text or fingerprint); what it says: ttl (how long answers may be kept, 0 = never), route (nearest, primary, replica), regions (where the data may be read and kept), cache_table (what is read in the place of exactly that text): select postai.edge_rule(''gdpr'', relation => ''crm.*'', regions => ''{eu}''). Definer: rules are written through these checks only.';

create function postai.forget_edge_rule(name text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  gone postai.edge_rule;
begin
  delete from postai.edge_rule as r where r.name = name returning r.* into gone;
  if not found then
    perform postai._raise('42704', format('there is no edge rule %s', quote_nullable(left(name, 100))), null,
      'SELECT name FROM postai.edge_rules lists them.');
  end if;
  perform postai._record_event('edge.rule_forgotten', 'edge rule ' || name, null, null, jsonb_strip_nulls(to_jsonb(gone)));
end
$$;
comment on function postai.forget_edge_rule(text) is
  'Takes a rule of edges away: select postai.forget_edge_rule(''gdpr''). Definer: rules are written through these checks only.';

create function postai._read_edge_rules(known text) returns table (generation text, rules text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select md5(a.all_rules), case when md5(a.all_rules) is distinct from known then a.all_rules end
    from (select coalesce(jsonb_agg(jsonb_build_object(
                   'name', r.name, 'database_name', r.database_name, 'user_name', r.user_name, 'schema_name', r.schema_name,
                   'relation_name', r.relation_name, 'query', r.query, 'ttl', extract(epoch from r.ttl)::double precision,
                   'route', r.route, 'regions', r.regions, 'cache_table', r.cache_table) order by r.name), '[]')::text as all_rules
            from postai.edge_rule as r) as a
$$;
comment on function postai._read_edge_rules(text) is
  'What an edge reads every second: all rules as JSON, null where the generation that it knows still holds: select * from postai._read_edge_rules(''''). Definer: edges read rules, not tables.';

create function postai._edge_report(name text, figures jsonb) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if pg_column_size(figures) > 262144 then
    perform postai._raise('54000', 'the report of an edge is too long', null, 'It takes at most 256 kB.');
  end if;
  insert into postai.edge as e (name, figures) values (name, figures)
    on conflict on constraint edge_pkey do update
    set figures = excluded.figures, reported_at = excluded.reported_at, reported_by = excluded.reported_by;
  delete from postai.edge as e where e.reported_at < clock_timestamp() - interval '7 days';
end
$$;
comment on function postai._edge_report(text, jsonb) is
  'What an edge says of itself, and what it forgets are edges that were silent for a week; figures hold version, region, address and nodes: select postai._edge_report(''edge-1'', ''{"version": "1.0", "nodes": []}''). Definer: an edge''s login writes nothing else.';

create function postai.forget_edge(name text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  delete from postai.edge as e where e.name = name;
  if not found then
    perform postai._raise('42704', format('there is no edge %s', quote_nullable(left(name, 150))), null,
      'SELECT name, state FROM postai.edges lists them.');
  end if;
end
$$;
comment on function postai.forget_edge(text) is
  'Takes an edge off the list that will not come back; one that still reports is there again within ten seconds. An edge that ends in order does it itself: select postai.forget_edge(''edge-1''). Definer: reports are written through these functions only.';

select postai._grant('select on postai.' || v, 'postai_reader', 'postai_agent')
  from unnest(array['edge_rules', 'edges', 'edge_endpoints']) as v;
select postai._grant('execute on function postai._read_edge_rules(text)', 'postai_reader', 'postai_agent');
select postai._grant('execute on function postai._edge_report(text, jsonb)', 'postai_agent');
select postai._grant('execute on function postai.forget_edge(text)', 'postai_operator', 'postai_agent');
select postai._grant('execute on function ' || f, 'postai_operator')
  from unnest(array['postai.edge_rule(text, text, text, text, text, interval, text, text[], text)', 'postai.forget_edge_rule(text)']) as f;
