-- list the families
--   0.97: Ranges (family) where ranges (family).parent_id is missing.
SELECT f.id, f.name
FROM ranges AS f
WHERE f.parent_id IS NULL
ORDER BY f.id;

-- Which lines belong to the Tools family?
--   0.85: Ranges where ranges (family).name is Tools and ranges.parent_id is not missing and ranges (family).parent_id is missing.
SELECT r.id, r.name
FROM ranges AS r
JOIN ranges AS f ON f.id = r.parent_id
WHERE f.name = 'Tools'
  AND r.parent_id IS NOT NULL
  AND f.parent_id IS NULL
ORDER BY r.id;

-- How many lines does each family have?
--   0.97: The number of ranges where ranges.parent_id is not missing and ranges (family).parent_id is missing for each ranges (family).
SELECT f.id, f.name, count(*) AS number_of_ranges
FROM ranges AS r
JOIN ranges AS f ON f.id = r.parent_id
WHERE r.parent_id IS NOT NULL
  AND f.parent_id IS NULL
GROUP BY f.id, f.name
ORDER BY number_of_ranges DESC NULLS LAST, f.id, f.name;

-- How many goods are there per family?
--   0.97: The number of goods where ranges (family).parent_id is missing for each ranges (family).
SELECT f.id, f.name, count(*) AS number_of_goods
FROM goods AS g
JOIN ranges AS r ON r.id = g.range_id
JOIN ranges AS f ON f.id = r.parent_id
WHERE f.parent_id IS NULL
GROUP BY f.id, f.name
ORDER BY number_of_goods DESC NULLS LAST, f.id, f.name;

-- number of goods per line
--   0.97: The number of goods where ranges.parent_id is not missing for each ranges.
SELECT r.id, r.name, count(*) AS number_of_goods
FROM goods AS g
JOIN ranges AS r ON r.id = g.range_id
WHERE r.parent_id IS NOT NULL
GROUP BY r.id, r.name
ORDER BY number_of_goods DESC NULLS LAST, r.id, r.name;

-- average price of goods in Hammers
--   0.97: The average goods.price where ranges.name is Hammers. Assumed: a family stands for all that belongs to it.
SELECT avg(g.price) AS average_price
FROM goods AS g
JOIN ranges AS r ON r.id = g.range_id
WHERE (r.name = 'Hammers' OR r.parent_id IN (
        SELECT whole.id
        FROM ranges AS whole
        WHERE whole.name = 'Hammers'
      ));

-- How many goods are there per family (families, not their lines)?
--   0.97: The number of goods where ranges (family).parent_id is missing for each ranges (family).
SELECT f.id, f.name, count(*) AS number_of_goods
FROM goods AS g
JOIN ranges AS r ON r.id = g.range_id
JOIN ranges AS f ON f.id = r.parent_id
WHERE f.parent_id IS NULL
GROUP BY f.id, f.name
ORDER BY number_of_goods DESC NULLS LAST, f.id, f.name;

-- How many ranges are there?
--   0.97: The number of ranges.
SELECT count(*) AS number_of_ranges
FROM ranges AS r;

-- staff without a manager
--   0.97: Staff without any staff (manager).
SELECT s.id, s.name
FROM staff AS s
WHERE s.manager_id IS NULL
ORDER BY s.id;

-- How many staff does each manager have?
--   0.97: The number of staff for each staff (manager).
SELECT m.id, m.name, count(*) AS number_of_staff
FROM staff AS s
JOIN staff AS m ON m.id = s.manager_id
GROUP BY m.id, m.name
ORDER BY number_of_staff DESC NULLS LAST, m.id, m.name;

-- average return time per line
--   0.97: The average handovers.time from handed_at to returned_at where ranges.parent_id is not missing for each ranges.
SELECT r.id, r.name, avg(h.returned_at - h.handed_at) AS average_duration
FROM handovers AS h
JOIN goods AS g ON g.id = h.goods_id
JOIN ranges AS r ON r.id = g.range_id
WHERE r.parent_id IS NOT NULL
GROUP BY r.id, r.name
ORDER BY average_duration DESC NULLS LAST, r.id, r.name;

-- how long does it take on average to return goods?
--   0.97: The average handovers.time from handed_at to returned_at.
SELECT avg(h.returned_at - h.handed_at) AS average_duration
FROM handovers AS h;

-- staff with a manager
--   0.97: Staff. Assumed: manager_id of staff is set.
SELECT s.id, s.name
FROM staff AS s
WHERE s.manager_id IS NOT NULL
ORDER BY s.id;

-- Which families have more than 3 lines?
--   0.97: The number of ranges where ranges (family).parent_id is missing and ranges.parent_id is not missing and the number of ranges is above 3 for each ranges (family).
SELECT f.id, f.name, count(*) AS number_of_ranges
FROM ranges AS r
JOIN ranges AS f ON f.id = r.parent_id
WHERE f.parent_id IS NULL
  AND r.parent_id IS NOT NULL
GROUP BY f.id, f.name
HAVING count(*) > 3
ORDER BY number_of_ranges DESC NULLS LAST, f.id, f.name;

-- list the lines
--   0.97: Ranges where ranges.parent_id is not missing.
SELECT r.id, r.name
FROM ranges AS r
WHERE r.parent_id IS NOT NULL
ORDER BY r.id;

-- What percentage of staff have a manager?
--   0.97: The number of staff where staff.manager_id is not missing as a percentage of the number of staff.
SELECT 100.0 * count(*) FILTER (WHERE s.manager_id IS NOT NULL) / NULLIF(count(*), 0) AS percentage
FROM staff AS s;
