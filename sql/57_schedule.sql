-- When actions run: windows, recurring times in cron's five fields, and what the operator's policy lets the agent apply
-- without being asked.

create function postai._cron_field(field text, low integer, high integer) returns integer[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  part text;
  piece text[];
  first integer;
  last integer;
  found integer[] := array[]::integer[];
begin
  foreach part in array string_to_array(field, ',') loop
    piece := regexp_match(part, '^(\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$');
    first := coalesce(piece[2]::integer, low);
    last := coalesce(piece[3]::integer, case when piece[2] is null or piece[4] is not null then high else first end);
    if piece is null or first < low or last > high or first > last or piece[4]::integer = 0 then
      raise invalid_parameter_value using message = format('%L is no field of a cron expression from %s to %s', part, low, high);
    end if;
    found := found || array(select generate_series(first, last, coalesce(piece[4]::integer, 1)));
  end loop;
  return array(select distinct f from unnest(found) as f order by 1);
end
$$;
comment on function postai._cron_field(text, integer, integer) is
  'Numbers that one field of a cron expression stands for: select postai._cron_field(''*/15'', 0, 59)';

-- Day of month and day of week both given: either will do, as in cron. 0 and 7 are Sunday.
create function postai._next_time(cron text, time_zone text, after timestamptz) returns timestamptz
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  fields text[] := regexp_split_to_array(btrim(cron), '\s+');
  minutes integer[];
  hours integer[];
  days integer[];
  months integer[];
  weekdays integer[];
  begins timestamp := date_trunc('minute', after at time zone time_zone) + interval '1 minute';
  day date;
  moment timestamptz;
begin
  if array_length(fields, 1) is distinct from 5 then
    raise invalid_parameter_value using message = format('%L has not the five fields of a cron expression', cron);
  end if;
  minutes := postai._cron_field(fields[1], 0, 59);
  hours := postai._cron_field(fields[2], 0, 23);
  days := postai._cron_field(fields[3], 1, 31);
  months := postai._cron_field(fields[4], 1, 12);
  weekdays := array(select distinct w % 7 from unnest(postai._cron_field(fields[5], 0, 7)) as w);
  for day in select begins::date + n from generate_series(0, 366 * 8) as n loop
    continue when extract(month from day) <> all (months);
    continue when case when fields[3] <> '*' and fields[5] <> '*'
                       then extract(day from day) <> all (days) and extract(dow from day) <> all (weekdays)
                       else extract(day from day) <> all (days) or extract(dow from day) <> all (weekdays) end;
    -- An hour that daylight saving leaves out or repeats gives one moment, the first that is still to come.
    select min(t.at) into moment
      from (select (day + make_interval(hours => h, mins => m)) at time zone time_zone as at
              from unnest(hours) as h, unnest(minutes) as m) as t
     where t.at > after;
    if moment is not null then
      return moment;
    end if;
  end loop;
  raise invalid_parameter_value using message = format('%L never comes', cron);
end
$$;
comment on function postai._next_time(text, text, timestamptz) is
  'The next moment of a cron expression: select postai._next_time(''30 2 * * 0'', ''Europe/Berlin'', now())';

create function postai._schedule(proposal bigint, run_window tstzrange, recurring text, unsafe boolean, scans_only boolean) returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  zone text := current_setting('TimeZone');
  first timestamptz;
  action bigint;
begin
  if run_window is null and recurring is null then
    perform postai._raise('22023', 'no time is given', null,
      'Give run_window => ''[2026-07-01 22:00, 2026-07-02 04:00)'' or recurring => ''0 3 * * *''; SELECT postai.apply(...) runs it now.');
  elsif isempty(run_window) or upper(run_window) <= clock_timestamp() then
    perform postai._raise('22023', format('the window %s is over', run_window), null, 'Give a window whose end is still to come.');
  end if;
  if recurring is not null then
    begin
      first := postai._next_time(recurring, zone, greatest(clock_timestamp(), lower(run_window) - interval '1 second'));
    exception
      when invalid_parameter_value then
        perform postai._raise('22023', sqlerrm, 'A recurring time has five fields: minute, hour, day of month, month, day of week (0 is Sunday).',
                              'For example ''0 3 * * *'' every night at three, ''30 1 * * 6'' on Saturdays.');
    end;
    perform postai._lock_proposal(proposal);
    if not postai._is_repeatable(proposal) then
      perform postai._raise('22023', format('proposal %s can be carried out once only', proposal),
        'Only VACUUM, ANALYZE and REINDEX are done again and again.', 'Give a window instead: run_window => ...');
    elsif run_window is not null and (lower_inf(run_window) or upper_inf(run_window)) then
      perform postai._raise('22023', 'a recurring window needs a beginning and an end', null,
                            'Its length is that of every window; its beginning is when the first may come.');
    end if;
    run_window := tstzrange(first, first + (upper(run_window) - lower(run_window)));
    run_window := case when not upper_inf(run_window) then run_window end;
  end if;
  if scans_only and (recurring is not null or run_window is null) then
    perform postai._raise('22023', 'scans_only needs a window, and nothing that recurs', null,
      'Give run_window => ''[2026-07-01 22:00, 2026-07-02 04:00)'', scans_only => true.');
  end if;
  perform postai._approve(proposal, false, unsafe);
  if scans_only then
    action := postai._enqueue(proposal, 'apply');
    update postai.action as a set scan_window = _schedule.run_window where a.id = action;
    return action;
  end if;
  return postai._enqueue(proposal, 'apply', session_user, run_window, first, recurring, case when recurring is not null then zone end);
end
$$;
comment on function postai._schedule(bigint, tstzrange, text, boolean, boolean) is
  'Approves and queues for later. SECURITY DEFINER: nobody may write the tables; see postai.schedule.';

create function postai.schedule(
  proposal bigint, run_window tstzrange default null, recurring text default null, unsafe boolean default false, scans_only boolean default false
) returns bigint
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform postai._require_operator('schedule a proposal');
  return postai._schedule(proposal, run_window, recurring, unsafe, scans_only);
end
$$;
comment on function postai.schedule(bigint, tstzrange, text, boolean, boolean) is
  'Queues a proposal for a window, or again and again at the times of a cron expression in the session''s time zone; with scans_only the short steps of a schema change run at once, and only from the first one that reads a whole table on it waits for the window; gives the action: select postai.schedule(7, ''[2026-07-01 22:00, 2026-07-02 04:00)''); select postai.schedule(8, recurring => ''0 3 * * *'')';

create function postai._queue_next() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  next timestamptz;
begin
  if new.error ->> 'sqlstate' = 'PA008' then
    return null; -- what it touches is gone or another: somebody has to look
  end if;
  if new.state <> 'failed' then
    update postai.proposal_step as s set done_at = null, measured_ms = null where s.proposal = new.proposal;
  end if;
  next := postai._next_time(new.recurring, new.time_zone, clock_timestamp());
  perform postai._enqueue(new.proposal, new.kind, new.requested_by,
    case when new.run_window is not null then tstzrange(next, next + (upper(new.run_window) - lower(new.run_window))) end,
    next, new.recurring, new.time_zone, new.by_policy);
  return null;
end
$$;
comment on function postai._queue_next() is
  'Queues the next action of a recurring one. SECURITY DEFINER: nobody may write postai.action; it repeats what an operator asked for.';
create trigger queue_next after update of state on postai.action for each row
  when (new.recurring is not null and new.state in ('done', 'regressed', 'failed') and old.state <> new.state)
  execute function postai._queue_next();

create function postai._queue_scans() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from postai.proposal_step as s where s.proposal = new.proposal and s.done_at is null) then
    perform postai._enqueue(new.proposal, new.kind, new.requested_by, new.scan_window);
  end if;
  return null;
end
$$;
comment on function postai._queue_scans() is
  'Queues the rest of a schema change for the window in which it may read whole tables. SECURITY DEFINER: nobody may write postai.action; it goes on with what an operator asked for.';
create trigger queue_scans after update of state on postai.action for each row
  when (new.scan_window is not null and new.state = 'done' and old.state <> new.state)
  execute function postai._queue_scans();

select postai._grant('execute on function postai.schedule(bigint, tstzrange, text, boolean, boolean)', 'postai_reader');
select postai._grant('execute on function postai._schedule(bigint, tstzrange, text, boolean, boolean)', 'postai_operator');
