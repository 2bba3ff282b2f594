-- What is put around a topic's statement.

-- name: number_of_rows
-- For "how many".
select pg_catalog.count(*) as how_many from (:topic) as found

-- name: first_rows
-- For "top 5" and "the biggest"; the order is the statement's own.
select * from (:topic) as found limit :most
