-- name: facts
-- What a server tells of itself and of this session's role.
select coalesce(host(inet_server_addr()), 'local socket') || coalesce(':' || inet_server_port(), '') || '/' || current_database(),
       current_database()::text, current_user::text, r.rolsuper, r.rolreplication, r.rolbypassrls, r.rolcreaterole,
       pg_database_size(current_database())::int8, pg_is_in_recovery(),
       has_database_privilege(current_database(), 'CREATE'),
       (select d.oid from pg_database as d where d.datname = current_database())
         || '/' || current_setting('port') || '/' || pg_postmaster_start_time()
  from pg_roles as r where r.rolname = current_user

-- name: settings
-- Settings of the server that count for a move, each as the server keeps it.
select s.name, s.setting from pg_settings as s
 where s.name = any (%s) or s.name in ('rds.logical_replication', 'cloudsql.logical_decoding', 'azure.extensions')

-- name: managed_roles
-- Roles that only a managed server has.
select r.rolname::text from pg_roles as r
 where r.rolname in ('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'doadmin', 'supabase_admin')

-- name: try_slot
-- A slot of this session, made and dropped at once; it waits for the transactions that run now.
select pg_drop_replication_slot(t.slot_name)::text
  from pg_create_logical_replication_slot(%s, 'pgoutput', true) as t

-- name: try_subscription
-- A subscription that connects to the source, follows nothing, and is rolled back.
do $try$
begin
    execute pg_catalog.format('create subscription postai_check connection %L publication postai_check '
        'with (create_slot = false, slot_name = ''postai_check'', enabled = false, copy_data = false)',
        (select s.value from pg_temp.postai_secret as s));
exception when others then
    raise exception using errcode = sqlstate, message = sqlerrm;
end
$try$
