-- Alerts: laid down in the database first, sent from there.

-- name: raise
-- Note an alert and lay its messages down; gives its id when it is told now, null when it was told lately.
select postai._raise_alert(%s, %s, %s, %s, %s, %s::pg_catalog.jsonb, %s::pg_catalog.text[])

-- name: end
-- Note that an alert is over; gives its id when that is told.
select postai._end_alert(%s, %s::pg_catalog.text[])

-- name: close
-- Note that an alert does not go on, without telling it.
update postai.alert as a set ended_at = pg_catalog.clock_timestamp() where a.key = %s and a.ended_at is null

-- name: open
-- Keys of the alerts of a kind that are not over.
select distinct a.key from postai.alert as a where a.kind = %s and a.ended_at is null

-- name: due
-- Messages that may be sent now through these channels, the oldest first, a few of each channel.
select d.id, d.channel, d.message, d.tries, extract(epoch from pg_catalog.clock_timestamp() - a.told_at)::pg_catalog.float8,
       a.id, a.kind, a.severity, a.title, a.body, a.detail, a.at, a.ended_at, a.repeats
  from (select w.*, pg_catalog.row_number() over (partition by w.channel order by w.id) as place
          from postai.alert_delivery as w
         where w.state = 'waiting' and w.not_before <= pg_catalog.clock_timestamp()
           and w.channel = any (%s::pg_catalog.text[])) as d
  join postai.alert as a on a.id = d.alert
 where d.place <= 20
 order by d.id

-- name: sent
-- It was sent.
update postai.alert_delivery as d
   set state = 'sent', tries = d.tries + 1, sent_at = pg_catalog.clock_timestamp(), error = null
 where d.id = %s

-- name: again
-- It was not sent; the next attempt comes after so many seconds, or none where that is null.
update postai.alert_delivery as d
   set state = case when %s::pg_catalog.float8 is null then 'failed' else 'waiting' end, tries = d.tries + 1,
       not_before = pg_catalog.clock_timestamp() + pg_catalog.make_interval(secs => coalesce(%s::pg_catalog.float8, 0)),
       error = %s
 where d.id = %s

-- name: orphans
-- Messages for channels that are no longer configured are given up.
update postai.alert_delivery as d
   set state = 'failed', error = 'this channel is not configured any more'
 where d.state = 'waiting' and d.channel <> all (%s::pg_catalog.text[])

-- name: prune
-- Forget alerts and regressions that have been over for longer than setting keep_days, and indexes that are long gone.
with oldest as (
  select pg_catalog.now() - pg_catalog.make_interval(secs =>
           least(postai._setting_text('keep_days')::pg_catalog.float8, 36500) * 86400) as at
), alerts as (
  delete from postai.alert as a using oldest as o where coalesce(a.ended_at, a.last_at) < o.at returning 1
), regressions as (
  delete from postai.regression as r using oldest as o where r.ended_at < o.at returning 1
), indexes as (
  delete from postai.seen_index as i using oldest as o where i.gone_at < o.at returning 1
)
select (select pg_catalog.count(*) from alerts) + (select pg_catalog.count(*) from regressions)
       + (select pg_catalog.count(*) from indexes)
