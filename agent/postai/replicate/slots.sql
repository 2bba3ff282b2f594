-- name: conflicts
-- What the changes of a subscription met on its side, by PostgreSQL's own names.
select s.confl_insert_exists, s.confl_update_exists, s.confl_update_missing, s.confl_delete_missing,
       s.confl_multiple_unique_conflicts
  from pg_catalog.pg_stat_subscription_stats as s where s.subname = %s
