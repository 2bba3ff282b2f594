-- How many branches are open?
--   0.97: The number of branches where branches.closed_at is missing. Assumed: "open" is read as branches.closed_at says in its comment.
SELECT count(*) AS number_of_branches
FROM branches AS b
WHERE b.closed_at IS NULL;

-- how many open branches are there in Bath
--   0.97: The number of branches where branches.closed_at is missing and branches.town is Bath. Assumed: "open" is read as branches.closed_at says in its comment.
SELECT count(*) AS number_of_branches
FROM branches AS b
WHERE b.closed_at IS NULL
  AND b.town = 'Bath';

-- branches that are not open
--   0.97: Branches where branches.closed_at is not missing. Assumed: "open" is read as branches.closed_at says in its comment.
SELECT b.id, b.name
FROM branches AS b
WHERE b.closed_at IS NOT NULL
ORDER BY b.id;

-- members who never came in
--   0.97: Members where members.last_seen_at is missing. Assumed: "came in" is read as members.last_seen_at says in its comment.
SELECT m.id, m.full_name
FROM members AS m
WHERE m.last_seen_at IS NULL
ORDER BY m.id;

-- Which members did not agree to a newsletter?
--   0.97: Members where members.newsletter is not True. Assumed: "agree to a newsletter" is read as members.newsletter says in its comment.
SELECT m.id, m.full_name
FROM members AS m
WHERE NOT m.newsletter
ORDER BY m.id;

-- breads that can no longer be baked
--   0.97: Breads where breads.in_season is not True. Assumed: "can no longer be baked" is read as breads.in_season says in its comment.
SELECT b.id, b.name
FROM breads AS b
WHERE NOT b.in_season
ORDER BY b.id;

-- How many breads have the label sale?
--   0.97: The number of breads where breads.labels is sale.
SELECT count(*) AS number_of_breads
FROM breads AS b
WHERE 'sale' = ANY(b.labels);

-- breads with the labels vegan and sale
--   0.97: Breads where breads.labels is vegan and sale.
SELECT b.id, b.name
FROM breads AS b
WHERE ('vegan' = ANY(b.labels) AND 'sale' = ANY(b.labels))
ORDER BY b.id;

-- breads without the label new
--   0.97: Breads where breads.labels is not new.
SELECT b.id, b.name
FROM breads AS b
WHERE NOT ('new' = ANY(b.labels))
ORDER BY b.id;

-- How many breads are made with rye flour?
--   0.97: The number of breads where breads.recipe.flour is rye.
SELECT count(*) AS number_of_breads
FROM breads AS b
WHERE b.recipe ->> 'flour' = 'rye';

-- How many breads per flour?
--   0.97: The number of breads for each breads.recipe.flour.
SELECT b.recipe ->> 'flour' AS flour, count(*) AS number_of_breads
FROM breads AS b
GROUP BY b.recipe ->> 'flour'
ORDER BY number_of_breads DESC NULLS LAST, b.recipe ->> 'flour';

-- average rising hours per flour
--   0.97: The average breads.recipe.rising_hours for each breads.recipe.flour.
SELECT b.recipe ->> 'flour' AS flour, avg((b.recipe ->> 'rising_hours')::numeric) AS average_rising_hour
FROM breads AS b
GROUP BY b.recipe ->> 'flour'
ORDER BY average_rising_hour DESC NULLS LAST, b.recipe ->> 'flour';

-- new members this month
--   0.97: Members where members.joined_at is in: "this month" is the current calendar month.
SELECT m.id, m.full_name, m.joined_at
FROM members AS m
WHERE (m.joined_at >= date_trunc('month', current_date) AND m.joined_at < date_trunc('month', current_date) + interval '1 month')
ORDER BY m.id;

-- top 3 breads by revenue
--   0.97: The first 3 of breads with the total revenue, by total revenue, highest first. Assumed: revenue is line_total of sale_lines.
SELECT b.id, b.name, sum(sl.line_total) AS revenue
FROM sale_lines AS sl
JOIN breads AS b ON b.id = sl.bread_id
GROUP BY b.id, b.name
ORDER BY revenue DESC NULLS LAST, b.id, b.name
LIMIT 3;

-- top 5 members by revenue last month
--   0.97: The first 5 of members with the total revenue where sales.sold_at is in: "last month" is the previous calendar month, by total revenue, highest first. Assumed: revenue is total of sales.
SELECT m.id, m.full_name, sum(s.total) AS revenue
FROM sales AS s
JOIN members AS m ON m.id = s.member_id
WHERE (s.sold_at >= date_trunc('month', current_date) - interval '1 month' AND s.sold_at < date_trunc('month', current_date))
GROUP BY m.id, m.full_name
ORDER BY revenue DESC NULLS LAST, m.id, m.full_name
LIMIT 5;

-- revenue by year for Bath and York
--   abstained PA001: "Bath" is a value of branches.town or members.town
--   Name the column with the value.

-- total revenue for Bath and York
--   abstained PA001: "Bath" is a value of branches.town or members.town
--   Name the column with the value.

-- Which members bought both Crusty Rye Loaf and Plain Wheat Roll?
--   0.95: Members where breads.name is Crusty Rye Loaf or Plain Wheat Roll. Assumed: each of the values of name has to be met.
SELECT m.id, m.full_name
FROM members AS m
WHERE EXISTS (
        SELECT 1
        FROM sales AS s
        JOIN sale_lines AS sl ON sl.sale_id = s.id
        JOIN breads AS b ON b.id = sl.bread_id
        WHERE s.member_id = m.id
          AND b.name = 'Crusty Rye Loaf'
      )
  AND EXISTS (
        SELECT 1
        FROM sales AS s2
        JOIN sale_lines AS sl2 ON sl2.sale_id = s2.id
        JOIN breads AS b2 ON b2.id = sl2.bread_id
        WHERE s2.member_id = m.id
          AND b2.name = 'Plain Wheat Roll'
      )
ORDER BY m.id;

-- Which members bought Crusty Rye Loaf and Plain Wheat Roll?
--   abstained PA001: whether any or all of them are meant is not clear
--   Say "either ... or" or "both ... and".

-- For each branch give me the bread with the highest revenue
--   0.97: The first 1 of breads with the total revenue for each branches, by total revenue, highest first. Assumed: revenue is line_total of sale_lines.
SELECT ranked.id, ranked.name, ranked.bread_id, ranked.bread_name, ranked.revenue
FROM (
  SELECT b.id AS id,
         b.name AS name,
         b2.id AS bread_id,
         b2.name AS bread_name,
         sum(sl.line_total) AS revenue,
         row_number() OVER (PARTITION BY b.id, b.name ORDER BY sum(sl.line_total) DESC NULLS LAST, b2.id, b2.name) AS "position"
  FROM sale_lines AS sl
  JOIN sales AS s ON s.id = sl.sale_id
  JOIN branches AS b ON b.id = s.branch_id
  JOIN breads AS b2 ON b2.id = sl.bread_id
  GROUP BY b.id, b.name, b2.id, b2.name
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.id, ranked.name, ranked."position";

-- What was the highest revenue per month?
--   abstained PA001: whether the revenue of one sale or of many is meant is not clear
--   Say what has the revenue.

-- What will our revenue be next month?
--   abstained PA001: the question is about what will or should be, and the database holds what is
--   Ask in other words, naming tables and columns.

-- what should we bake next year?
--   abstained PA001: the question is about what will or should be, and the database holds what is
--   Ask in other words, naming tables and columns.

-- How many sales used a voucher?
--   0.97: The number of sales. Assumed: voucher_id of sales is set.
SELECT count(*) AS number_of_sales
FROM sales AS s
WHERE s.voucher_id IS NOT NULL;

-- sales without a voucher
--   abstained PA001: whether the rows of sales or their amount is meant is not clear
--   Say "list" or "total".

-- Which voucher was used most often?
--   0.97: The first 1 of vouchers with the number of sales, by number of sales, highest first.
SELECT v.id, v.code, count(*) AS number_of_sales
FROM sales AS s
JOIN vouchers AS v ON v.id = s.voucher_id
GROUP BY v.id, v.code
ORDER BY number_of_sales DESC NULLS LAST, v.id, v.code
LIMIT 1;

-- revenue of Crusty Barley Bun
--   abstained PA001: "Crusty", "Barley", "Bun" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- breads with Rye in the name
--   0.97: Breads where breads.name contains Rye.
SELECT b.id, b.name
FROM breads AS b
WHERE b.name ILIKE '%Rye%'
ORDER BY b.id;

-- breads whose name starts with Plain Wheat
--   0.97: Breads where breads.name starts with Plain Wheat.
SELECT b.id, b.name
FROM breads AS b
WHERE b.name ILIKE 'Plain Wheat%'
ORDER BY b.id;

-- members who bought something in 2025 but not in 2026
--   0.95: Members where sales.sold_at is in: the year 2025 and without any sales (sales.sold_at is in: the year 2026).
SELECT m.id, m.full_name
FROM members AS m
WHERE EXISTS (
        SELECT 1
        FROM sales AS s
        WHERE s.member_id = m.id
          AND (s.sold_at >= '2025-01-01' AND s.sold_at < '2026-01-01')
      )
  AND NOT EXISTS (
        SELECT 1
        FROM sales AS s2
        WHERE s2.member_id = m.id
          AND (s2.sold_at >= '2026-01-01' AND s2.sold_at < '2027-01-01')
      )
ORDER BY m.id;

-- the last 5 sales, newest first
--   0.97: The first 5 of sales, by sales.sold_at, highest first.
SELECT s.id, s.member_id, s.branch_id, s.voucher_id, s.sold_at, s.total
FROM sales AS s
ORDER BY s.sold_at DESC, s.id
LIMIT 5;

-- average price of breads per flour, cheapest first
--   0.97: The average breads.price for each breads.recipe.flour, lowest first.
SELECT b.recipe ->> 'flour' AS flour, avg(b.price) AS average_price
FROM breads AS b
GROUP BY b.recipe ->> 'flour'
ORDER BY average_price, b.recipe ->> 'flour';

-- members in Bath, name and town
--   0.97: Members where members.town is Bath.
SELECT m.id, m.full_name, m.town
FROM members AS m
WHERE m.town = 'Bath'
ORDER BY m.id;

-- Which breads have more than 3 sales and an average total over 20?
--   abstained PA001: "average" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- members named Ann
--   0.97: Members where members.full_name is Ann.
SELECT m.id, m.full_name
FROM members AS m
WHERE lower(m.full_name) = lower('Ann')
ORDER BY m.id;

-- Which members never used a voucher?
--   0.97: Members without any vouchers.
SELECT m.id, m.full_name
FROM members AS m
WHERE NOT EXISTS (
        SELECT 1
        FROM sales AS s
        JOIN vouchers AS v ON v.id = s.voucher_id
        WHERE s.member_id = m.id
      )
ORDER BY m.id;

-- Which towns do our members live in?
--   0.97: Members.
SELECT DISTINCT m.town
FROM members AS m
ORDER BY m.town;

-- members from Bath or with a newsletter
--   0.97: Members where members.town is Bath or members.newsletter is True.
SELECT m.id, m.full_name
FROM members AS m
WHERE (m.town = 'Bath' OR m.newsletter)
ORDER BY m.id;

-- What percentage of sales used a voucher?
--   0.97: The number of sales where sales.voucher_id is not missing as a percentage of the number of sales.
SELECT 100.0 * count(*) FILTER (WHERE s.voucher_id IS NOT NULL) / NULLIF(count(*), 0) AS percentage
FROM sales AS s;

-- Which month had the highest revenue in 2025?
--   0.97: The first 1 of month with the total revenue where sales.sold_at is in: the year 2025, by total revenue, highest first. Assumed: revenue is total of sales.
SELECT date_trunc('month', s.sold_at)::date AS month, sum(s.total) AS revenue
FROM sales AS s
WHERE (s.sold_at >= '2025-01-01' AND s.sold_at < '2026-01-01')
GROUP BY date_trunc('month', s.sold_at)::date
ORDER BY revenue DESC NULLS LAST, month
LIMIT 1;

-- breads cost more than 3 euros
--   0.9: Breads where breads.price is above 3.
SELECT b.id, b.name, b.price
FROM breads AS b
WHERE b.price > 3
ORDER BY b.id;

-- Which breads are in demand?
--   abstained PA001: "demand" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- breads like us
--   abstained PA001: what comes after "like" is not clear
--   Put the text in quotes.

-- breads that were sold but have no label
--   abstained PA001: what "have no label" means is not clear
--   Ask in other words, naming tables and columns.
