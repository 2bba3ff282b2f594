-- name: install
-- Keys of large tables that are made as soon as their rows are there, on the subscriber.
create table if not exists {schema}.key_later (
    id bigint generated always as identity primary key, relation text not null, statement text not null
)

-- name: there
-- Whether it was made.
select pg_catalog.to_regclass(%s) is not null

-- name: leave
-- One for later.
insert into {schema}.key_later (relation, statement) values (%s, %s)

-- name: waiting
-- Tables whose keys are still to be made, with the statements.
select k.relation, pg_catalog.array_agg(k.statement order by k.id) from {schema}.key_later as k group by 1 order by 1

-- name: begun
-- Those whose rows are there, or are being copied: the copier holds its lock, behind which the key waits; and those that
-- are gone.
select k.relation
  from {schema}.key_later as k
 where pg_catalog.to_regclass(k.relation) is null
    or exists (
       select from pg_catalog.pg_subscription as s
         join pg_catalog.pg_subscription_rel as r on r.srsubid = s.oid
        where s.subname = %s and r.srrelid = pg_catalog.to_regclass(k.relation)
          and (r.srsubstate in ('f', 's', 'r')
               or (r.srsubstate = 'd' and exists (
                   select from pg_catalog.pg_locks as l
                    where l.locktype = 'relation' and l.relation = r.srrelid and l.mode = 'RowExclusiveLock' and l.granted
                      and l.database = s.subdbid))))

-- name: made
-- They are made, or their table is gone.
delete from {schema}.key_later where relation = {relation}
