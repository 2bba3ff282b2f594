-- What the examples need of the database, which has postai and the tables of the sample store. As superuser:
--   psql -d store -f setup.sql
-- and in psql, for each of the two logins: \password app, \password edge_auth.
-- The applications' role: it may ask, and ask for these tables only.
CREATE ROLE app LOGIN;
GRANT postai_user TO app;
GRANT SELECT ON customers, orders TO app;

-- A cache table: its rows are no older than a minute, and reading them costs nothing.
SELECT postai.cache('orders_by_status', 'SELECT status, count(*)::int AS orders FROM orders GROUP BY status',
                    ttl => '1 minute');
GRANT SELECT ON postai_cache.orders_by_status TO app;

-- The edge asks for verifiers of passwords, of no superuser (docs/edge.md).
CREATE ROLE edge_auth LOGIN;
CREATE FUNCTION edge_secret(name text) RETURNS text
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  RETURN (SELECT rolpassword FROM pg_authid WHERE rolname = name AND rolcanlogin AND NOT rolsuper
            AND coalesce(rolvaliduntil > now(), true));
REVOKE EXECUTE ON FUNCTION edge_secret FROM PUBLIC;
GRANT EXECUTE ON FUNCTION edge_secret TO edge_auth;
