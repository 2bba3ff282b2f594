-- name: used
-- Slots, WAL senders and sessions that are there; slots by that name are our own.
select (select count(*) from pg_replication_slots), (select count(*) from pg_stat_replication),
       (select coalesce(sum(d.numbackends), 0) from pg_stat_database as d), r.rolconnlimit
  from pg_roles as r where r.rolname = current_user

-- name: timeouts
-- Limits that this role or this database gives every session of it, the nearer one first; sessions of our own have
-- theirs, the servers' processes have not.
select w.own, w.name, w.value
  from (select distinct on (split_part(c.setting, '=', 1))
               s.setrole <> 0 as own, split_part(c.setting, '=', 1) as name, split_part(c.setting, '=', 2) as value
          from pg_db_role_setting as s
          cross join lateral unnest(s.setconfig) as c (setting)
         where s.setdatabase in (0, (select d.oid from pg_database as d where d.datname = current_database()))
           and s.setrole in (0, (select r.oid from pg_roles as r where r.rolname = current_user))
           and c.setting ~ '^(statement_timeout|transaction_timeout|idle_in_transaction_session_timeout|lock_timeout)='
         order by 2, s.setrole <> 0 desc, s.setdatabase <> 0 desc) as w
 where w.value !~ '^0*(ms|s|min)?$'
 order by 2

-- name: read_only
-- Whether a setting of the database makes new sessions read-only.
select exists (
    select from pg_db_role_setting as s
      join pg_database as d on d.oid = s.setdatabase and d.datname = current_database()
     where s.setrole = 0 and 'default_transaction_read_only=on' = any (s.setconfig))

-- name: connection
-- Whether this session travels by TLS, and over a network.
select coalesce((select s.ssl from pg_stat_ssl as s where s.pid = pg_backend_pid()), false),
       inet_server_addr() is not null and inet_server_addr() <> coalesce(inet_client_addr(), inet_server_addr())

-- name: primary_address
-- Where a standby receives from, as far as this role may see it.
select nullif(w.sender_host || ':' || w.sender_port, '') from pg_stat_wal_receiver as w

-- name: may_subscribe
-- Whether this role may make subscriptions (from 16 on).
select pg_has_role('pg_create_subscription', 'usage')

-- name: rds_administrator
-- Whether this role is what a superuser is on that managed server.
select exists (select from pg_roles as r where r.rolname = 'rds_superuser' and pg_has_role(r.oid, 'usage'))

-- name: receiver
-- Of a standby: whether it streams, and that can be seen.
select coalesce(w.status = 'streaming' and w.last_msg_receipt_time is not null, false) from pg_stat_wal_receiver as w
