-- The audit log: who did what, when. Rows are only ever added, and each one carries a hash over itself and the hash
-- of the row before it, so that a changed, inserted or removed row shows.
--
-- The place in the chain and the hash are filled in by a deferred trigger, at the end of the transaction: taking the
-- chain's lock at once would let one person's open transaction hold up the agent.

create table postai.event (
  id bigint generated always as identity primary key,
  at timestamptz not null default pg_catalog.clock_timestamp(),
  actor name not null default session_user,
  kind text not null check (kind ~ '^[a-z_]+(\.[a-z_]+)*$'),
  subject text not null,
  proposal bigint,
  action bigint,
  detail jsonb not null default '{}' check (jsonb_typeof(detail) = 'object'),
  position bigint unique,
  previous_hash bytea,
  hash bytea
);
create index event_proposal on postai.event (proposal) where proposal is not null;
create index event_at on postai.event (at);
comment on table postai.event is 'Audit log, append-only and hash-chained; see postai._verify_events().';
comment on column postai.event.position is 'Place in the chain, given when the transaction ends; null before that.';

-- The last link. Its row lock orders the transactions that add to the chain, at every isolation level.
create table postai.event_head (
  only_row boolean primary key default true check (only_row),
  position bigint not null,
  hash bytea not null
);
comment on table postai.event_head is 'Position and hash of the newest event: shows when the newest events were removed.';

create function postai._event_hash(previous_hash bytea, row_position bigint, e postai.event) returns bytea
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select sha256(coalesce(previous_hash, ''::bytea) || convert_to(jsonb_build_array(
    row_position, e.id, (extract(epoch from e.at) * 1000000)::bigint, e.actor::text, e.kind, e.subject,
    e.proposal, e.action, e.detail)::text, 'UTF8'))
$$;
comment on function postai._event_hash(bytea, bigint, postai.event) is
  'Hash of one event over everything it says and the hash before it.';

create function postai._seal_event() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  head postai.event_head;
  row_hash bytea;
begin
  insert into postai.event_head (position, hash) values (0, '') on conflict do nothing;
  select * into strict head from postai.event_head for update;
  row_hash := postai._event_hash(head.hash, head.position + 1, new);
  update postai.event set position = head.position + 1, previous_hash = head.hash, hash = row_hash where id = new.id;
  update postai.event_head set position = head.position + 1, hash = row_hash;
  return null;
end
$$;
comment on function postai._seal_event() is
  'Puts a new event into the chain. SECURITY DEFINER: nobody but the owner may write the chain''s columns.';

create constraint trigger seal after insert on postai.event
  deferrable initially deferred
  for each row when (new.hash is null) execute function postai._seal_event();

create function postai._refuse_event_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.hash is null and new.hash is not null
       and row(old.id, old.at, old.actor, old.kind, old.subject, old.proposal, old.action, old.detail)
           is not distinct from
           row(new.id, new.at, new.actor, new.kind, new.subject, new.proposal, new.action, new.detail) then
    return new;
  end if;
  raise exception 'events are only ever added' using errcode = '55000',
    detail = format('%s on postai.event was refused.', tg_op),
    hint = 'Correct a mistake with a new event.';
end
$$;
comment on function postai._refuse_event_change() is 'Keeps events as they were written, for the owner of the table too.';

create trigger append_only before update or delete on postai.event
  for each row execute function postai._refuse_event_change();
create trigger append_only_all before truncate on postai.event
  for each statement execute function postai._refuse_event_change();
-- Replaying replication or a session_replication_role of replica must not open the log.
alter table postai.event enable always trigger append_only;
alter table postai.event enable always trigger append_only_all;

create function postai._record_event(
  kind text, subject text, proposal bigint default null, action bigint default null, detail jsonb default '{}'
) returns bigint
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into postai.event (kind, subject, proposal, action, detail)
  values (kind, subject, proposal, action, coalesce(detail, '{}')
    || case when current_setting('postai.person', true) <> ''
         then jsonb_build_object('claimed_person', left(current_setting('postai.person', true), 200)) else '{}' end) returning id
$$;
comment on function postai._record_event(text, text, bigint, bigint, jsonb) is
  'Adds an event; the actor is always session_user. Whom the session says it acts for (postai.person) goes into the detail as claimed_person, as that is not proven. SECURITY DEFINER: nobody holds INSERT on the log, so that actor and time cannot be made up.';

create function postai._verify_events(
    after bigint default 0, most integer default null, out event_position bigint, out event_id bigint, out problem text) returns setof record
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with linked as (
    select e.position, e.id, e.hash, e.previous_hash,
               postai._event_hash(e.previous_hash, e.position, e) as computed,
               lag(e.hash) over w as hash_before, lag(e.position) over w as position_before
    from postai.event as e where (after = 0 or e.position >= after) and (most is null or e.position <= after + most)
          and e.position is not null
    window w as (order by e.position)
  ), last_link as (select e.position, e.hash from postai.event as e where e.position is not null order by e.position desc limit 1)
  select position, id, 'the event was changed after it was written' from linked
  where (after = 0 or position > after) and hash is distinct from computed
  union all
  select position, id, 'an event before this one was removed or put in' from linked
  where (after = 0 or position > after)
    and (position is distinct from coalesce(position_before, 0) + 1
         or previous_hash is distinct from coalesce(hash_before, ''::bytea))
  union all
  select h.position, null, 'the newest events were removed'
  from postai.event_head as h left join last_link as l on true
  where most is null and (h.position is distinct from l.position or h.hash is distinct from l.hash)
  union all
  -- Rows of this very transaction get their place at its end.
  select null, e.id, 'the event is not in the chain'
  from postai.event as e where most is null and e.position is null and e.at < transaction_timestamp()
  order by 1, 2
$$;
comment on function postai._verify_events(bigint, integer) is
  'Problems of the event chain after a position, none when it is whole; of so many positions, or to its end, which is looked at then. SECURITY DEFINER: reads events of everybody to check them, returns none. Example: SELECT * FROM postai._verify_events()';

select postai._grant('execute on function postai._record_event(text, text, bigint, bigint, jsonb)', 'postai_agent');
select postai._grant('execute on function postai._verify_events(bigint, integer)', 'postai_operator', 'postai_agent');
