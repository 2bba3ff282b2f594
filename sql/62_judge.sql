-- Judging: which statements are slow and how much that matters, where they tend to, which became slower and why, and
-- what was told to people about it. Everything comes from the history; only the agent writes here. The oids and query
-- ids of these tables mean nothing on another server, so they are not dumped.

create table postai.regression (
  id bigint generated always as identity primary key,
  dbid oid not null,
  userid oid not null,
  queryid bigint not null,
  toplevel boolean not null,
  cause text not null,
  severity text not null check (severity in ('HIGH', 'MEDIUM', 'LOW')),
  factor double precision not null,
  started_at timestamptz not null,
  found_at timestamptz not null,
  ended_at timestamptz,
  outcome text check (outcome in ('recovered', 'accepted', 'gone')),
  extra_ms_per_day double precision not null,
  before jsonb not null,
  after jsonb not null,
  recovered jsonb,
  why text not null,
  mitigation text not null,
  evidence jsonb not null
);
create unique index regression_open on postai.regression (dbid, userid, queryid, toplevel) where ended_at is null;
create index regression_found on postai.regression (found_at);
comment on table postai.regression is
  'Statements that became slower: since when, how much, why, what helps at once; see the view postai.regressions.';
comment on column postai.regression.before is 'Numbers of one call before, after since then, recovered when it was over.';
comment on column postai.regression.outcome is
  'recovered, accepted (it lasted so long that it is the usual now) or gone (no calls any more); NULL = it goes on.';

create table postai.judge_state (
  one boolean primary key default true check (one),
  judged_until timestamptz,
  actions_until timestamptz,
  took_ms real
);
comment on table postai.judge_state is 'Up to which interval was judged: select judged_until, took_ms from postai.judge_state';
insert into postai.judge_state default values;

create table postai.seen_index (
  index_oid oid primary key,
  table_oid oid not null,
  index_name text not null,
  definition text not null,
  first_seen timestamptz not null default clock_timestamp(),
  gone_at timestamptz
);
comment on table postai.seen_index is
  'Valid indexes of user tables with their definitions, so that one that vanishes can be made again; first_seen, gone_at: when it was seen, and missed, first.';

create table postai.alert (
  id bigint generated always as identity primary key,
  key text not null,
  kind text not null check (kind in ('regression', 'health', 'blocking', 'action', 'edge')),
  severity text not null check (severity in ('HIGH', 'MEDIUM', 'LOW')),
  title text not null,
  body text not null,
  detail jsonb not null default '{}',
  at timestamptz not null default clock_timestamp(),
  told_at timestamptz not null default clock_timestamp(),
  last_at timestamptz not null default clock_timestamp(),
  repeats integer not null default 0,
  ended_at timestamptz
);
create index alert_key on postai.alert (key, id);
create index alert_at on postai.alert (at);
comment on table postai.alert is
  'What people were told: one row from when it was noticed first until it was over; no values of parameters or rows in it.';
comment on column postai.alert.repeats is 'How often it was noticed again; it is told again after setting alert_quiet.';

create table postai.alert_delivery (
  id bigint generated always as identity primary key,
  alert bigint not null references postai.alert on delete cascade,
  channel text not null,
  message text not null check (message in ('raised', 'recovered')),
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed')),
  tries integer not null default 0,
  not_before timestamptz not null default clock_timestamp(),
  sent_at timestamptz,
  error text
);
create index alert_delivery_waiting on postai.alert_delivery (not_before) where state = 'waiting';
create index alert_delivery_of on postai.alert_delivery (alert);
comment on table postai.alert_delivery is
  'Each message about an alert for each channel (log, webhook, email): waiting until it was sent, also over a restart of the agent.';

-- Raising alerts ------------------------------------------------------------------------------------------------

create function postai._notify_alert(alert bigint, message text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  -- 8000 bytes are the most; the texts that may be long are bounded, each character counted as the four it may need
  -- (and escapes of JSON as six, hence the narrow bounds).
  select pg_notify('postai_alert', json_build_object('id', a.id, 'message', message, 'kind', a.kind,
           'severity', a.severity, 'title', left(a.title, 200), 'body', left(a.body, 800), 'key', left(a.key, 100),
           'at', a.at, 'ended_at', a.ended_at)::text)
    from postai.alert as a where a.id = alert
$$;
comment on function postai._notify_alert(bigint, text) is
  'Tells sessions that listen to postai_alert: select postai._notify_alert(12, ''raised'')';

create function postai._tell_alert(alert bigint, message text, channels text[]) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into postai.alert_delivery (alert, channel, message, state, error)
  select $1, c.name, $2, case when w.full then 'failed' else 'waiting' end,
         case when w.full then 'too many messages wait already' end
    from unnest(channels) as c (name),
         (select count(*) >= 1000 as full from postai.alert_delivery as d where d.state = 'waiting') as w;
  select postai._notify_alert(alert, message)
$$;
comment on function postai._tell_alert(bigint, text, text[]) is
  'Lays a message down for each channel: select postai._tell_alert(12, ''raised'', ''{log,webhook}'')';

create function postai._raise_alert(
    key text, kind text, severity text, title text, body text, detail jsonb, channels text[]) returns bigint
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known postai.alert;
  quiet constant interval := make_interval(secs => postai._setting_ms('alert_quiet') / 1000.0);
  told bigint;
begin
  select a.* into known from postai.alert as a where a.key = key order by a.id desc limit 1 for update;
  if found and known.told_at > clock_timestamp() - quiet then
    update postai.alert as a set repeats = a.repeats + 1, last_at = clock_timestamp(), ended_at = null where a.id = known.id;
    return null;
  elsif found and known.ended_at is null then
    update postai.alert as a
       set repeats = a.repeats + 1, last_at = clock_timestamp(), told_at = clock_timestamp(), severity = severity,
           title = left(title, 200), body = left(body, 4000), detail = detail
     where a.id = known.id;
    told := known.id;
  else
    insert into postai.alert (key, kind, severity, title, body, detail)
    values (key, kind, severity, left(title, 200), left(body, 4000), detail) returning id into told;
  end if;
  perform postai._tell_alert(told, 'raised', channels);
  return told;
end
$$;
comment on function postai._raise_alert(text, text, text, text, text, jsonb, text[]) is
  'Notes an alert; tells it unless the same one was told within alert_quiet (then null): select postai._raise_alert(''health:disk'', ''health'', ''HIGH'', ''Disk nearly full'', ''...'', ''{}'', ''{log}'')';

create function postai._end_alert(key text, channels text[]) returns bigint
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  ended bigint;
begin
  update postai.alert as a set ended_at = clock_timestamp()
   where a.key = key and a.ended_at is null
  returning a.id into ended;
  -- Once for each time that it was told.
  if ended is not null and not exists (
       select from postai.alert_delivery as d, postai.alert as a
        where a.id = ended and d.alert = ended and d.message = 'recovered'
          and d.id > (select max(r.id) from postai.alert_delivery as r where r.alert = ended and r.message = 'raised')) then
    perform postai._tell_alert(ended, 'recovered', channels);
    return ended;
  end if;
  return null;
end
$$;
comment on function postai._end_alert(text, text[]) is
  'Notes that an alert is over, and tells it once: select postai._end_alert(''health:disk'', ''{log}'')';

-- What people see -----------------------------------------------------------------------------------------------

create function postai._load_severity(ms_per_day double precision, share double precision, mean_ms double precision) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when ms_per_day >= 8640000 or (share >= 0.2 and ms_per_day >= 864000) then 'HIGH'
              when ms_per_day >= 864000 or (share >= 0.05 and ms_per_day >= 86400) or mean_ms >= 1000 then 'MEDIUM'
              when mean_ms >= 100 or share >= 0.01 then 'LOW' end
$$;
comment on function postai._load_severity(double precision, double precision, double precision) is
  'How much a statement matters by its load: HIGH, MEDIUM, LOW, NULL = not slow: select postai._load_severity(9000000, 0.1, 20)';

create view postai.slow_queries with (security_barrier) as
  with spent as (
    -- As for the advisors, less than an hour counts as one: a few minutes say too little of a day.
    select pg_catalog.sum(d.seconds)::double precision as known, greatest(pg_catalog.sum(d.seconds), 3600)::double precision as seconds
      from (select x.at, pg_catalog.max(x.seconds) as seconds from postai.sample_database as x
             where x.at > pg_catalog.now() - interval '1 day' group by x.at) as d
  ), done as (
    select x.statement_id, pg_catalog.sum(x.calls)::double precision as calls, pg_catalog.sum(x.total_ms) as total_ms,
           pg_catalog.sum(coalesce(x.rows, 0))::double precision as rows,
           pg_catalog.sum(coalesce(x.blks_hit, 0) + coalesce(x.blks_read, 0))::double precision as blocks
      from postai.sample_statement as x
     where x.at > pg_catalog.now() - interval '1 day'
     group by x.statement_id
  ), judged as (
    select s.queryid, s.userid, s.query, d.calls * 86400 / e.seconds as calls_per_day, d.total_ms / d.calls as mean_ms,
           d.total_ms * 86400 / e.seconds as total_ms_per_day,
           d.total_ms / nullif((select pg_catalog.sum(o.total_ms) from done as o join postai.statement as t on t.id = o.statement_id
                                where t.toplevel), 0) as share,
           d.rows / d.calls as rows_per_call, d.blocks / d.calls as blocks_per_call, e.known / 60 as minutes
      from done as d join postai.statement as s on s.id = d.statement_id
     cross join spent as e
     where s.queryid <> 0 and not s.own and d.calls > 0 and e.known > 0
       -- Who calls postai waits for the agent, and works no more than its own statements do.
       and (s.query operator(pg_catalog.~*) '\mpostai\.[a-z_]+\s*\(') is not true
  )
  select postai._load_severity(j.total_ms_per_day, j.share, j.mean_ms) as severity,
         pg_catalog.round(j.calls_per_day)::bigint as calls_per_day,
         pg_catalog.round(j.mean_ms::numeric, 3) as mean_ms,
         pg_catalog.round(j.total_ms_per_day)::bigint as total_ms_per_day,
         pg_catalog.round(j.share::numeric, 4) as share,
         pg_catalog.round(j.rows_per_call::numeric, 1) as rows_per_call,
         case when postai._may_see_statement(j.userid) then j.query end as query,
         j.queryid, pg_catalog.pg_get_userbyid(j.userid) as user_name,
         pg_catalog.round(j.blocks_per_call::numeric, 1) as blocks_per_call,
         pg_catalog.round(j.minutes)::integer as minutes
    from judged as j
   where postai._load_severity(j.total_ms_per_day, j.share, j.mean_ms) is not null
   order by j.total_ms_per_day desc;
comment on view postai.slow_queries is
  'Statements of the last day that take much time, the most first; minutes = time that the figures come from, scaled to a day, less than an hour counting as an hour; other people''s texts for operators only: select severity, calls_per_day, mean_ms, share, left(query, 40) as query from postai.slow_queries limit 10';

create view postai.query_trends with (security_barrier) as
  with points as (
    select x.statement_id, x.calls::double precision as w, x.total_ms / x.calls as y, x.total_ms, x.seconds,
           (extract(epoch from x.at - pg_catalog.now()) / 86400)::double precision as d
      from postai.sample_statement as x
     where x.at > pg_catalog.now() - interval '7 days' and x.calls > 0
  ), sums as (
    select p.statement_id, pg_catalog.count(*) as intervals, pg_catalog.sum(p.w) as w, pg_catalog.sum(p.w * p.d) as wd,
           pg_catalog.sum(p.w * p.y) as wy, pg_catalog.sum(p.w * p.d * p.d) as wdd, pg_catalog.sum(p.w * p.d * p.y) as wdy,
           pg_catalog.sum(p.w * p.y * p.y) as wyy, pg_catalog.max(p.d) - pg_catalog.min(p.d) as days,
           pg_catalog.regr_slope(p.w / p.seconds * 86400, p.d) as calls_slope,
           pg_catalog.avg(p.w / p.seconds * 86400) as calls_per_day
      from points as p group by p.statement_id having pg_catalog.count(*) >= 3
  ), lines as (
    select s.*, s.wy / s.w as mean_ms, s.wdd - s.wd * s.wd / s.w as dd, s.wdy - s.wd * s.wy / s.w as dy,
           s.wyy - s.wy * s.wy / s.w as yy
      from sums as s
  )
  select pg_catalog.round(l.mean_ms::numeric, 3) as mean_ms,
         pg_catalog.round((l.dy / nullif(l.dd, 0))::numeric, 3) as mean_ms_per_day,
         pg_catalog.round((100 * l.dy / nullif(l.dd, 0) / nullif(l.mean_ms, 0))::numeric, 1) as percent_per_day,
         pg_catalog.round(least(1, l.dy * l.dy / nullif(l.dd * l.yy, 0))::numeric, 2) as fit,
         pg_catalog.round(l.calls_per_day)::bigint as calls_per_day,
         pg_catalog.round((100 * l.calls_slope / nullif(l.calls_per_day, 0))::numeric, 1) as calls_percent_per_day,
         case when postai._may_see_statement(t.userid) then t.query end as query,
         t.queryid, pg_catalog.pg_get_userbyid(t.userid) as user_name,
         l.intervals, pg_catalog.round(l.days::numeric, 2) as days
    from lines as l join postai.statement as t on t.id = l.statement_id
   where t.queryid <> 0 and not t.own
   order by l.mean_ms * l.calls_per_day * greatest(0, l.dy / nullif(l.dd, 0) / nullif(l.mean_ms, 0)) desc nulls last;
comment on view postai.query_trends is
  'Where the time of a call tends to, over the last 7 days (a straight line; fit 1 = it explains all): select mean_ms, mean_ms_per_day, percent_per_day, fit, left(query, 40) as query from postai.query_trends where days > 1 limit 10';

create view postai.regressions with (security_barrier) as
  select r.severity, r.cause, pg_catalog.round(r.factor::numeric, 1) as factor,
         case when v.yes then s.query end as query,
         r.why,
         r.mitigation || case when postai._is_operator(current_user) then
           coalesce(' It runs, or ran last: ' || (r.evidence #>> '{blockers,0,query}'), '') else '' end as mitigation,
         r.started_at, r.found_at, r.ended_at, coalesce(r.outcome, 'open') as state,
         pg_catalog.round((r.before ->> 'mean_ms')::numeric, 3) as before_ms,
         pg_catalog.round((r.after ->> 'mean_ms')::numeric, 3) as after_ms,
         pg_catalog.round(r.extra_ms_per_day)::bigint as extra_ms_per_day,
         r.queryid, pg_catalog.pg_get_userbyid(r.userid) as user_name, r.id,
         case when postai._is_operator(current_user) then r.evidence end as evidence
    from postai.regression as r
    left join postai.statement as s
      on s.dbid = r.dbid and s.userid = r.userid and s.queryid = r.queryid and s.toplevel = r.toplevel
   cross join lateral (select postai._may_see_statement(r.userid) as yes) as v
   order by r.ended_at is not null, pg_catalog.array_position(array['HIGH', 'MEDIUM', 'LOW'], r.severity),
            r.found_at desc, r.id desc;
comment on view postai.regressions is
  'Statements that became slower, why, and what helps at once; those that go on first: select severity, cause, factor, why, mitigation from postai.regressions where state = ''open''';

create view postai.alerts with (security_barrier) as
  select a.severity, a.kind, a.title, case when a.ended_at is null then 'open' else 'over' end as state, a.at, a.ended_at,
         a.repeats, a.body,
         (select pg_catalog.string_agg(d.channel || ' ' || d.message || ' ' || d.state, ', ' order by d.id)
            from postai.alert_delivery as d where d.alert = a.id) as deliveries,
         a.key, a.id
    from postai.alert as a
   order by a.ended_at is not null, a.id desc;
comment on view postai.alerts is
  'What people were told, and whether it reached them; what goes on first: select severity, title, state, at, deliveries from postai.alerts limit 10';

select postai._grant('select on postai.' || v, 'postai_reader', 'postai_agent')
  from pg_catalog.unnest(array['slow_queries', 'query_trends', 'regressions', 'alerts', 'judge_state']) as v;
select postai._grant('select, insert, update, delete on postai.' || t, 'postai_agent')
  from pg_catalog.unnest(array['regression', 'judge_state', 'seen_index', 'alert', 'alert_delivery']) as t;
select postai._grant('execute on function postai._load_severity(double precision, double precision, double precision)',
                     'postai_reader', 'postai_agent');
select postai._grant('execute on function ' || f, 'postai_agent')
  from pg_catalog.unnest(array['postai._notify_alert(bigint, text)', 'postai._tell_alert(bigint, text, text[])',
                               'postai._raise_alert(text, text, text, text, text, jsonb, text[])',
                               'postai._end_alert(text, text[])']) as f;
