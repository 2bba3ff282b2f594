-- What the agent reads of its own knowledge about a database.

-- name: now
-- In one statement: the fingerprint of the catalog, the version of the value index, the joins that count for a login.
select (/* fingerprint */), k.version, k.joins from postai._known_version(%s) as k

-- name: values
-- The value index, and where each entry came from.
select table_oid::pg_catalog.int8, column_number, schema_name, table_name, column_name, values, complete
  from postai.value_index

-- name: contained
-- Joins that were found in the data.
select left_schema, left_table, left_column, right_schema, right_table, right_column, confidence from postai.contained_join
