-- How many customers do we have?
--   0.9: The number of users.
SELECT count(*) AS number_of_users
FROM users AS u;

-- How many active customers are there in Germany?
--   0.9: The number of users where users.is_active is True and users.country_code is DE.
SELECT count(*) AS number_of_users
FROM users AS u
WHERE u.is_active
  AND u.country_code = 'DE';

-- top 5 customers by revenue last month
--   0.9: The first 5 of users with the total revenue where orders.ordered_at is in: "last month" is the previous calendar month, by total revenue, highest first. Assumed: revenue is quantity times unit_price less discount_percent of order_lines; orders of every status count, also cancelled, refunded.
SELECT u.id,
       u.first_name,
       u.last_name,
       sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) AS revenue
FROM order_lines AS ol
JOIN orders AS o ON o.id = ol.order_id
JOIN users AS u ON u.id = o.user_id
WHERE (o.ordered_at >= date_trunc('month', current_date) - interval '1 month' AND o.ordered_at < date_trunc('month', current_date))
GROUP BY u.id, u.first_name, u.last_name
ORDER BY revenue DESC NULLS LAST, u.id, u.first_name, u.last_name
LIMIT 5;

-- how many orders were cancelled in each country?
--   abstained PA001: "country" could mean addresses.country_code or users.country_code
--   Name the table with the column.

-- What is the total revenue this year?
--   0.97: The total revenue where orders.ordered_at is in: "this year" is the current calendar year. Assumed: revenue is quantity times unit_price less discount_percent of order_lines; orders of every status count, also cancelled, refunded.
SELECT sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) AS revenue
FROM order_lines AS ol
JOIN orders AS o ON o.id = ol.order_id
WHERE (o.ordered_at >= date_trunc('year', current_date) AND o.ordered_at < date_trunc('year', current_date) + interval '1 year');

-- revenue by product group
--   0.97: The total revenue for each product_groups. Assumed: revenue is quantity times unit_price less discount_percent of order_lines; orders of every status count, also cancelled, refunded.
SELECT pg.id, pg.name, sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) AS revenue
FROM order_lines AS ol
JOIN products AS p ON p.id = ol.product_id
JOIN product_groups AS pg ON pg.id = p.product_group_id
GROUP BY pg.id, pg.name
ORDER BY revenue DESC NULLS LAST, pg.id, pg.name;

-- Which product group has the highest revenue?
--   0.97: The first 1 of product_groups with the total revenue, by total revenue, highest first. Assumed: revenue is quantity times unit_price less discount_percent of order_lines; orders of every status count, also cancelled, refunded.
SELECT pg.id, pg.name, sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) AS revenue
FROM order_lines AS ol
JOIN products AS p ON p.id = ol.product_id
JOIN product_groups AS pg ON pg.id = p.product_group_id
GROUP BY pg.id, pg.name
ORDER BY revenue DESC NULLS LAST, pg.id, pg.name
LIMIT 1;

-- What is the average rating of each product?
--   0.97: The average product_reviews.rating for each products.
SELECT p.id, p.name, avg(pr.rating) AS average_rating
FROM product_reviews AS pr
JOIN products AS p ON p.id = pr.product_id
GROUP BY p.id, p.name
ORDER BY average_rating DESC NULLS LAST, p.id, p.name;

-- Which products have an average rating of at least 4?
--   0.97: The average product_reviews.rating where the average product_reviews.rating is at least 4 for each products.
SELECT p.id, p.name, avg(pr.rating) AS average_rating
FROM product_reviews AS pr
JOIN products AS p ON p.id = pr.product_id
GROUP BY p.id, p.name
HAVING avg(pr.rating) >= 4
ORDER BY average_rating DESC NULLS LAST, p.id, p.name;

-- Which products were never ordered?
--   0.85: Products without any orders.
SELECT p.id, p.name
FROM products AS p
WHERE NOT EXISTS (
        SELECT 1
        FROM order_lines AS ol
        WHERE ol.product_id = p.id
      )
ORDER BY p.id;

-- Which customers never placed an order?
--   0.9: Users without any orders.
SELECT u.id, u.first_name, u.last_name
FROM users AS u
WHERE NOT EXISTS (
        SELECT 1
        FROM orders AS o
        WHERE o.user_id = u.id
      )
ORDER BY u.id;

-- How many payments were made by credit card?
--   0.97: The number of payments where payments.method is credit_card.
SELECT count(*) AS number_of_payments
FROM payments AS p
WHERE p.method = 'credit_card';

-- What is the most common payment method?
--   0.97: The first 1 of payments.method with the number of payments, by number of payments, highest first.
SELECT p.method, count(*) AS number_of_payments
FROM payments AS p
GROUP BY p.method
ORDER BY number_of_payments DESC NULLS LAST, p.method
LIMIT 1;

-- total payments per method
--   abstained PA001: whether the number or the amount of payments is meant is not clear
--   Say "number of" or "total amount of".

-- average order value
--   0.97: The average order value. Assumed: revenue is quantity times unit_price less discount_percent of order_lines; orders of every status count, also cancelled, refunded.
SELECT sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) / NULLIF(count(DISTINCT ol.order_id), 0) AS avg_order_value
FROM order_lines AS ol;

-- How many orders have not been shipped?
--   abstained PA001: whether "not shipped" leaves out later states too is not clear
--   Name the states you mean: pending, paid, shipped, delivered, cancelled, refunded.

-- How many orders were shipped last week?
--   abstained PA001: "shipped" is a state of orders and a date of shipments
--   Ask in other words, naming tables and columns.

-- Which carrier shipped the most orders?
--   abstained PA001: "shipped" is no known carrier
--   Ask in other words, naming tables and columns.

-- Which suppliers come from China?
--   0.97: Suppliers where suppliers.country_code is CN.
SELECT s.id, s.name
FROM suppliers AS s
WHERE s.country_code = 'CN'
ORDER BY s.id;

-- How many products does each supplier have?
--   0.97: The number of products for each suppliers.
SELECT s.id, s.name, count(*) AS number_of_products
FROM products AS p
JOIN suppliers AS s ON s.id = p.supplier_id
GROUP BY s.id, s.name
ORDER BY number_of_products DESC NULLS LAST, s.id, s.name;

-- What is the total stock per warehouse?
--   0.9: The total inventory.quantity for each inventory.warehouse.
SELECT i.warehouse, sum(i.quantity) AS total_quantity
FROM inventory AS i
GROUP BY i.warehouse
ORDER BY total_quantity DESC NULLS LAST, i.warehouse;

-- Which products are out of stock?
--   abstained PA001: whether one place or every place without any is meant is not clear
--   Name the place.

-- How many page views were there yesterday?
--   0.85: The number of page_events where page_events.occurred_at is in: "yesterday" is the day before the current date and page_events.event_type is page_view.
SELECT count(*) AS number_of_page_events
FROM page_events AS pe
WHERE (pe.occurred_at >= current_date - interval '1 day' AND pe.occurred_at < current_date)
  AND pe.event_type = 'page_view';

-- number of events per type in the last 7 days
--   0.93: The number of page_events where page_events.occurred_at is in: the last 7 days up to today for each page_events.event_type.
SELECT pe.event_type, count(*) AS number_of_page_events
FROM page_events AS pe
WHERE (pe.occurred_at >= current_date - interval '7 days' AND pe.occurred_at < current_date + interval '1 day')
GROUP BY pe.event_type
ORDER BY number_of_page_events DESC NULLS LAST, pe.event_type;

-- How many users signed up per month in 2025?
--   0.93: The number of users where users.signed_up_at is in: the year 2025 for each month.
SELECT date_trunc('month', u.signed_up_at)::date AS month, count(*) AS number_of_users
FROM users AS u
WHERE (u.signed_up_at >= '2025-01-01' AND u.signed_up_at < '2026-01-01')
GROUP BY date_trunc('month', u.signed_up_at)::date
ORDER BY month;

-- customers who ordered in 2024 but not in 2025
--   0.85: Users where orders.ordered_at is in: the year 2024 and without any orders (orders.ordered_at is in: the year 2025).
SELECT u.id, u.first_name, u.last_name
FROM users AS u
WHERE EXISTS (
        SELECT 1
        FROM orders AS o
        WHERE o.user_id = u.id
          AND (o.ordered_at >= '2024-01-01' AND o.ordered_at < '2025-01-01')
      )
  AND NOT EXISTS (
        SELECT 1
        FROM orders AS o2
        WHERE o2.user_id = u.id
          AND (o2.ordered_at >= '2025-01-01' AND o2.ordered_at < '2026-01-01')
      )
ORDER BY u.id;

-- List the 10 most recent orders with their status
--   0.97: The first 10 of orders, by orders.ordered_at, highest first.
SELECT o.id, o.status, o.ordered_at
FROM orders AS o
ORDER BY o.ordered_at DESC, o.id
LIMIT 10;

-- Show the email addresses of customers who live in Berlin
--   0.9: Users where addresses.city is Berlin.
SELECT u.email
FROM users AS u
WHERE EXISTS (
        SELECT 1
        FROM addresses AS a
        WHERE a.user_id = u.id
          AND a.city = 'Berlin'
      )
ORDER BY u.id;

-- How many orders were shipped to Berlin?
--   abstained PA001: addresses could be joined by billing_address_id or shipping_address_id
--   Say which of them you mean.

-- How many orders contain more than 3 products?
--   abstained PA001: how products and orders belong together is not clear
--   Ask in other words, naming tables and columns.

-- The 3 most expensive products in Shoes
--   0.97: The first 3 of products where product_groups.name is Shoes, by products.price, highest first.
SELECT p.id, p.name, p.price
FROM products AS p
JOIN product_groups AS pg ON pg.id = p.product_group_id
WHERE pg.name = 'Shoes'
ORDER BY p.price DESC, p.id
LIMIT 3;

-- average price per product group
--   0.97: The average products.price for each product_groups.
SELECT pg.id, pg.name, avg(p.price) AS average_price
FROM products AS p
JOIN product_groups AS pg ON pg.id = p.product_group_id
GROUP BY pg.id, pg.name
ORDER BY average_price DESC NULLS LAST, pg.id, pg.name;

-- Which customer wrote the most reviews?
--   0.9: The first 1 of users with the number of product_reviews, by number of product_reviews, highest first.
SELECT u.id, u.first_name, u.last_name, count(*) AS number_of_product_reviews
FROM product_reviews AS pr
JOIN users AS u ON u.id = pr.user_id
GROUP BY u.id, u.first_name, u.last_name
ORDER BY number_of_product_reviews DESC NULLS LAST, u.id, u.first_name, u.last_name
LIMIT 1;

-- Which customers spent more than 500 in total?
--   0.9: The total revenue where the total revenue is above 500 for each users. Assumed: revenue is quantity times unit_price less discount_percent of order_lines; orders of every status count, also cancelled, refunded.
SELECT u.id,
       u.first_name,
       u.last_name,
       sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) AS revenue
FROM order_lines AS ol
JOIN orders AS o ON o.id = ol.order_id
JOIN users AS u ON u.id = o.user_id
GROUP BY u.id, u.first_name, u.last_name
HAVING sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) > 500
ORDER BY revenue DESC NULLS LAST, u.id, u.first_name, u.last_name;

-- How many failed payments were there last month?
--   0.97: The number of payments where payments.paid_at is in: "last month" is the previous calendar month and payments.status is failed.
SELECT count(*) AS number_of_payments
FROM payments AS p
WHERE (p.paid_at >= date_trunc('month', current_date) - interval '1 month' AND p.paid_at < date_trunc('month', current_date))
  AND p.status = 'failed';

-- How many orders did Ann Smith place?
--   abstained PA001: "Ann", "Smith" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- products with a price between 10 and 20
--   0.97: Products where products.price is from 10 to 20.
SELECT p.id, p.name, p.price
FROM products AS p
WHERE (p.price >= 10 AND p.price <= 20)
ORDER BY p.id;

-- How many products have no reviews?
--   0.93: The number of products without any product_reviews.
SELECT count(*) AS number_of_products
FROM products AS p
WHERE NOT EXISTS (
        SELECT 1
        FROM product_reviews AS pr
        WHERE pr.product_id = p.id
      );

-- percentage of orders that were refunded
--   0.97: The number of orders where orders.status is refunded as a percentage of the number of orders.
SELECT 100.0 * count(*) FILTER (WHERE o.status = 'refunded') / NULLIF(count(*), 0) AS percentage
FROM orders AS o;

-- How many inactive products are there?
--   0.97: The number of products where products.is_active is False.
SELECT count(*) AS number_of_products
FROM products AS p
WHERE NOT p.is_active;

-- What is the highest order value?
--   abstained PA001: no column holds that amount for what is asked
--   Name the column that holds the amount.

-- How many orders were placed on weekends?
--   0.97: The number of orders where the weekday of orders.ordered_at is 6, 7.
SELECT count(*) AS number_of_orders
FROM orders AS o
WHERE date_part('isodow', o.ordered_at) IN (6, 7);

-- How many reviews have a comment?
--   0.93: The number of product_reviews where product_reviews.comment is not missing.
SELECT count(*) AS number_of_product_reviews
FROM product_reviews AS pr
WHERE pr.comment IS NOT NULL;

-- What is the average number of orders per customer?
--   0.8: The average number of orders per users. Assumed: only users that have orders count.
SELECT avg(counted.n) AS average_orders_per_user
FROM (
  SELECT count(*) AS n
  FROM orders AS o
  GROUP BY o.user_id
) AS counted;

-- number of orders by status
--   0.97: The number of orders for each orders.status.
SELECT o.status, count(*) AS number_of_orders
FROM orders AS o
GROUP BY o.status
ORDER BY number_of_orders DESC NULLS LAST, o.status;

-- How many customers have never written a review?
--   0.9: The number of users without any product_reviews.
SELECT count(*) AS number_of_users
FROM users AS u
WHERE NOT EXISTS (
        SELECT 1
        FROM product_reviews AS pr
        WHERE pr.user_id = u.id
      );

-- Which month had the most orders in 2025?
--   0.97: The first 1 of month with the number of orders where orders.ordered_at is in: the year 2025, by number of orders, highest first.
SELECT date_trunc('month', o.ordered_at)::date AS month, count(*) AS number_of_orders
FROM orders AS o
WHERE (o.ordered_at >= '2025-01-01' AND o.ordered_at < '2026-01-01')
GROUP BY date_trunc('month', o.ordered_at)::date
ORDER BY number_of_orders DESC NULLS LAST, month
LIMIT 1;

-- total quantity sold of each product this month
--   0.97: The total quantity where orders.ordered_at is in: "this month" is the current calendar month for each products. Assumed: quantity is quantity of order_lines; orders of every status count, also cancelled, refunded.
SELECT p.id, p.name, sum(ol.quantity) AS units
FROM order_lines AS ol
JOIN products AS p ON p.id = ol.product_id
JOIN orders AS o ON o.id = ol.order_id
WHERE (o.ordered_at >= date_trunc('month', current_date) AND o.ordered_at < date_trunc('month', current_date) + interval '1 month')
GROUP BY p.id, p.name
ORDER BY units DESC NULLS LAST, p.id, p.name;

-- oldest customer
--   0.9: The first 1 of users, by users.birth_date, lowest first.
SELECT u.id, u.first_name, u.last_name, u.birth_date
FROM users AS u
ORDER BY u.birth_date, u.id
LIMIT 1;

-- customers without orders in the last 6 months
--   0.9: Users without any orders (orders.ordered_at is in: the last 6 months up to today).
SELECT u.id, u.first_name, u.last_name
FROM users AS u
WHERE NOT EXISTS (
        SELECT 1
        FROM orders AS o
        WHERE o.user_id = u.id
          AND (o.ordered_at >= current_date - interval '6 months' AND o.ordered_at < current_date + interval '1 day')
      )
ORDER BY u.id;

-- How many units of Shoes were sold this year?
--   0.95: The total quantity where orders.ordered_at is in: "this year" is the current calendar year and product_groups.name is Shoes. Assumed: quantity is quantity of order_lines; orders of every status count, also cancelled, refunded.
SELECT sum(ol.quantity) AS units
FROM order_lines AS ol
JOIN orders AS o ON o.id = ol.order_id
JOIN products AS p ON p.id = ol.product_id
JOIN product_groups AS pg ON pg.id = p.product_group_id
WHERE (o.ordered_at >= date_trunc('year', current_date) AND o.ordered_at < date_trunc('year', current_date) + interval '1 year')
  AND pg.name = 'Shoes';

-- Which day had the most sales?
--   0.97: The first 1 of day with the total revenue, by total revenue, highest first. Assumed: revenue is quantity times unit_price less discount_percent of order_lines; orders of every status count, also cancelled, refunded.
SELECT o.ordered_at::date AS day,
       sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) AS revenue
FROM order_lines AS ol
JOIN orders AS o ON o.id = ol.order_id
GROUP BY o.ordered_at::date
ORDER BY revenue DESC NULLS LAST, day
LIMIT 1;

-- Which products were reviewed by customers from France?
--   0.8: Products where users.country_code is FR.
SELECT p.id, p.name
FROM products AS p
WHERE EXISTS (
        SELECT 1
        FROM product_reviews AS pr
        JOIN users AS u ON u.id = pr.user_id
        WHERE pr.product_id = p.id
          AND u.country_code = 'FR'
      )
ORDER BY p.id;

-- How many customers ordered more than once?
--   0.85: The number of users where the number of orders is above 1.
SELECT count(*) AS number_of_users
FROM users AS u
WHERE u.id IN (
        SELECT o.user_id
        FROM orders AS o
        GROUP BY o.user_id
        HAVING count(*) > 1
      );

-- the five cheapest active products
--   0.97: The first 5 of products where products.is_active is True, by products.price, lowest first.
SELECT p.id, p.name, p.price
FROM products AS p
WHERE p.is_active
ORDER BY p.price, p.id
LIMIT 5;

-- average delivery time
--   0.9: The average shipments.time from shipped_at to delivered_at.
SELECT avg(s.delivered_at - s.shipped_at) AS average_duration
FROM shipments AS s;

-- orders paid with paypal
--   0.85: Orders where payments.method is paypal.
SELECT o.id, o.user_id, o.shipping_address_id, o.billing_address_id, o.status, o.ordered_at, o.shipping_fee
FROM orders AS o
WHERE EXISTS (
        SELECT 1
        FROM payments AS p
        WHERE p.order_id = o.id
          AND p.method = 'paypal'
      )
ORDER BY o.id;

-- what is the revenue from customers in France in 2025?
--   0.9: The total revenue where orders.ordered_at is in: the year 2025 and users.country_code is FR. Assumed: revenue is quantity times unit_price less discount_percent of order_lines; orders of every status count, also cancelled, refunded.
SELECT sum(ol.quantity * ol.unit_price * (1 - ol.discount_percent / 100.0)) AS revenue
FROM order_lines AS ol
JOIN orders AS o ON o.id = ol.order_id
JOIN users AS u ON u.id = o.user_id
WHERE (o.ordered_at >= '2025-01-01' AND o.ordered_at < '2026-01-01')
  AND u.country_code = 'FR';

-- How many orders per customer in 2025?
--   0.9: The number of orders where orders.ordered_at is in: the year 2025 for each users.
SELECT u.id, u.first_name, u.last_name, count(*) AS number_of_orders
FROM orders AS o
JOIN users AS u ON u.id = o.user_id
WHERE (o.ordered_at >= '2025-01-01' AND o.ordered_at < '2026-01-01')
GROUP BY u.id, u.first_name, u.last_name
ORDER BY number_of_orders DESC NULLS LAST, u.id, u.first_name, u.last_name;

-- How many orders have a shipping address?
--   0.85: The number of orders.
SELECT count(*) AS number_of_orders
FROM orders AS o;

-- orders without a billing address
--   abstained PA001: "billing" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- who placed the most orders?
--   0.97: The first 1 of users with the number of orders, by number of orders, highest first.
SELECT u.id, u.first_name, u.last_name, count(*) AS number_of_orders
FROM orders AS o
JOIN users AS u ON u.id = o.user_id
GROUP BY u.id, u.first_name, u.last_name
ORDER BY number_of_orders DESC NULLS LAST, u.id, u.first_name, u.last_name
LIMIT 1;
