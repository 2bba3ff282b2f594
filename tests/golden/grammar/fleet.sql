-- What percentage of trips were cancelled?
--   0.97: The number of trips where trips.status is cancelled as a percentage of the number of trips.
SELECT 100.0 * count(*) FILTER (WHERE t.status = 'cancelled') / NULLIF(count(*), 0) AS percentage
FROM trips AS t;

-- What percentage of vehicles are electric?
--   0.97: The number of vehicles where vehicles.electric is True as a percentage of the number of vehicles.
SELECT 100.0 * count(*) FILTER (WHERE v.electric) / NULLIF(count(*), 0) AS percentage
FROM vehicles AS v;

-- What share of deliveries were damaged?
--   0.97: The number of deliveries where deliveries.damaged is True as a percentage of the number of deliveries.
SELECT 100.0 * count(*) FILTER (WHERE d.damaged) / NULLIF(count(*), 0) AS percentage
FROM deliveries AS d;

-- What is the percentage of trips that were delayed for each driver?
--   0.97: The number of trips where trips.status is delayed as a percentage of the number of trips for each drivers.
SELECT d.id,
       d.first_name,
       d.last_name,
       100.0 * count(*) FILTER (WHERE t.status = 'delayed') / NULLIF(count(*), 0) AS percentage
FROM trips AS t
JOIN drivers AS d ON d.id = t.driver_id
GROUP BY d.id, d.first_name, d.last_name
ORDER BY percentage DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- What proportion of clients are from Germany?
--   0.97: The number of clients where clients.country is Germany divided by the number of clients. Assumed: the share is given as a number from 0 to 1.
SELECT count(*) FILTER (WHERE c.country = 'Germany')::numeric / NULLIF(count(*), 0) AS ratio
FROM clients AS c;

-- What is the ratio of electric vehicles to non-electric vehicles?
--   0.97: The number of vehicles where vehicles.electric is True divided by the number of vehicles where vehicles.electric is False.
SELECT count(*) FILTER (WHERE v.electric)::numeric / NULLIF(count(*) FILTER (WHERE NOT v.electric), 0) AS ratio
FROM vehicles AS v;

-- ratio of number of trips to number of drivers
--   0.97: The number of trips divided by the number of drivers.
SELECT (
         SELECT count(*)
         FROM trips AS t2
       )::numeric / NULLIF((
         SELECT count(*)
         FROM drivers AS d
       ), 0) AS ratio;

-- What is the ratio of total fuel to total distance per vehicle?
--   0.93: The total trips.fuel_liters divided by the total trips.distance_km for each vehicles.
SELECT v.id, sum(t.fuel_liters)::numeric / NULLIF(sum(t.distance_km), 0) AS ratio
FROM trips AS t
JOIN vehicles AS v ON v.id = t.vehicle_id
GROUP BY v.id
ORDER BY ratio DESC NULLS LAST, v.id;

-- What is the ratio of trips to repairs for each vehicle?
--   0.97: The number of trips divided by the number of repairs for each vehicles.
SELECT v.id,
       (
         SELECT count(*)
         FROM trips AS t
         WHERE t.vehicle_id = v.id
       )::numeric / NULLIF((
         SELECT count(*)
         FROM repairs AS r
         WHERE r.vehicle_id = v.id
       ), 0) AS ratio
FROM vehicles AS v
ORDER BY ratio DESC NULLS LAST, v.id;

-- share of fees by industry
--   0.97: The percentage of all of the total deliveries.fee for each clients.industry.
SELECT c.industry, 100.0 * sum(d.fee) / NULLIF(sum(sum(d.fee)) OVER (), 0) AS percentage
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.industry
ORDER BY percentage DESC NULLS LAST, c.industry;

-- What percentage of the total fee comes from each country?
--   0.97: The percentage of all of the total deliveries.fee for each clients.country.
SELECT c.country, 100.0 * sum(d.fee) / NULLIF(sum(sum(d.fee)) OVER (), 0) AS percentage
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.country
ORDER BY percentage DESC NULLS LAST, c.country;

-- What percentage of total repair cost does each kind of repair account for?
--   0.9: The percentage of all of the total repairs.cost for each repairs.kind.
SELECT r.kind, 100.0 * sum(r.cost) / NULLIF(sum(sum(r.cost)) OVER (), 0) AS percentage
FROM repairs AS r
GROUP BY r.kind
ORDER BY percentage DESC NULLS LAST, r.kind;

-- What is the cancellation rate of trips per depot?
--   abstained PA001: depots could be joined by driver_id or vehicle_id
--   Say which of them you mean.

-- What is the completion rate for each driver?
--   0.85: The number of trips where trips.status is completed as a percentage of the number of trips for each drivers. Assumed: the completion rate is the percentage of trips.
SELECT d.id,
       d.first_name,
       d.last_name,
       100.0 * count(*) FILTER (WHERE t.status = 'completed') / NULLIF(count(*), 0) AS completion_rate
FROM trips AS t
JOIN drivers AS d ON d.id = t.driver_id
GROUP BY d.id, d.first_name, d.last_name
ORDER BY completion_rate DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- What is the damage rate of deliveries per client?
--   0.85: The number of deliveries where deliveries.damaged is True as a percentage of the number of deliveries for each clients. Assumed: the damage rate is the percentage of deliveries.
SELECT c.id, c.name, 100.0 * count(*) FILTER (WHERE d.damaged) / NULLIF(count(*), 0) AS damage_rate
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.id, c.name
ORDER BY damage_rate DESC NULLS LAST, c.id, c.name;

-- percentage of deliveries to clients in France
--   0.97: The number of deliveries where clients.country is France as a percentage of the number of deliveries.
SELECT 100.0 * count(*) FILTER (WHERE c.country = 'France') / NULLIF(count(*), 0) AS percentage
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id;

-- ratio of completed trips to cancelled trips by depot city
--   abstained PA001: depots could be joined by driver_id or vehicle_id
--   Say which of them you mean.

-- What percentage of deliveries were late, i.e. delivered after the promised date?
--   abstained PA001: "i.e" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- fuel liters per km for each vehicle
--   abstained PA001: "km" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- What is the average fee per kg for each client?
--   abstained PA001: "kg" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- cost per repair
--   0.97: Repairs.
SELECT r.cost
FROM repairs AS r
ORDER BY r.id;

-- Which depot has the highest cancellation rate?
--   abstained PA001: depots could be joined by driver_id or vehicle_id
--   Say which of them you mean.

-- average number of trips per driver
--   0.8: The average number of trips per drivers. Assumed: only drivers that have trips count.
SELECT avg(counted.n) AS average_trips_per_driver
FROM (
  SELECT count(*) AS n
  FROM trips AS t
  GROUP BY t.driver_id
) AS counted;

-- What is the average number of deliveries per trip?
--   0.8: The average number of deliveries per trips. Assumed: only trips that have deliveries count.
SELECT avg(counted.n) AS average_deliveries_per_trip
FROM (
  SELECT count(*) AS n
  FROM deliveries AS d
  GROUP BY d.trip_id
) AS counted;

-- What is the average number of vehicles per depot?
--   0.8: The average number of vehicles per depots. Assumed: only depots that have vehicles count.
SELECT avg(counted.n) AS average_vehicles_per_depot
FROM (
  SELECT count(*) AS n
  FROM vehicles AS v
  GROUP BY v.depot_id
) AS counted;

-- What is the average monthly number of trips?
--   0.85: The average number of trips per month. Assumed: a month in which there is nothing does not count.
SELECT avg(counted.n) AS average_trips_per_month
FROM (
  SELECT count(*) AS n
  FROM trips AS t
  GROUP BY date_trunc('month', t.started_at)::date
) AS counted;

-- What is the average total fee per month?
--   0.85: The average total deliveries.fee per month. Assumed: a month in which there is nothing does not count.
SELECT avg(counted.n) AS average_fee_per_month
FROM (
  SELECT sum(d.fee) AS n
  FROM deliveries AS d
  WHERE date_trunc('month', d.delivered_on)::date IS NOT NULL
  GROUP BY date_trunc('month', d.delivered_on)::date
) AS counted;

-- average daily distance
--   0.93: The average trips.distance_km for each day.
SELECT t.started_at::date AS day, avg(t.distance_km) AS average_distance_km
FROM trips AS t
GROUP BY t.started_at::date
ORDER BY day;

-- What is the average of the total repair cost per vehicle?
--   0.97: The average total repairs.cost per vehicles.
SELECT avg(counted.n) AS average_cost_per_vehicle
FROM (
  SELECT sum(r.cost) AS n
  FROM repairs AS r
  GROUP BY r.vehicle_id
) AS counted;

-- On average, how many deliveries does each client receive?
--   0.8: The average number of deliveries per clients. Assumed: only clients that have deliveries count.
SELECT avg(counted.n) AS average_deliveries_per_client
FROM (
  SELECT count(*) AS n
  FROM deliveries AS d
  GROUP BY d.client_id
) AS counted;

-- What is the maximum number of trips made by a driver?
--   0.97: The highest number of trips per drivers.
SELECT max(counted.n) AS highest_trips_per_driver
FROM (
  SELECT count(*) AS n
  FROM trips AS t
  GROUP BY t.driver_id
) AS counted;

-- median fee of deliveries
--   0.97: The median deliveries.fee.
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY d.fee) AS median_fee
FROM deliveries AS d;

-- What is the median repair cost per kind?
--   0.97: The median repairs.cost for each repairs.kind.
SELECT r.kind, percentile_cont(0.5) WITHIN GROUP (ORDER BY r.cost) AS median_cost
FROM repairs AS r
GROUP BY r.kind
ORDER BY median_cost DESC NULLS LAST, r.kind;

-- standard deviation of delivery fees
--   0.97: The standard deviation of deliveries.fee.
SELECT stddev_samp(d.fee) AS stddev_fee
FROM deliveries AS d;

-- What is the variance of the distance of trips?
--   0.93: The variance of trips.distance_km.
SELECT var_samp(t.distance_km) AS variance_distance_km
FROM trips AS t;

-- most common kind of repair
--   0.97: The first 1 of repairs.kind with the number of repairs, by number of repairs, highest first.
SELECT r.kind, count(*) AS number_of_repairs
FROM repairs AS r
GROUP BY r.kind
ORDER BY number_of_repairs DESC NULLS LAST, r.kind
LIMIT 1;

-- What is the most frequent status of trips for each driver?
--   0.97: The first 1 of trips.status with the number of trips for each drivers, by number of trips, highest first.
SELECT ranked.id, ranked.first_name, ranked.last_name, ranked.status, ranked.number_of_trips
FROM (
  SELECT d.id AS id,
         d.first_name AS first_name,
         d.last_name AS last_name,
         t.status AS status,
         count(*) AS number_of_trips,
         row_number() OVER (PARTITION BY d.id, d.first_name, d.last_name ORDER BY count(*) DESC NULLS LAST, t.status) AS "position"
  FROM trips AS t
  JOIN drivers AS d ON d.id = t.driver_id
  GROUP BY d.id, d.first_name, d.last_name, t.status
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.id, ranked.first_name, ranked.last_name, ranked."position";

-- running total of fees by month
--   0.97: The total deliveries.fee and the running total of the total deliveries.fee for each month.
SELECT date_trunc('month', d.delivered_on)::date AS month,
       sum(d.fee) AS total_fee,
       sum(sum(d.fee)) OVER (ORDER BY date_trunc('month', d.delivered_on)::date) AS running_total
FROM deliveries AS d
GROUP BY date_trunc('month', d.delivered_on)::date
ORDER BY month;

-- cumulative number of trips per day
--   0.97: The number of trips and the running total of the number of trips for each day.
SELECT t.started_at::date AS day,
       count(*) AS number_of_trips,
       sum(count(*)) OVER (ORDER BY t.started_at::date) AS running_total
FROM trips AS t
GROUP BY t.started_at::date
ORDER BY day;

-- cumulative repair cost over time by month
--   0.97: The total repairs.cost and the running total of the total repairs.cost for each month.
SELECT date_trunc('month', r.repaired_on)::date AS month,
       sum(r.cost) AS total_cost,
       sum(sum(r.cost)) OVER (ORDER BY date_trunc('month', r.repaired_on)::date) AS running_total
FROM repairs AS r
GROUP BY date_trunc('month', r.repaired_on)::date
ORDER BY month;

-- Rank drivers by number of trips
--   0.97: The number of trips and the rank by the number of trips for each drivers, by number of trips, highest first.
SELECT d.id,
       d.first_name,
       d.last_name,
       count(*) AS number_of_trips,
       rank() OVER (ORDER BY count(*) DESC NULLS LAST) AS rank
FROM trips AS t
JOIN drivers AS d ON d.id = t.driver_id
GROUP BY d.id, d.first_name, d.last_name
ORDER BY number_of_trips DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- Rank the clients by total fee
--   0.97: The total deliveries.fee and the rank by the total deliveries.fee for each clients, by total deliveries.fee, highest first.
SELECT c.id, c.name, sum(d.fee) AS total_fee, rank() OVER (ORDER BY sum(d.fee) DESC NULLS LAST) AS rank
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.id, c.name
ORDER BY total_fee DESC NULLS LAST, c.id, c.name;

-- rank vehicles within each depot by distance
--   0.8: The total trips.distance_km and the rank by the total trips.distance_km for each vehicles and depots, by total trips.distance_km, highest first.
SELECT v.id,
       d.id AS depot_id,
       d.name,
       sum(t.distance_km) AS total_distance_km,
       rank() OVER (PARTITION BY d.id, d.name ORDER BY sum(t.distance_km) DESC NULLS LAST) AS rank
FROM trips AS t
JOIN vehicles AS v ON v.id = t.vehicle_id
JOIN depots AS d ON d.id = v.depot_id
GROUP BY v.id, d.id, d.name
ORDER BY total_distance_km DESC NULLS LAST, v.id, d.id, d.name;

-- Rank the drivers of each depot by hourly wage
--   0.97: Drivers for each depots, by drivers.hourly_wage, highest first.
SELECT d.id,
       d.first_name,
       d.last_name,
       d2.id,
       d2.name,
       d.hourly_wage,
       rank() OVER (PARTITION BY d2.id, d2.name ORDER BY d.hourly_wage DESC NULLS LAST) AS rank
FROM drivers AS d
JOIN depots AS d2 ON d2.id = d.depot_id
ORDER BY d.hourly_wage DESC, d.id;

-- top 3 vehicles by repair cost in each depot
--   0.8: The first 3 of vehicles with the total repairs.cost for each depots, by total repairs.cost, highest first. Assumed: cost of several rows is added up.
SELECT ranked.id, ranked.name, ranked.vehicle_id, ranked.total_cost
FROM (
  SELECT d.id AS id,
         d.name AS name,
         v.id AS vehicle_id,
         sum(r.cost) AS total_cost,
         row_number() OVER (PARTITION BY d.id, d.name ORDER BY sum(r.cost) DESC NULLS LAST, v.id) AS "position"
  FROM repairs AS r
  JOIN vehicles AS v ON v.id = r.vehicle_id
  JOIN depots AS d ON d.id = v.depot_id
  GROUP BY d.id, d.name, v.id
) AS ranked
WHERE ranked."position" <= 3
ORDER BY ranked.id, ranked.name, ranked."position";

-- the two clients with the most deliveries in each country
--   0.97: The first 2 of clients with the number of deliveries for each clients.country, by number of deliveries, highest first.
SELECT ranked.country, ranked.id, ranked.name, ranked.number_of_deliveries
FROM (
  SELECT c.country AS country,
         c.id AS id,
         c.name AS name,
         count(*) AS number_of_deliveries,
         row_number() OVER (PARTITION BY c.country ORDER BY count(*) DESC NULLS LAST, c.id, c.name) AS "position"
  FROM deliveries AS d
  JOIN clients AS c ON c.id = d.client_id
  GROUP BY c.country, c.id, c.name
) AS ranked
WHERE ranked."position" <= 2
ORDER BY ranked.country, ranked."position";

-- What is the longest trip of each driver?
--   0.97: The first 1 of trips for each drivers, by trips.distance_km, highest first.
SELECT ranked.id,
       ranked.first_name,
       ranked.last_name,
       ranked.trip_id,
       ranked.vehicle_id,
       ranked.driver_id,
       ranked.status,
       ranked.started_at,
       ranked.ended_at,
       ranked.distance_km,
       ranked.fuel_liters
FROM (
  SELECT d.id AS id,
         d.first_name AS first_name,
         d.last_name AS last_name,
         t.id AS trip_id,
         t.vehicle_id AS vehicle_id,
         t.driver_id AS driver_id,
         t.status AS status,
         t.started_at AS started_at,
         t.ended_at AS ended_at,
         t.distance_km AS distance_km,
         t.fuel_liters AS fuel_liters,
         row_number() OVER (PARTITION BY d.id, d.first_name, d.last_name ORDER BY t.distance_km DESC, t.id) AS "position"
  FROM trips AS t
  JOIN drivers AS d ON d.id = t.driver_id
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.id, ranked.first_name, ranked.last_name, ranked."position";

-- Which vehicle in each depot has the highest purchase price?
--   0.97: The first 1 of vehicles for each depots, by vehicles.purchase_price, highest first.
SELECT ranked.id,
       ranked.name,
       ranked.vehicle_id,
       ranked.depot_id,
       ranked.model,
       ranked.kind,
       ranked.purchase_price,
       ranked.resale_value,
       ranked.capacity_kg,
       ranked.electric,
       ranked.bought_on
FROM (
  SELECT d.id AS id,
         d.name AS name,
         v.id AS vehicle_id,
         v.depot_id AS depot_id,
         v.model AS model,
         v.kind AS kind,
         v.purchase_price AS purchase_price,
         v.resale_value AS resale_value,
         v.capacity_kg AS capacity_kg,
         v.electric AS electric,
         v.bought_on AS bought_on,
         row_number() OVER (PARTITION BY d.id, d.name ORDER BY v.purchase_price DESC, v.id) AS "position"
  FROM vehicles AS v
  JOIN depots AS d ON d.id = v.depot_id
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.id, ranked.name, ranked."position";

-- best paid driver per depot
--   0.97: The first 1 of drivers for each depots, by drivers.hourly_wage, highest first.
SELECT ranked.id, ranked.name, ranked.driver_id, ranked.first_name, ranked.last_name, ranked.hourly_wage
FROM (
  SELECT d2.id AS id,
         d2.name AS name,
         d.id AS driver_id,
         d.first_name AS first_name,
         d.last_name AS last_name,
         d.hourly_wage AS hourly_wage,
         row_number() OVER (PARTITION BY d2.id, d2.name ORDER BY d.hourly_wage DESC, d.id) AS "position"
  FROM drivers AS d
  JOIN depots AS d2 ON d2.id = d.depot_id
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.id, ranked.name, ranked."position";

-- month over month change in number of trips
--   0.97: The number of trips and the change of the number of trips to the period before for each month.
SELECT date_trunc('month', t.started_at)::date AS month,
       count(*) AS number_of_trips,
       count(*) - lag(count(*)) OVER (ORDER BY date_trunc('month', t.started_at)::date) AS change
FROM trips AS t
GROUP BY date_trunc('month', t.started_at)::date
ORDER BY month;

-- What is the month-over-month growth rate of total fees?
--   0.97: The total deliveries.fee and the growth of the total deliveries.fee over the period before, in percent for each month.
SELECT date_trunc('month', d.delivered_on)::date AS month,
       sum(d.fee) AS total_fee,
       100.0 * (sum(d.fee) - lag(sum(d.fee)) OVER (ORDER BY date_trunc('month', d.delivered_on)::date)) / NULLIF(lag(sum(d.fee)) OVER (ORDER BY date_trunc('month', d.delivered_on)::date), 0) AS growth
FROM deliveries AS d
GROUP BY date_trunc('month', d.delivered_on)::date
ORDER BY month;

-- year over year growth in deliveries
--   0.97: The number of deliveries and the growth of the number of deliveries over the period before, in percent for each year.
SELECT date_trunc('year', d.delivered_on)::date AS year,
       count(*) AS number_of_deliveries,
       100.0 * (count(*) - lag(count(*)) OVER (ORDER BY date_trunc('year', d.delivered_on)::date)) / NULLIF(lag(count(*)) OVER (ORDER BY date_trunc('year', d.delivered_on)::date), 0) AS growth
FROM deliveries AS d
GROUP BY date_trunc('year', d.delivered_on)::date
ORDER BY year;

-- How did the total fee change from month to month?
--   0.97: The total deliveries.fee and the change of the total deliveries.fee to the period before for each month.
SELECT date_trunc('month', d.delivered_on)::date AS month,
       sum(d.fee) AS total_fee,
       sum(d.fee) - lag(sum(d.fee)) OVER (ORDER BY date_trunc('month', d.delivered_on)::date) AS change
FROM deliveries AS d
GROUP BY date_trunc('month', d.delivered_on)::date
ORDER BY month;

-- total repair cost per year and the difference to the previous year
--   0.97: The total repairs.cost and the change of the total repairs.cost to the period before for each year.
SELECT date_trunc('year', r.repaired_on)::date AS year,
       sum(r.cost) AS total_cost,
       sum(r.cost) - lag(sum(r.cost)) OVER (ORDER BY date_trunc('year', r.repaired_on)::date) AS change
FROM repairs AS r
GROUP BY date_trunc('year', r.repaired_on)::date
ORDER BY year;

-- 3 month moving average of total fees
--   0.97: The total deliveries.fee and the moving average of the total deliveries.fee for each month.
SELECT date_trunc('month', d.delivered_on)::date AS month,
       sum(d.fee) AS total_fee,
       avg(sum(d.fee)) OVER (ORDER BY date_trunc('month', d.delivered_on)::date ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving_average
FROM deliveries AS d
GROUP BY date_trunc('month', d.delivered_on)::date
ORDER BY month;

-- 7-day moving average of the number of trips
--   0.97: The number of trips and the moving average of the number of trips for each day.
SELECT t.started_at::date AS day,
       count(*) AS number_of_trips,
       avg(count(*)) OVER (ORDER BY t.started_at::date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS moving_average
FROM trips AS t
GROUP BY t.started_at::date
ORDER BY day;

-- drivers with more than 10 trips
--   0.97: The number of trips where the number of trips is above 10 for each drivers.
SELECT d.id, d.first_name, d.last_name, count(*) AS number_of_trips
FROM trips AS t
JOIN drivers AS d ON d.id = t.driver_id
GROUP BY d.id, d.first_name, d.last_name
HAVING count(*) > 10
ORDER BY number_of_trips DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- Which drivers have an average distance above 50 km?
--   0.93: The average trips.distance_km where the average trips.distance_km is above 50 for each drivers.
SELECT d.id, d.first_name, d.last_name, avg(t.distance_km) AS average_distance_km
FROM trips AS t
JOIN drivers AS d ON d.id = t.driver_id
GROUP BY d.id, d.first_name, d.last_name
HAVING avg(t.distance_km) > 50
ORDER BY average_distance_km DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- Which clients have more deliveries than the average?
--   0.85: The number of deliveries where the number of deliveries is above the average number of deliveries per clients of all for each clients. Assumed: the average is taken over the clients that have any.
SELECT c.id, c.name, count(*) AS number_of_deliveries
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.id, c.name
HAVING count(*) > (
         SELECT avg(counted.n)
         FROM (
           SELECT count(*) AS n
           FROM deliveries AS d2
           GROUP BY d2.client_id
         ) AS counted
       )
ORDER BY number_of_deliveries DESC NULLS LAST, c.id, c.name;

-- Which drivers made more trips than the average driver?
--   0.85: The number of trips where the number of trips is above the average number of trips per drivers of all for each drivers. Assumed: the average is taken over the drivers that have any.
SELECT d.id, d.first_name, d.last_name, count(*) AS number_of_trips
FROM trips AS t
JOIN drivers AS d ON d.id = t.driver_id
GROUP BY d.id, d.first_name, d.last_name
HAVING count(*) > (
         SELECT avg(counted.n)
         FROM (
           SELECT count(*) AS n
           FROM trips AS t2
           GROUP BY t2.driver_id
         ) AS counted
       )
ORDER BY number_of_trips DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- Which vehicles cost more than the average purchase price?
--   0.97: Vehicles where vehicles.purchase_price is above the average vehicles.purchase_price of all.
SELECT v.id,
       v.depot_id,
       v.model,
       v.kind,
       v.purchase_price,
       v.resale_value,
       v.capacity_kg,
       v.electric,
       v.bought_on
FROM vehicles AS v
WHERE v.purchase_price > (
        SELECT avg(v2.purchase_price)
        FROM vehicles AS v2
      )
ORDER BY v.id;

-- vehicles with a purchase price above average
--   0.97: Vehicles where vehicles.purchase_price is above the average vehicles.purchase_price of all.
SELECT v.id,
       v.depot_id,
       v.model,
       v.kind,
       v.purchase_price,
       v.resale_value,
       v.capacity_kg,
       v.electric,
       v.bought_on
FROM vehicles AS v
WHERE v.purchase_price > (
        SELECT avg(v2.purchase_price)
        FROM vehicles AS v2
      )
ORDER BY v.id;

-- Which drivers earn more than the average hourly wage of their depot?
--   0.97: Drivers where drivers.hourly_wage is above the average drivers.hourly_wage of all.
SELECT d.id, d.first_name, d.last_name, d.hourly_wage
FROM drivers AS d
WHERE d.hourly_wage > (
        SELECT avg(d2.hourly_wage)
        FROM drivers AS d2
        WHERE d2.depot_id = d.depot_id
      )
ORDER BY d.id;

-- Which deliveries weigh more than the average?
--   0.85: Deliveries where deliveries.weight_kg is above the average deliveries.weight_kg of all.
SELECT d.id, d.trip_id, d.client_id, d.weight_kg, d.fee, d.promised_on, d.delivered_on, d.damaged
FROM deliveries AS d
WHERE d.weight_kg > (
        SELECT avg(d2.weight_kg)
        FROM deliveries AS d2
      )
ORDER BY d.id;

-- trips longer than the average trip
--   0.97: Trips where trips.distance_km is above the average trips.distance_km of all.
SELECT t.id, t.vehicle_id, t.driver_id, t.status, t.started_at, t.ended_at, t.distance_km, t.fuel_liters
FROM trips AS t
WHERE t.distance_km > (
        SELECT avg(t2.distance_km)
        FROM trips AS t2
      )
ORDER BY t.id;

-- Which depots have fewer than 5 vehicles?
--   0.97: Depots where the number of vehicles is below 5.
SELECT d.id, d.name
FROM depots AS d
WHERE d.id NOT IN (
        SELECT v.depot_id
        FROM vehicles AS v
        WHERE v.depot_id IS NOT NULL
        GROUP BY v.depot_id
        HAVING count(*) >= 5
      )
ORDER BY d.id;

-- kinds of repair with a total cost over 1000
--   0.97: The total repairs.cost where the total repairs.cost is above 1000 for each repairs.kind.
SELECT r.kind, sum(r.cost) AS total_cost
FROM repairs AS r
GROUP BY r.kind
HAVING sum(r.cost) > 1000
ORDER BY total_cost DESC NULLS LAST, r.kind;

-- industries whose average fee is higher than the overall average fee
--   0.97: The average deliveries.fee where the average deliveries.fee is above the average deliveries.fee of all for each clients.industry.
SELECT c.industry, avg(d.fee) AS average_fee
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.industry
HAVING avg(d.fee) > (
         SELECT avg(d2.fee)
         FROM deliveries AS d2
       )
ORDER BY average_fee DESC NULLS LAST, c.industry;

-- clients whose total fee is above the average total fee per client
--   0.97: The total deliveries.fee where the total deliveries.fee is above the average total deliveries.fee per clients of all for each clients.
SELECT c.id, c.name, sum(d.fee) AS total_fee
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.id, c.name
HAVING sum(d.fee) > (
         SELECT avg(counted.n)
         FROM (
           SELECT sum(d2.fee) AS n
           FROM deliveries AS d2
           GROUP BY d2.client_id
         ) AS counted
       )
ORDER BY total_fee DESC NULLS LAST, c.id, c.name;

-- Which vehicles have a total repair cost greater than their purchase price?
--   abstained PA001: "total" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which repairs went over budget?
--   0.97: Repairs where repairs.cost is above repairs.budget.
SELECT r.id, r.vehicle_id, r.kind, r.cost, r.budget, r.repaired_on
FROM repairs AS r
WHERE r.cost > r.budget
ORDER BY r.id;

-- Which repairs cost more than their budget?
--   0.97: Repairs where repairs.cost is above repairs.budget.
SELECT r.id, r.vehicle_id, r.kind, r.cost, r.budget, r.repaired_on
FROM repairs AS r
WHERE r.cost > r.budget
ORDER BY r.id;

-- vehicles whose resale value is less than half of the purchase price
--   0.97: Vehicles where vehicles.resale_value is below 0.5 times vehicles.purchase_price.
SELECT v.id,
       v.depot_id,
       v.model,
       v.kind,
       v.purchase_price,
       v.resale_value,
       v.capacity_kg,
       v.electric,
       v.bought_on
FROM vehicles AS v
WHERE v.resale_value < 0.5 * v.purchase_price
ORDER BY v.id;

-- What is the difference between the average fee in Germany and in France?
--   0.97: The average deliveries.fee where clients.country is Germany minus the average deliveries.fee where clients.country is France.
SELECT avg(d.fee) FILTER (WHERE c.country = 'Germany') - avg(d.fee) FILTER (WHERE c.country = 'France') AS difference
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id;

-- difference between the average purchase price of vans and of trucks
--   0.85: The average vehicles.purchase_price where vehicles.kind is van minus the average vehicles.purchase_price where vehicles.kind is truck.
SELECT avg(v.purchase_price) FILTER (WHERE v.kind = 'van') - avg(v.purchase_price) FILTER (WHERE v.kind = 'truck') AS difference
FROM vehicles AS v;

-- What is the difference between the number of completed and cancelled trips?
--   0.97: The number of trips where trips.status is completed minus the number of trips where trips.status is cancelled.
SELECT count(*) FILTER (WHERE t.status = 'completed') - count(*) FILTER (WHERE t.status = 'cancelled') AS difference
FROM trips AS t;

-- What is the range of delivery fees?
--   0.97: The highest deliveries.fee minus the lowest deliveries.fee.
SELECT max(d.fee) - min(d.fee) AS range
FROM deliveries AS d;

-- What is the difference between the highest and the lowest hourly wage?
--   0.97: The highest drivers.hourly_wage minus the lowest drivers.hourly_wage.
SELECT max(d.hourly_wage) - min(d.hourly_wage) AS difference
FROM drivers AS d;

-- What is the spread of purchase prices per depot?
--   0.97: The highest vehicles.purchase_price minus the lowest vehicles.purchase_price for each depots.
SELECT d.id, d.name, max(v.purchase_price) - min(v.purchase_price) AS range
FROM vehicles AS v
JOIN depots AS d ON d.id = v.depot_id
GROUP BY d.id, d.name
ORDER BY range DESC NULLS LAST, d.id, d.name;

-- difference between purchase price and resale value for each vehicle
--   0.97: Vehicles.
SELECT v.id, v.purchase_price - v.resale_value AS difference
FROM vehicles AS v
ORDER BY v.id;

-- What is the average difference between cost and budget of repairs?
--   0.97: The average repairs.(cost minus budget).
SELECT avg(r.cost - r.budget) AS average_difference
FROM repairs AS r;

-- total cost minus total budget by kind
--   0.97: The total repairs.cost minus the total repairs.budget for each repairs.kind.
SELECT r.kind, sum(r.cost) - sum(r.budget) AS difference
FROM repairs AS r
GROUP BY r.kind
ORDER BY difference DESC NULLS LAST, r.kind;

-- What is the difference between the total cost and the total budget of repairs by kind?
--   0.97: The total repairs.cost minus the total repairs.budget for each repairs.kind.
SELECT r.kind, sum(r.cost) - sum(r.budget) AS difference
FROM repairs AS r
GROUP BY r.kind
ORDER BY difference DESC NULLS LAST, r.kind;

-- margin of resale value over purchase price per vehicle
--   abstained PA001: "margin" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- trips per week
--   0.85: The number of trips for each week. Assumed: the number of trips is meant.
SELECT date_trunc('week', t.started_at)::date AS week, count(*) AS number_of_trips
FROM trips AS t
GROUP BY date_trunc('week', t.started_at)::date
ORDER BY week;

-- number of deliveries by weekday
--   0.97: The number of deliveries for each weekday.
SELECT to_char(d.delivered_on, 'FMDay') AS weekday, count(*) AS number_of_deliveries
FROM deliveries AS d
GROUP BY to_char(d.delivered_on, 'FMDay')
ORDER BY weekday;

-- How many trips started on Mondays?
--   0.97: The number of trips where the weekday of trips.started_at is 1.
SELECT count(*) AS number_of_trips
FROM trips AS t
WHERE date_part('isodow', t.started_at) IN (1);

-- How many trips were made on weekends?
--   0.97: The number of trips where the weekday of trips.started_at is 6, 7.
SELECT count(*) AS number_of_trips
FROM trips AS t
WHERE date_part('isodow', t.started_at) IN (6, 7);

-- trips by hour of the day
--   0.85: The number of trips for each hour of day. Assumed: the number of trips is meant.
SELECT date_part('hour', t.started_at) AS hour_of_day, count(*) AS number_of_trips
FROM trips AS t
GROUP BY date_part('hour', t.started_at)
ORDER BY hour_of_day;

-- number of trips per half-year
--   abstained PA001: "half" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many trips started after 6 pm?
--   0.97: The number of trips where the hour of trips.started_at is 18, 19, 20, 21, 22, 23.
SELECT count(*) AS number_of_trips
FROM trips AS t
WHERE date_part('hour', t.started_at) IN (18, 19, 20, 21, 22, 23);

-- How many trips started between 8 am and 10 am?
--   0.97: The number of trips where the hour of trips.started_at is 8, 9.
SELECT count(*) AS number_of_trips
FROM trips AS t
WHERE date_part('hour', t.started_at) IN (8, 9);

-- total fees per quarter of 2025
--   0.97: The total deliveries.fee where deliveries.delivered_on is in: the year 2025 for each quarter.
SELECT date_trunc('quarter', d.delivered_on)::date AS quarter, sum(d.fee) AS total_fee
FROM deliveries AS d
WHERE (d.delivered_on >= '2025-01-01' AND d.delivered_on < '2026-01-01')
GROUP BY date_trunc('quarter', d.delivered_on)::date
ORDER BY quarter;

-- How many trips were there in each of the last 8 weeks excluding the current week?
--   0.97: The number of trips where trips.started_at is in: the 8 full calendar weeks before the current one for each week.
SELECT date_trunc('week', t.started_at)::date AS week, count(*) AS number_of_trips
FROM trips AS t
WHERE (t.started_at >= date_trunc('week', current_date) - interval '8 weeks' AND t.started_at < date_trunc('week', current_date))
GROUP BY date_trunc('week', t.started_at)::date
ORDER BY week;

-- How many trips started in the last 3 months?
--   0.97: The number of trips where trips.started_at is in: the last 3 months up to today.
SELECT count(*) AS number_of_trips
FROM trips AS t
WHERE (t.started_at >= current_date - interval '3 months' AND t.started_at < current_date + interval '1 day');

-- number of trips in the first half of 2025
--   0.97: The number of trips where trips.started_at is in: half 1 of 2025.
SELECT count(*) AS number_of_trips
FROM trips AS t
WHERE (t.started_at >= '2025-01-01' AND t.started_at < '2025-07-01');

-- trips in the second quarter of 2025
--   0.97: Trips where trips.started_at is in: quarter 2 of 2025.
SELECT t.id, t.vehicle_id, t.driver_id, t.status, t.started_at, t.ended_at, t.distance_km, t.fuel_liters
FROM trips AS t
WHERE (t.started_at >= '2025-04-01' AND t.started_at < '2025-07-01')
ORDER BY t.id;

-- How many repairs were made in March of any year?
--   0.97: The number of repairs where the month of year of repairs.repaired_on is 3.
SELECT count(*) AS number_of_repairs
FROM repairs AS r
WHERE date_part('month', r.repaired_on) IN (3);

-- How many repairs took place between March and May 2025?
--   0.97: The number of repairs where repairs.repaired_on is in: from March 2025 to May 2025, both included.
SELECT count(*) AS number_of_repairs
FROM repairs AS r
WHERE (r.repaired_on >= '2025-03-01' AND r.repaired_on < '2025-06-01');

-- repairs in the month of April 2025
--   0.97: Repairs where repairs.repaired_on is in: April 2025.
SELECT r.id, r.vehicle_id, r.kind, r.cost, r.budget, r.repaired_on
FROM repairs AS r
WHERE (r.repaired_on >= '2025-04-01' AND r.repaired_on < '2025-05-01')
ORDER BY r.id;

-- How many trips on weekdays vs weekends?
--   abstained PA001: "vs" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which day of the week has the most trips?
--   0.97: The first 1 of weekday with the number of trips, by number of trips, highest first.
SELECT to_char(t.started_at, 'FMDay') AS weekday, count(*) AS number_of_trips
FROM trips AS t
GROUP BY to_char(t.started_at, 'FMDay')
ORDER BY number_of_trips DESC NULLS LAST, weekday
LIMIT 1;

-- Which month has the highest total fee?
--   0.97: The first 1 of month with the total deliveries.fee, by total deliveries.fee, highest first.
SELECT date_trunc('month', d.delivered_on)::date AS month, sum(d.fee) AS total_fee
FROM deliveries AS d
GROUP BY date_trunc('month', d.delivered_on)::date
ORDER BY total_fee DESC NULLS LAST, month
LIMIT 1;

-- How many clients signed up each month of 2025?
--   0.93: The number of clients where clients.signed_up_on is in: the year 2025 for each month.
SELECT date_trunc('month', c.signed_up_on)::date AS month, count(*) AS number_of_clients
FROM clients AS c
WHERE (c.signed_up_on >= '2025-01-01' AND c.signed_up_on < '2026-01-01')
GROUP BY date_trunc('month', c.signed_up_on)::date
ORDER BY month;

-- What is the average duration of trips?
--   0.97: The average trips.time from started_at to ended_at.
SELECT avg(t.ended_at - t.started_at) AS average_duration
FROM trips AS t;

-- average time between start and end of a trip
--   0.97: The average trips.time from started_at to ended_at.
SELECT avg(t.ended_at - t.started_at) AS average_duration
FROM trips AS t;

-- What is the average number of days between the promised date and the delivery date?
--   0.97: The average deliveries.time from promised_on to delivered_on in days.
SELECT avg(d.delivered_on - d.promised_on) AS average_days_from_promised_on_to_delivered_on
FROM deliveries AS d;

-- How many days on average pass from purchase to the first repair?
--   abstained PA001: "pass", "purchase" is not explained by anything in this database
--   Did you mean: purchaser?

-- average trip duration in minutes by driver
--   0.97: The average trips.time from started_at to ended_at in minutes for each drivers.
SELECT d.id,
       d.first_name,
       d.last_name,
       avg(extract(epoch FROM t.ended_at - t.started_at) / 60) AS average_minutes_from_started_at_to_ended_at
FROM trips AS t
JOIN drivers AS d ON d.id = t.driver_id
GROUP BY d.id, d.first_name, d.last_name
ORDER BY average_minutes_from_started_at_to_ended_at DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- What is the longest trip duration?
--   0.97: The highest trips.time from started_at to ended_at.
SELECT max(t.ended_at - t.started_at) AS highest_duration
FROM trips AS t;

-- Which trips lasted more than 2 hours?
--   0.97: Trips where trips.time from started_at to ended_at in hours is above 2.
SELECT t.id, t.vehicle_id, t.driver_id, t.status, t.started_at, t.ended_at, t.distance_km, t.fuel_liters
FROM trips AS t
WHERE extract(epoch FROM t.ended_at - t.started_at) / 3600 > 2
ORDER BY t.id;

-- What is the average age of drivers?
--   0.97: The average drivers.age (full years since born_on).
SELECT avg(date_part('year', age(d.born_on))) AS average_age
FROM drivers AS d;

-- How old is the oldest driver?
--   0.97: The first 1 of drivers, by drivers.born_on, lowest first.
SELECT date_part('year', age(d.born_on)) AS age, d.born_on
FROM drivers AS d
ORDER BY d.born_on, d.id
LIMIT 1;

-- drivers older than 50
--   0.97: Drivers where drivers.age (full years since born_on) is above 50. Assumed: ages are full years since born_on.
SELECT d.id, d.first_name, d.last_name, date_part('year', age(d.born_on)) AS age
FROM drivers AS d
WHERE date_part('year', age(d.born_on)) > 50
ORDER BY d.id;

-- drivers under 30 years old
--   0.97: Drivers where drivers.age (full years since born_on) is below 30.
SELECT d.id, d.first_name, d.last_name, date_part('year', age(d.born_on)) AS age
FROM drivers AS d
WHERE date_part('year', age(d.born_on)) < 30
ORDER BY d.id;

-- How many deliveries were delivered more than 3 days after the promised date?
--   0.85: The number of deliveries where deliveries.delivered_on is above deliveries.promised_on and 3 days.
SELECT count(*) AS number_of_deliveries
FROM deliveries AS d
WHERE d.delivered_on > d.promised_on + interval '3 days';

-- deliveries delivered within 2 days of the promised date
--   0.85: Deliveries where deliveries.delivered_on is at least deliveries.promised_on and deliveries.delivered_on is at most deliveries.promised_on and 2 days.
SELECT d.id, d.trip_id, d.client_id, d.weight_kg, d.fee, d.promised_on, d.delivered_on, d.damaged
FROM deliveries AS d
WHERE d.delivered_on >= d.promised_on
  AND d.delivered_on <= d.promised_on + interval '2 days'
ORDER BY d.id;

-- deliveries that arrived after the promised date
--   abstained PA001: "after" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many deliveries were late?
--   0.85: The number of deliveries where deliveries.delivered_on is above deliveries.promised_on. Assumed: late means that delivered_on is after promised_on.
SELECT count(*) AS number_of_deliveries
FROM deliveries AS d
WHERE d.delivered_on > d.promised_on;

-- Which drivers were hired in the same month as they were born?
--   0.97: Drivers where drivers.hired_on is in the same month as drivers.born_on.
SELECT d.id, d.first_name, d.last_name, d.hired_on
FROM drivers AS d
WHERE date_trunc('month', d.hired_on) = date_trunc('month', d.born_on)
ORDER BY d.id;

-- Which vehicles were repaired within 30 days of being bought?
--   0.85: Vehicles where repairs.repaired_on is at least vehicles.bought_on and repairs.repaired_on is at most vehicles.bought_on and 30 days.
SELECT v.id,
       v.depot_id,
       v.model,
       v.kind,
       v.purchase_price,
       v.resale_value,
       v.capacity_kg,
       v.electric,
       v.bought_on
FROM vehicles AS v
WHERE EXISTS (
        SELECT 1
        FROM repairs AS r
        WHERE r.vehicle_id = v.id
          AND r.repaired_on >= v.bought_on
          AND r.repaired_on <= v.bought_on + interval '30 days'
      )
ORDER BY v.id;

-- How many clients had a delivery in the same month they signed up?
--   0.97: The number of clients where deliveries.delivered_on is in the same month as clients.signed_up_on.
SELECT count(*) AS number_of_clients
FROM clients AS c
WHERE EXISTS (
        SELECT 1
        FROM deliveries AS d
        WHERE d.client_id = c.id
          AND date_trunc('month', d.delivered_on) = date_trunc('month', c.signed_up_on)
      );

-- How many years has each driver been employed?
--   abstained PA001: "employed" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- average tenure of drivers per depot
--   abstained PA001: "tenure" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- number of trips and number of repairs per vehicle
--   0.97: The number of trips and the number of repairs for each vehicles.
SELECT v.id,
       (
         SELECT count(*)
         FROM trips AS t
         WHERE t.vehicle_id = v.id
       ) AS number_of_trips,
       (
         SELECT count(*)
         FROM repairs AS r
         WHERE r.vehicle_id = v.id
       ) AS number_of_repairs
FROM vehicles AS v
ORDER BY number_of_trips DESC NULLS LAST, v.id;

-- total distance and total repair cost for each vehicle
--   0.93: The total trips.distance_km and the total repairs.cost for each vehicles.
SELECT v.id,
       COALESCE((
         SELECT sum(t.distance_km)
         FROM trips AS t
         WHERE t.vehicle_id = v.id
       ), 0) AS total_distance_km,
       COALESCE((
         SELECT sum(r.cost)
         FROM repairs AS r
         WHERE r.vehicle_id = v.id
       ), 0) AS total_cost
FROM vehicles AS v
ORDER BY total_distance_km DESC NULLS LAST, v.id;

-- average fee and number of repairs per depot
--   abstained PA001: depots could be joined by trip_id
--   Say which of them you mean.

-- number of vehicles and number of drivers per depot
--   0.97: The number of vehicles and the number of drivers for each depots.
SELECT d.id,
       d.name,
       (
         SELECT count(*)
         FROM vehicles AS v
         WHERE v.depot_id = d.id
       ) AS number_of_vehicles,
       (
         SELECT count(*)
         FROM drivers AS d2
         WHERE d2.depot_id = d.id
       ) AS number_of_drivers
FROM depots AS d
ORDER BY number_of_vehicles DESC NULLS LAST, d.id, d.name;

-- How many depots have more drivers than vehicles?
--   0.97: The number of depots where the number of drivers is above the number of vehicles of all.
SELECT count(*) AS number_of_depots
FROM depots AS d
WHERE (
        SELECT count(*)
        FROM drivers AS d2
        WHERE d2.depot_id = d.id
      ) > (
        SELECT count(*)
        FROM vehicles AS v
        WHERE v.depot_id = d.id
      );

-- What percentage of vans are electric?
--   0.85: The number of vehicles where vehicles.electric is True as a percentage of the number of vehicles where vehicles.kind is van.
SELECT 100.0 * count(*) FILTER (WHERE v.electric) / NULLIF(count(*), 0) AS percentage
FROM vehicles AS v
WHERE v.kind = 'van';

-- What is the ratio of the number of vehicles in each depot to the total number of vehicles?
--   0.97: The part of all of the number of vehicles for each depots.
SELECT d.id, d.name, count(*)::numeric / NULLIF(sum(count(*)) OVER (), 0) AS share
FROM vehicles AS v
JOIN depots AS d ON d.id = v.depot_id
GROUP BY d.id, d.name
ORDER BY share DESC NULLS LAST, d.id, d.name;

-- ratio of deliveries delivered after the promised date to all deliveries by country
--   0.85: The number of deliveries where deliveries.delivered_on is above deliveries.promised_on divided by the number of deliveries for each clients.country.
SELECT c.country,
       count(*) FILTER (WHERE d.delivered_on > d.promised_on)::numeric / NULLIF(count(*), 0) AS ratio
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.country
ORDER BY ratio DESC NULLS LAST, c.country;

-- total fee / total weight of deliveries, counting only deliveries that have a delivery date, by industry
--   abstained PA001: "date" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- trips started in March 2025 or later
--   0.97: Trips where trips.started_at is in: since March 2025.
SELECT t.id, t.vehicle_id, t.driver_id, t.status, t.started_at, t.ended_at, t.distance_km, t.fuel_liters
FROM trips AS t
WHERE t.started_at >= '2025-03-01'
ORDER BY t.id;

-- top 3 combinations of vehicle kind and trip status by number of trips
--   0.97: The first 3 of vehicles.kind and trips.status with the number of trips, by number of trips, highest first.
SELECT v.kind, t.status, count(*) AS number_of_trips
FROM trips AS t
JOIN vehicles AS v ON v.id = t.vehicle_id
GROUP BY v.kind, t.status
ORDER BY number_of_trips DESC NULLS LAST, v.kind, t.status
LIMIT 3;

-- Which vehicle kinds have a completion rate above 50 percent?
--   0.85: The number of trips where trips.status is completed as a percentage of the number of trips where the number of trips where trips.status is completed as a percentage of the number of trips is above 50 for each vehicles.kind. Assumed: the completion rate is the percentage of trips.
SELECT v.kind,
       100.0 * count(*) FILTER (WHERE t.status = 'completed') / NULLIF(count(*), 0) AS completion_rate
FROM trips AS t
JOIN vehicles AS v ON v.id = t.vehicle_id
GROUP BY v.kind
HAVING 100.0 * count(*) FILTER (WHERE t.status = 'completed') / NULLIF(count(*), 0) > 50
ORDER BY completion_rate DESC NULLS LAST, v.kind;

-- Which drivers have a completion rate above 50%?
--   0.85: The number of trips where trips.status is completed as a percentage of the number of trips where the number of trips where trips.status is completed as a percentage of the number of trips is above 50 for each drivers. Assumed: the completion rate is the percentage of trips.
SELECT d.id,
       d.first_name,
       d.last_name,
       100.0 * count(*) FILTER (WHERE t.status = 'completed') / NULLIF(count(*), 0) AS completion_rate
FROM trips AS t
JOIN drivers AS d ON d.id = t.driver_id
GROUP BY d.id, d.first_name, d.last_name
HAVING 100.0 * count(*) FILTER (WHERE t.status = 'completed') / NULLIF(count(*), 0) > 50
ORDER BY completion_rate DESC NULLS LAST, d.id, d.first_name, d.last_name;

-- Which clients have a damage rate of at least 10 percent?
--   0.85: The number of deliveries where deliveries.damaged is True as a percentage of the number of deliveries where the number of deliveries where deliveries.damaged is True as a percentage of the number of deliveries is at least 10 for each clients. Assumed: the damage rate is the percentage of deliveries.
SELECT c.id, c.name, 100.0 * count(*) FILTER (WHERE d.damaged) / NULLIF(count(*), 0) AS damage_rate
FROM deliveries AS d
JOIN clients AS c ON c.id = d.client_id
GROUP BY c.id, c.name
HAVING 100.0 * count(*) FILTER (WHERE d.damaged) / NULLIF(count(*), 0) >= 10
ORDER BY damage_rate DESC NULLS LAST, c.id, c.name;
