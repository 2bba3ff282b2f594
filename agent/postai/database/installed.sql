-- name: why
-- Whether postai is installed, whether there is such a role, whether the caller has its rights, and who that is.
select pg_catalog.to_regnamespace('postai') is not null, pg_catalog.to_regrole(%s) is not null,
       case when pg_catalog.to_regrole(%s) is not null then pg_catalog.pg_has_role(%s, 'usage') end, current_user::text
