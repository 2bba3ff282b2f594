-- total riders in March 2025
--   0.97: The total counts.riders where counts.year is 2025 and counts.month is March.
SELECT sum(c.riders) AS total_rider
FROM counts AS c
WHERE c.year = 2025
  AND lower(c.month) = lower('March');

-- total riders between March and June 2025
--   0.97: The total counts.riders where counts.month of year and month is in: from March 2025 to June 2025, both included.
SELECT sum(c.riders) AS total_rider
FROM counts AS c
WHERE (to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon') >= '2025-03-01' AND to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon') < '2025-07-01');

-- total riders in the first half of 2025
--   0.97: The total counts.riders where counts.month of year and month is in: half 1 of 2025.
SELECT sum(c.riders) AS total_rider
FROM counts AS c
WHERE (to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon') >= '2025-01-01' AND to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon') < '2025-07-01');

-- total riders in the last 6 months
--   0.97: The total counts.riders where counts.month of year and month is in: the last 6 months up to today.
SELECT sum(c.riders) AS total_rider
FROM counts AS c
WHERE (to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon') >= (current_date - interval '6 months')::date AND to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon') < (current_date + interval '1 day')::date);

-- total riders in the last 7 days
--   abstained PA001: the table keeps months, not days
--   Ask in other words, naming tables and columns.

-- riders per week
--   abstained PA001: the table keeps months, not days
--   Ask in other words, naming tables and columns.

-- total riders per year
--   0.97: The total counts.riders for each counts.year.
SELECT c.year, sum(c.riders) AS total_rider
FROM counts AS c
GROUP BY c.year
ORDER BY total_rider DESC NULLS LAST, c.year;

-- month over month change in total riders
--   0.97: The total counts.riders and the change of the total counts.riders to the period before for each month.
SELECT date_trunc('month', to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon'))::date AS month,
       sum(c.riders) AS total_rider,
       sum(c.riders) - lag(sum(c.riders)) OVER (ORDER BY date_trunc('month', to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon'))::date) AS change
FROM counts AS c
GROUP BY date_trunc('month', to_date(c.year || ' ' || left(c.month, 3), 'YYYY Mon'))::date
ORDER BY month;

-- How many stops were opened in May 2021?
--   0.97: The number of stops where stops.opened_year is 2021 and stops.opened_month is 5.
SELECT count(*) AS number_of_stops
FROM stops AS s
WHERE s.opened_year = 2021
  AND s.opened_month = 5;

-- stops opened between May 2021 and August 2022
--   0.97: Stops where stops.month of opened_year and opened_month is in: from May 2021 to August 2022, both included.
SELECT s.id, s.name, make_date(s.opened_year::int, s.opened_month::int, 1) AS month
FROM stops AS s
WHERE (make_date(s.opened_year::int, s.opened_month::int, 1) >= '2021-05-01' AND make_date(s.opened_year::int, s.opened_month::int, 1) < '2022-09-01')
ORDER BY s.id;

-- How many stops were opened in the last 2 years?
--   0.97: The number of stops where stops.month of opened_year and opened_month is in: the last 2 years up to today.
SELECT count(*) AS number_of_stops
FROM stops AS s
WHERE (make_date(s.opened_year::int, s.opened_month::int, 1) >= (current_date - interval '2 years')::date AND make_date(s.opened_year::int, s.opened_month::int, 1) < (current_date + interval '1 day')::date);

-- How many inspections were there on weekends?
--   0.97: The number of inspections where inspections.weekday is Sat or Sun.
SELECT count(*) AS number_of_inspections
FROM inspections AS i
WHERE i.weekday IN ('Sat', 'Sun');

-- ratio of inspections on weekends to inspections on weekdays
--   0.97: The number of inspections where inspections.weekday is Sat or Sun divided by the number of inspections where inspections.weekday is Mon or Tue or Wed or Thu or Fri.
SELECT count(*) FILTER (WHERE i.weekday IN ('Sat', 'Sun'))::numeric / NULLIF(count(*) FILTER (WHERE i.weekday IN ('Mon', 'Tue', 'Wed', 'Thu', 'Fri')), 0) AS ratio
FROM inspections AS i;

-- number of inspections per weekday
--   0.97: The number of inspections for each inspections.weekday.
SELECT i.weekday, count(*) AS number_of_inspections
FROM inspections AS i
GROUP BY i.weekday
ORDER BY number_of_inspections DESC NULLS LAST, i.weekday;

-- What is the pass rate of inspections per stop?
--   0.85: The number of inspections where inspections.passed is True as a percentage of the number of inspections for each stops. Assumed: the pass rate is the percentage of inspections.
SELECT s.id, s.name, 100.0 * count(*) FILTER (WHERE i.passed) / NULLIF(count(*), 0) AS pass_rate
FROM inspections AS i
JOIN stops AS s ON s.id = i.stop_id
GROUP BY s.id, s.name
ORDER BY pass_rate DESC NULLS LAST, s.id, s.name;

-- complaints per rider for each stop
--   abstained PA001: what to show for each group is not clear
--   Ask in other words, naming tables and columns.

-- total complaints / total riders * 1000 by stop
--   abstained PA001: a calculation with a fixed number is not read here
--   Ask in other words, naming tables and columns.

-- total complaints / total riders * 100 by zone
--   0.97: The total counts.complaints as a percentage of the total counts.riders for each stops.zone.
SELECT s.zone, 100.0 * sum(c.complaints) / NULLIF(sum(c.riders), 0) AS percentage
FROM counts AS c
JOIN stops AS s ON s.id = c.stop_id
GROUP BY s.zone
ORDER BY percentage DESC NULLS LAST, s.zone;
