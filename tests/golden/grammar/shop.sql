-- How many customers are there?
--   0.97: The number of customers.
SELECT count(*) AS number_of_customers
FROM customers AS c;

-- How many customers do we have in each country?
--   0.97: The number of customers for each customers.country.
SELECT c.country, count(*) AS number_of_customers
FROM customers AS c
GROUP BY c.country
ORDER BY number_of_customers DESC NULLS LAST, c.country;

-- How many orders were cancelled in each country?
--   0.93: The number of purchases where purchases.state is cancelled for each customers.country.
SELECT c.country, count(*) AS number_of_purchases
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE p.state = 'cancelled'
GROUP BY c.country
ORDER BY number_of_purchases DESC NULLS LAST, c.country;

-- top 5 customers by revenue last month
--   0.97: The first 5 of customers with the total revenue where purchases.purchased_at is in: "last month" is the previous calendar month, by total revenue, highest first. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT c.customer_id, c.name, sum(p.grand_total) AS revenue
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE (p.purchased_at >= date_trunc('month', current_date) - interval '1 month' AND p.purchased_at < date_trunc('month', current_date))
GROUP BY c.customer_id, c.name
ORDER BY revenue DESC NULLS LAST, c.customer_id, c.name
LIMIT 5;

-- What are the top 10 products by units sold?
--   0.97: The first 10 of products with the total quantity, by total quantity, highest first. Assumed: quantity is quantity of purchase_items; purchases of every state count, also cancelled, returned.
SELECT p.product_id, p.name, sum(pi.quantity) AS units
FROM purchase_items AS pi
JOIN products AS p ON p.product_id = pi.product_id
GROUP BY p.product_id, p.name
ORDER BY units DESC NULLS LAST, p.product_id, p.name
LIMIT 10;

-- Which customers have never placed an order?
--   0.93: Customers without any purchases.
SELECT c.customer_id, c.name
FROM customers AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM purchases AS p
        WHERE p.customer_id = c.customer_id
      )
ORDER BY c.customer_id;

-- Show the 3 most expensive products
--   0.97: The first 3 of products, by products.list_price, highest first.
SELECT p.product_id, p.name, p.list_price
FROM products AS p
ORDER BY p.list_price DESC, p.product_id
LIMIT 3;

-- What is the total revenue per month in 2025?
--   0.97: The total revenue where purchases.purchased_at is in: the year 2025 for each month. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT date_trunc('month', p.purchased_at)::date AS month, sum(p.grand_total) AS revenue
FROM purchases AS p
WHERE (p.purchased_at >= '2025-01-01' AND p.purchased_at < '2026-01-01')
GROUP BY date_trunc('month', p.purchased_at)::date
ORDER BY month;

-- How many orders were placed yesterday?
--   0.93: The number of purchases where purchases.purchased_at is in: "yesterday" is the day before the current date.
SELECT count(*) AS number_of_purchases
FROM purchases AS p
WHERE (p.purchased_at >= current_date - interval '1 day' AND p.purchased_at < current_date);

-- What is the average order value?
--   0.97: The average order value. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT avg(p.grand_total) AS avg_order_value
FROM purchases AS p;

-- What is the average order value per country?
--   0.97: The average order value for each customers.country. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT c.country, avg(p.grand_total) AS avg_order_value
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
GROUP BY c.country
ORDER BY avg_order_value DESC NULLS LAST, c.country;

-- Which product has the most reviews?
--   0.97: The first 1 of products with the number of reviews, by number of reviews, highest first.
SELECT p.product_id, p.name, count(*) AS number_of_reviews
FROM reviews AS r
JOIN products AS p ON p.product_id = r.product_id
GROUP BY p.product_id, p.name
ORDER BY number_of_reviews DESC NULLS LAST, p.product_id, p.name
LIMIT 1;

-- List the products in the category Toys
--   0.97: Products where categories.name is Toys.
SELECT p.product_id, p.name
FROM products AS p
JOIN categories AS c ON c.category_id = p.category_id
WHERE c.name = 'Toys'
ORDER BY p.product_id;

-- How many products are there in each category?
--   0.97: The number of products for each categories.
SELECT c.category_id, c.name, count(*) AS number_of_products
FROM products AS p
JOIN categories AS c ON c.category_id = p.category_id
GROUP BY c.category_id, c.name
ORDER BY number_of_products DESC NULLS LAST, c.category_id, c.name;

-- Products with a price above 100
--   0.8: Products where products.list_price is above 100.
SELECT p.product_id, p.name, p.list_price
FROM products AS p
WHERE p.list_price > 100
ORDER BY p.product_id;

-- customers from Germany who registered this year
--   0.97: Customers where customers.registered_at is in: "this year" is the current calendar year and customers.country is Germany.
SELECT c.customer_id, c.name, c.registered_at
FROM customers AS c
WHERE (c.registered_at >= date_trunc('year', current_date) AND c.registered_at < date_trunc('year', current_date) + interval '1 year')
  AND c.country = 'Germany'
ORDER BY c.customer_id;

-- Which customers have more than 3 orders?
--   0.93: The number of purchases where the number of purchases is above 3 for each customers.
SELECT c.customer_id, c.name, count(*) AS number_of_purchases
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
GROUP BY c.customer_id, c.name
HAVING count(*) > 3
ORDER BY number_of_purchases DESC NULLS LAST, c.customer_id, c.name;

-- How many customers have placed at least 5 orders?
--   0.93: The number of customers where the number of purchases is at least 5.
SELECT count(*) AS number_of_customers
FROM customers AS c
WHERE c.customer_id IN (
        SELECT p.customer_id
        FROM purchases AS p
        GROUP BY p.customer_id
        HAVING count(*) >= 5
      );

-- What percentage of orders were cancelled?
--   0.93: The number of purchases where purchases.state is cancelled as a percentage of the number of purchases.
SELECT 100.0 * count(*) FILTER (WHERE p.state = 'cancelled') / NULLIF(count(*), 0) AS percentage
FROM purchases AS p;

-- average stars per product
--   0.97: The average reviews.stars for each products.
SELECT p.product_id, p.name, avg(r.stars) AS average_star
FROM reviews AS r
JOIN products AS p ON p.product_id = r.product_id
GROUP BY p.product_id, p.name
ORDER BY average_star DESC NULLS LAST, p.product_id, p.name;

-- Which products have never been reviewed?
--   0.85: Products without any reviews.
SELECT p.product_id, p.name
FROM products AS p
WHERE NOT EXISTS (
        SELECT 1
        FROM reviews AS r
        WHERE r.product_id = p.product_id
      )
ORDER BY p.product_id;

-- How many orders are delivered or returned?
--   0.93: The number of purchases where purchases.state is delivered or returned.
SELECT count(*) AS number_of_purchases
FROM purchases AS p
WHERE p.state IN ('delivered', 'returned');

-- How many orders are not delivered?
--   0.93: The number of purchases where purchases.state is not delivered.
SELECT count(*) AS number_of_purchases
FROM purchases AS p
WHERE p.state <> 'delivered';

-- Show the names and emails of customers in Paris
--   0.97: Customers where customers.city is Paris.
SELECT c.name, c.email
FROM customers AS c
WHERE c.city = 'Paris'
ORDER BY c.customer_id;

-- What is the most expensive product in the category Electronics?
--   0.97: The first 1 of products where categories.name is Electronics, by products.list_price, highest first.
SELECT p.product_id, p.name, p.list_price
FROM products AS p
JOIN categories AS c ON c.category_id = p.category_id
WHERE c.name = 'Electronics'
ORDER BY p.list_price DESC, p.product_id
LIMIT 1;

-- How many customers bought products from the brand Acme?
--   0.8: The number of customers where brands.name is Acme.
SELECT count(*) AS number_of_customers
FROM customers AS c
WHERE EXISTS (
        SELECT 1
        FROM purchases AS p
        JOIN purchase_items AS pi ON pi.purchase_id = p.purchase_id
        JOIN products AS p2 ON p2.product_id = pi.product_id
        JOIN brands AS b ON b.brand_id = p2.brand_id
        WHERE p.customer_id = c.customer_id
          AND b.name = 'Acme'
      );

-- revenue by category
--   0.97: The total revenue for each categories. Assumed: revenue is quantity times unit_price of purchase_items; purchases of every state count, also cancelled, returned.
SELECT c.category_id, c.name, sum(pi.quantity * pi.unit_price) AS revenue
FROM purchase_items AS pi
JOIN products AS p ON p.product_id = pi.product_id
JOIN categories AS c ON c.category_id = p.category_id
GROUP BY c.category_id, c.name
ORDER BY revenue DESC NULLS LAST, c.category_id, c.name;

-- revenue by brand this year
--   0.97: The total revenue where purchases.purchased_at is in: "this year" is the current calendar year for each brands. Assumed: revenue is quantity times unit_price of purchase_items; purchases of every state count, also cancelled, returned.
SELECT b.brand_id, b.name, sum(pi.quantity * pi.unit_price) AS revenue
FROM purchase_items AS pi
JOIN products AS p ON p.product_id = pi.product_id
JOIN brands AS b ON b.brand_id = p.brand_id
JOIN purchases AS p2 ON p2.purchase_id = pi.purchase_id
WHERE (p2.purchased_at >= date_trunc('year', current_date) AND p2.purchased_at < date_trunc('year', current_date) + interval '1 year')
GROUP BY b.brand_id, b.name
ORDER BY revenue DESC NULLS LAST, b.brand_id, b.name;

-- How many orders per channel in the last 7 days?
--   0.93: The number of purchases where purchases.purchased_at is in: the last 7 days up to today for each purchases.channel.
SELECT p.channel, count(*) AS number_of_purchases
FROM purchases AS p
WHERE (p.purchased_at >= current_date - interval '7 days' AND p.purchased_at < current_date + interval '1 day')
GROUP BY p.channel
ORDER BY number_of_purchases DESC NULLS LAST, p.channel;

-- Which country has the most customers?
--   0.97: The first 1 of customers.country with the number of customers, by number of customers, highest first.
SELECT c.country, count(*) AS number_of_customers
FROM customers AS c
GROUP BY c.country
ORDER BY number_of_customers DESC NULLS LAST, c.country
LIMIT 1;

-- How many discontinued products are there?
--   0.97: The number of products where products.is_discontinued is True.
SELECT count(*) AS number_of_products
FROM products AS p
WHERE p.is_discontinued;

-- products without a brand
--   0.97: Products without any brands.
SELECT p.product_id, p.name
FROM products AS p
WHERE p.brand_id IS NULL
ORDER BY p.product_id;

-- What is the highest price of products in each category?
--   0.8: The highest products.list_price for each categories.
SELECT c.category_id, c.name, max(p.list_price) AS highest_list_price
FROM products AS p
JOIN categories AS c ON c.category_id = p.category_id
GROUP BY c.category_id, c.name
ORDER BY highest_list_price DESC NULLS LAST, c.category_id, c.name;

-- How many parcels were sent by each carrier last month?
--   0.97: The number of parcels where parcels.sent_at is in: "last month" is the previous calendar month for each parcels.carrier.
SELECT p.carrier, count(*) AS number_of_parcels
FROM parcels AS p
WHERE (p.sent_at >= date_trunc('month', current_date) - interval '1 month' AND p.sent_at < date_trunc('month', current_date))
GROUP BY p.carrier
ORDER BY number_of_parcels DESC NULLS LAST, p.carrier;

-- Which customers ordered something last week but never wrote a review?
--   0.8: Customers where purchases.purchased_at is in: "last week" is the previous calendar week and without any reviews.
SELECT c.customer_id, c.name
FROM customers AS c
WHERE EXISTS (
        SELECT 1
        FROM purchases AS p
        WHERE p.customer_id = c.customer_id
          AND (p.purchased_at >= date_trunc('week', current_date) - interval '1 week' AND p.purchased_at < date_trunc('week', current_date))
      )
  AND NOT EXISTS (
        SELECT 1
        FROM reviews AS r
        WHERE r.customer_id = c.customer_id
      )
ORDER BY c.customer_id;

-- total units in stock per warehouse
--   0.93: The total stock_levels.units for each warehouses.
SELECT w.warehouse_id, w.name, sum(sl.units) AS total_unit
FROM stock_levels AS sl
JOIN warehouses AS w ON w.warehouse_id = sl.warehouse_id
GROUP BY w.warehouse_id, w.name
ORDER BY total_unit DESC NULLS LAST, w.warehouse_id, w.name;

-- Which warehouse has the most units?
--   0.8: The first 1 of warehouses with the total stock_levels.units, by total stock_levels.units, highest first. Assumed: units of several rows is added up.
SELECT w.warehouse_id, w.name, sum(sl.units) AS total_unit
FROM stock_levels AS sl
JOIN warehouses AS w ON w.warehouse_id = sl.warehouse_id
GROUP BY w.warehouse_id, w.name
ORDER BY total_unit DESC NULLS LAST, w.warehouse_id, w.name
LIMIT 1;

-- List the 10 latest orders
--   0.93: The first 10 of purchases, by purchases.purchased_at, highest first.
SELECT p.purchase_id,
       p.customer_id,
       p.state,
       p.channel,
       p.purchased_at,
       p.delivered_at,
       p.grand_total,
       p.coupon_code
FROM purchases AS p
ORDER BY p.purchased_at DESC, p.purchase_id
LIMIT 10;

-- How much did customers from Spain spend in 2025?
--   0.97: The total revenue where purchases.purchased_at is in: the year 2025 and customers.country is Spain. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT sum(p.grand_total) AS revenue
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE (p.purchased_at >= '2025-01-01' AND p.purchased_at < '2026-01-01')
  AND c.country = 'Spain';

-- number of new customers per month this year
--   0.97: The number of customers where customers.registered_at is in: "this year" is the current calendar year for each month.
SELECT date_trunc('month', c.registered_at)::date AS month, count(*) AS number_of_customers
FROM customers AS c
WHERE (c.registered_at >= date_trunc('year', current_date) AND c.registered_at < date_trunc('year', current_date) + interval '1 year')
GROUP BY date_trunc('month', c.registered_at)::date
ORDER BY month;

-- products whose name contains "lamp"
--   0.97: Products where products.name contains lamp.
SELECT p.product_id, p.name
FROM products AS p
WHERE p.name ILIKE '%lamp%'
ORDER BY p.product_id;

-- customers whose email ends with ".org"
--   0.97: Customers where customers.email ends with .org.
SELECT c.customer_id, c.name, c.email
FROM customers AS c
WHERE c.email ILIKE '%.org'
ORDER BY c.customer_id;

-- What is the cheapest product of the brand Globex?
--   0.97: The first 1 of products where brands.name is Globex, by products.list_price, lowest first.
SELECT p.product_id, p.name, p.list_price
FROM products AS p
JOIN brands AS b ON b.brand_id = p.brand_id
WHERE b.name = 'Globex'
ORDER BY p.list_price, p.product_id
LIMIT 1;

-- How many reviews have fewer than 3 stars?
--   0.97: The number of reviews where reviews.stars is below 3.
SELECT count(*) AS number_of_reviews
FROM reviews AS r
WHERE r.stars < 3;

-- reviews with 5 stars for products in Books
--   0.97: Reviews where reviews.stars is 5 and categories.name is Books.
SELECT r.review_id, r.title
FROM reviews AS r
JOIN products AS p ON p.product_id = r.product_id
JOIN categories AS c ON c.category_id = p.category_id
WHERE r.stars = 5
  AND c.name = 'Books'
ORDER BY r.review_id;

-- average number of items per order
--   abstained PA001: whether items are rows of purchase_items or the sum of quantity is not clear
--   Say "number of purchase item lines" or "total quantity".

-- orders with a total between 100 and 500
--   0.8: Purchases where purchases.grand_total is from 100 to 500.
SELECT p.purchase_id,
       p.customer_id,
       p.state,
       p.channel,
       p.purchased_at,
       p.delivered_at,
       p.grand_total,
       p.coupon_code
FROM purchases AS p
WHERE (p.grand_total >= 100 AND p.grand_total <= 500)
ORDER BY p.purchase_id;

-- How many orders did each customer place in 2024? Return the customer name and the number of orders.
--   0.93: The number of purchases where purchases.purchased_at is in: the year 2024 for each customers.
SELECT c.customer_id, c.name, count(*) AS number_of_purchases
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE (p.purchased_at >= '2024-01-01' AND p.purchased_at < '2025-01-01')
GROUP BY c.customer_id, c.name
ORDER BY number_of_purchases DESC NULLS LAST, c.customer_id, c.name;

-- How many different products were sold last month?
--   0.8: The number of products where purchases.purchased_at is in: "last month" is the previous calendar month.
SELECT count(*) AS number_of_products
FROM products AS p
WHERE EXISTS (
        SELECT 1
        FROM purchase_items AS pi
        JOIN purchases AS p2 ON p2.purchase_id = pi.purchase_id
        WHERE pi.product_id = p.product_id
          AND (p2.purchased_at >= date_trunc('month', current_date) - interval '1 month' AND p2.purchased_at < date_trunc('month', current_date))
      );

-- Which categories have more than 50 products?
--   0.97: The number of products where the number of products is above 50 for each categories.
SELECT c.category_id, c.name, count(*) AS number_of_products
FROM products AS p
JOIN categories AS c ON c.category_id = p.category_id
GROUP BY c.category_id, c.name
HAVING count(*) > 50
ORDER BY number_of_products DESC NULLS LAST, c.category_id, c.name;

-- Which customers spent more than 1000 last year?
--   0.97: The total revenue where purchases.purchased_at is in: "last year" is the previous calendar year and the total revenue is above 1000 for each customers. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT c.customer_id, c.name, sum(p.grand_total) AS revenue
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE (p.purchased_at >= date_trunc('year', current_date) - interval '1 year' AND p.purchased_at < date_trunc('year', current_date))
GROUP BY c.customer_id, c.name
HAVING sum(p.grand_total) > 1000
ORDER BY revenue DESC NULLS LAST, c.customer_id, c.name;

-- How many orders used a coupon code?
--   0.93: The number of purchases where purchases.coupon_code is not missing.
SELECT count(*) AS number_of_purchases
FROM purchases AS p
WHERE p.coupon_code IS NOT NULL;

-- How many orders have no coupon code?
--   0.93: The number of purchases where purchases.coupon_code is missing.
SELECT count(*) AS number_of_purchases
FROM purchases AS p
WHERE p.coupon_code IS NULL;

-- How many orders were delivered last month?
--   0.93: The number of purchases where purchases.delivered_at is in: "last month" is the previous calendar month.
SELECT count(*) AS number_of_purchases
FROM purchases AS p
WHERE (p.delivered_at >= date_trunc('month', current_date) - interval '1 month' AND p.delivered_at < date_trunc('month', current_date));

-- orders that were placed on the web channel
--   0.93: Purchases where purchases.channel is web.
SELECT p.purchase_id,
       p.customer_id,
       p.state,
       p.channel,
       p.purchased_at,
       p.delivered_at,
       p.grand_total,
       p.coupon_code
FROM purchases AS p
WHERE p.channel = 'web'
ORDER BY p.purchase_id;

-- monthly revenue
--   0.97: The total revenue for each month. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT date_trunc('month', p.purchased_at)::date AS month, sum(p.grand_total) AS revenue
FROM purchases AS p
GROUP BY date_trunc('month', p.purchased_at)::date
ORDER BY month;

-- What is the total weight of all products?
--   0.93: The total products.weight_grams.
SELECT sum(p.weight_grams) AS total_weight_gram
FROM products AS p;

-- Who are the 5 customers with the highest total spending?
--   0.97: The first 5 of customers with the total revenue, by total revenue, highest first. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT c.customer_id, c.name, sum(p.grand_total) AS revenue
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
GROUP BY c.customer_id, c.name
ORDER BY revenue DESC NULLS LAST, c.customer_id, c.name
LIMIT 5;

-- best selling products
--   abstained PA001: "best", "selling" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which products are popular?
--   abstained PA001: "popular" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- delete all orders
--   refused PA003: the question asks for a change, and ask only reads
--   Use postai.migrate('...') to propose a change.

-- drop the customers table
--   refused PA003: the question asks for a change, and ask only reads
--   Use postai.migrate('...') to propose a change.

-- Please update the price of all products
--   refused PA003: the question asks for a change, and ask only reads
--   Use postai.migrate('...') to propose a change.

-- How many orders were updated today?
--   abstained PA001: "updated" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- What is the meaning of life?
--   abstained PA001: "meaning", "life" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- average salary of employees
--   abstained PA001: "salary", "employees" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which customers are unhappy?
--   abstained PA001: "unhappy" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many orders were placed by happy customers?
--   abstained PA001: "happy" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- What is the profit margin per product?
--   abstained PA001: "profit", "margin" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- How many customers bought both Toys and Books?
--   0.8: The number of customers where categories.name is Toys or Books. Assumed: each of the values of name has to be met.
SELECT count(*) AS number_of_customers
FROM customers AS c
WHERE EXISTS (
        SELECT 1
        FROM purchases AS p
        JOIN purchase_items AS pi ON pi.purchase_id = p.purchase_id
        JOIN products AS p2 ON p2.product_id = pi.product_id
        JOIN categories AS c2 ON c2.category_id = p2.category_id
        WHERE p.customer_id = c.customer_id
          AND c2.name = 'Toys'
      )
  AND EXISTS (
        SELECT 1
        FROM purchases AS p3
        JOIN purchase_items AS pi2 ON pi2.purchase_id = p3.purchase_id
        JOIN products AS p4 ON p4.product_id = pi2.product_id
        JOIN categories AS c3 ON c3.category_id = p4.category_id
        WHERE p3.customer_id = c.customer_id
          AND c3.name = 'Books'
      );

-- top customers
--   abstained PA001: by what they are ranked is not clear
--   Say "by revenue", "by number of orders", ...

-- orders per employee
--   abstained PA001: "employee" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- compare revenue this month and last month
--   abstained PA001: "compare" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Which customers have not ordered in the last 90 days?
--   0.8: Customers without any purchases (purchases.purchased_at is in: the last 90 days up to today).
SELECT c.customer_id, c.name
FROM customers AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM purchases AS p
        WHERE p.customer_id = c.customer_id
          AND (p.purchased_at >= current_date - interval '90 days' AND p.purchased_at < current_date + interval '1 day')
      )
ORDER BY c.customer_id;

-- Which customers bought the product "Desk Lamp"?
--   0.8: Customers where products.name is Desk Lamp.
SELECT c.customer_id, c.name
FROM customers AS c
WHERE EXISTS (
        SELECT 1
        FROM purchases AS p
        JOIN purchase_items AS pi ON pi.purchase_id = p.purchase_id
        JOIN products AS p2 ON p2.product_id = pi.product_id
        WHERE p.customer_id = c.customer_id
          AND lower(p2.name) = lower('Desk Lamp')
      )
ORDER BY c.customer_id;

-- How many orders were placed in 2024 by customers from France?
--   0.93: The number of purchases where purchases.purchased_at is in: the year 2024 and customers.country is France.
SELECT count(*) AS number_of_purchases
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE (p.purchased_at >= '2024-01-01' AND p.purchased_at < '2025-01-01')
  AND c.country = 'France';

-- list products cheaper than 10
--   0.97: Products where products.list_price is below 10.
SELECT p.product_id, p.name, p.list_price
FROM products AS p
WHERE p.list_price < 10
ORDER BY p.product_id;

-- products that cost less than 20 dollars
--   0.97: Products where products.list_price is below 20.
SELECT p.product_id, p.name, p.list_price
FROM products AS p
WHERE p.list_price < 20
ORDER BY p.product_id;

-- top 3 categories by number of products
--   0.97: The first 3 of categories with the number of products, by number of products, highest first.
SELECT c.category_id, c.name, count(*) AS number_of_products
FROM products AS p
JOIN categories AS c ON c.category_id = p.category_id
GROUP BY c.category_id, c.name
ORDER BY number_of_products DESC NULLS LAST, c.category_id, c.name
LIMIT 3;

-- orders over 1000
--   0.93: Purchases where purchases.grand_total is above 1000.
SELECT p.purchase_id,
       p.customer_id,
       p.state,
       p.channel,
       p.purchased_at,
       p.delivered_at,
       p.grand_total,
       p.coupon_code
FROM purchases AS p
WHERE p.grand_total > 1000
ORDER BY p.purchase_id;

-- How many distinct customers placed an order this month?
--   0.93: The number of customers where purchases.purchased_at is in: "this month" is the current calendar month.
SELECT count(*) AS number_of_customers
FROM customers AS c
WHERE EXISTS (
        SELECT 1
        FROM purchases AS p
        WHERE p.customer_id = c.customer_id
          AND (p.purchased_at >= date_trunc('month', current_date) AND p.purchased_at < date_trunc('month', current_date) + interval '1 month')
      );

-- customers with no orders in 2025
--   0.93: Customers without any purchases (purchases.purchased_at is in: the year 2025).
SELECT c.customer_id, c.name
FROM customers AS c
WHERE NOT EXISTS (
        SELECT 1
        FROM purchases AS p
        WHERE p.customer_id = c.customer_id
          AND (p.purchased_at >= '2025-01-01' AND p.purchased_at < '2026-01-01')
      )
ORDER BY c.customer_id;

-- Which cities have more than 100 customers?
--   0.97: The number of customers where the number of customers is above 100 for each customers.city.
SELECT c.city, count(*) AS number_of_customers
FROM customers AS c
GROUP BY c.city
HAVING count(*) > 100
ORDER BY number_of_customers DESC NULLS LAST, c.city;

-- cheapest product in each category
--   0.97: The first 1 of products for each categories, by products.list_price, lowest first.
SELECT ranked.category_id, ranked.name, ranked.product_id, ranked.product_name, ranked.list_price
FROM (
  SELECT c.category_id AS category_id,
         c.name AS name,
         p.product_id AS product_id,
         p.name AS product_name,
         p.list_price AS list_price,
         row_number() OVER (PARTITION BY c.category_id, c.name ORDER BY p.list_price, p.product_id) AS "position"
  FROM products AS p
  JOIN categories AS c ON c.category_id = p.category_id
) AS ranked
WHERE ranked."position" <= 1
ORDER BY ranked.category_id, ranked.name, ranked."position";

-- top 3 products by revenue in each category
--   0.97: The first 3 of products with the total revenue for each categories, by total revenue, highest first. Assumed: revenue is quantity times unit_price of purchase_items; purchases of every state count, also cancelled, returned.
SELECT ranked.category_id, ranked.name, ranked.product_id, ranked.product_name, ranked.revenue
FROM (
  SELECT c.category_id AS category_id,
         c.name AS name,
         p.product_id AS product_id,
         p.name AS product_name,
         sum(pi.quantity * pi.unit_price) AS revenue,
         row_number() OVER (PARTITION BY c.category_id, c.name ORDER BY sum(pi.quantity * pi.unit_price) DESC NULLS LAST, p.product_id, p.name) AS "position"
  FROM purchase_items AS pi
  JOIN products AS p ON p.product_id = pi.product_id
  JOIN categories AS c ON c.category_id = p.category_id
  GROUP BY c.category_id, c.name, p.product_id, p.name
) AS ranked
WHERE ranked."position" <= 3
ORDER BY ranked.category_id, ranked.name, ranked."position";

-- orders per country
--   0.85: The number of purchases for each customers.country. Assumed: the number of purchases is meant.
SELECT c.country, count(*) AS number_of_purchases
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
GROUP BY c.country
ORDER BY number_of_purchases DESC NULLS LAST, c.country;

-- What is the most common channel of orders?
--   0.93: The first 1 of purchases.channel with the number of purchases, by number of purchases, highest first.
SELECT p.channel, count(*) AS number_of_purchases
FROM purchases AS p
GROUP BY p.channel
ORDER BY number_of_purchases DESC NULLS LAST, p.channel
LIMIT 1;

-- orders by state
--   0.85: The number of purchases for each purchases.state. Assumed: the number of purchases is meant.
SELECT p.state, count(*) AS number_of_purchases
FROM purchases AS p
GROUP BY p.state
ORDER BY number_of_purchases DESC NULLS LAST, p.state;

-- Which customer has spent the most this year?
--   0.97: The first 1 of customers with the total revenue where purchases.purchased_at is in: "this year" is the current calendar year, by total revenue, highest first. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT c.customer_id, c.name, sum(p.grand_total) AS revenue
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE (p.purchased_at >= date_trunc('year', current_date) AND p.purchased_at < date_trunc('year', current_date) + interval '1 year')
GROUP BY c.customer_id, c.name
ORDER BY revenue DESC NULLS LAST, c.customer_id, c.name
LIMIT 1;

-- How many orders have more than 5 items?
--   abstained PA001: whether items are rows of purchase_items or the sum of quantity is not clear
--   Say "number of purchase item lines" or "total quantity".

-- order lines per order
--   abstained PA001: "lines" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- total quantity sold per brand
--   0.97: The total quantity for each brands. Assumed: quantity is quantity of purchase_items; purchases of every state count, also cancelled, returned.
SELECT b.brand_id, b.name, sum(pi.quantity) AS units
FROM purchase_items AS pi
JOIN products AS p ON p.product_id = pi.product_id
JOIN brands AS b ON b.brand_id = p.brand_id
GROUP BY b.brand_id, b.name
ORDER BY units DESC NULLS LAST, b.brand_id, b.name;

-- show me all customers from France or Spain
--   0.97: Customers where customers.country is France or Spain.
SELECT c.customer_id, c.name
FROM customers AS c
WHERE c.country IN ('France', 'Spain')
ORDER BY c.customer_id;

-- customers not from Germany
--   0.97: Customers where customers.country is not Germany.
SELECT c.customer_id, c.name
FROM customers AS c
WHERE c.country <> 'Germany'
ORDER BY c.customer_id;

-- customers from Germany and with newsletter
--   0.97: Customers where customers.country is Germany and customers.newsletter is True.
SELECT c.customer_id, c.name
FROM customers AS c
WHERE c.country = 'Germany'
  AND c.newsletter
ORDER BY c.customer_id;

-- How many customers are in the business segment and live in Berlin?
--   0.97: The number of customers where customers.segment is business and customers.city is Berlin.
SELECT count(*) AS number_of_customers
FROM customers AS c
WHERE c.segment = 'business'
  AND c.city = 'Berlin';

-- the average price of toys
--   0.8: The average products.list_price where categories.name is Toys.
SELECT avg(p.list_price) AS average_list_price
FROM products AS p
JOIN categories AS c ON c.category_id = p.category_id
WHERE c.name = 'Toys';

-- products added in the last 30 days
--   0.97: Products where products.added_on is in: the last 30 days up to today.
SELECT p.product_id, p.name, p.added_on
FROM products AS p
WHERE (p.added_on >= (current_date - interval '30 days')::date AND p.added_on < (current_date + interval '1 day')::date)
ORDER BY p.product_id;

-- how many reviews were posted in March 2026 with at least 4 stars
--   0.97: The number of reviews where reviews.posted_at is in: March 2026 and reviews.stars is at least 4.
SELECT count(*) AS number_of_reviews
FROM reviews AS r
WHERE (r.posted_at >= '2026-03-01' AND r.posted_at < '2026-04-01')
  AND r.stars >= 4;

-- Which products have an average rating below 3?
--   0.85: The average reviews.stars where the average reviews.stars is below 3 for each products.
SELECT p.product_id, p.name, avg(r.stars) AS average_star
FROM reviews AS r
JOIN products AS p ON p.product_id = r.product_id
GROUP BY p.product_id, p.name
HAVING avg(r.stars) < 3
ORDER BY average_star DESC NULLS LAST, p.product_id, p.name;

-- Which brand has the highest average stars?
--   0.97: The first 1 of brands with the average reviews.stars, by average reviews.stars, highest first.
SELECT b.brand_id, b.name, avg(r.stars) AS average_star
FROM reviews AS r
JOIN products AS p ON p.product_id = r.product_id
JOIN brands AS b ON b.brand_id = p.brand_id
GROUP BY b.brand_id, b.name
ORDER BY average_star DESC NULLS LAST, b.brand_id, b.name
LIMIT 1;

-- What is the date of the last order?
--   abstained PA001: "date" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- When was the first order placed?
--   0.93: The first 1 of purchases, by purchases.purchased_at, lowest first.
SELECT p.purchase_id,
       p.customer_id,
       p.state,
       p.channel,
       p.purchased_at,
       p.delivered_at,
       p.grand_total,
       p.coupon_code
FROM purchases AS p
ORDER BY p.purchased_at, p.purchase_id
LIMIT 1;

-- the number of orders per weekday
--   0.93: The number of purchases for each weekday.
SELECT to_char(p.purchased_at, 'FMDay') AS weekday, count(*) AS number_of_purchases
FROM purchases AS p
GROUP BY to_char(p.purchased_at, 'FMDay')
ORDER BY weekday;

-- orders delivered by UPS
--   0.93: Purchases where purchases.state is delivered and parcels.carrier is UPS.
SELECT p.purchase_id,
       p.customer_id,
       p.state,
       p.channel,
       p.purchased_at,
       p.delivered_at,
       p.grand_total,
       p.coupon_code
FROM purchases AS p
WHERE p.state = 'delivered'
  AND EXISTS (
        SELECT 1
        FROM parcels AS p2
        WHERE p2.purchase_id = p.purchase_id
          AND p2.carrier = 'UPS'
      )
ORDER BY p.purchase_id;

-- number of orders in January 2026 compared to 2025
--   abstained PA001: "compared" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- which customers live in Rome
--   abstained PA001: "Rome" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- Show orders from customer 42
--   0.93: Purchases where customers.customer_id is 42.
SELECT p.purchase_id,
       p.customer_id,
       p.state,
       p.channel,
       p.purchased_at,
       p.delivered_at,
       p.grand_total,
       p.coupon_code
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE c.customer_id = 42
ORDER BY p.purchase_id;

-- What is the email of customer "Ann Miller"?
--   0.97: Customers where customers.name is Ann Miller.
SELECT c.email
FROM customers AS c
WHERE lower(c.name) = lower('Ann Miller')
ORDER BY c.customer_id;

-- how many customers signed up yesterday
--   0.97: The number of customers where customers.registered_at is in: "yesterday" is the day before the current date.
SELECT count(*) AS number_of_customers
FROM customers AS c
WHERE (c.registered_at >= current_date - interval '1 day' AND c.registered_at < current_date);

-- revenue of the product "Desk Lamp" in 2025
--   0.97: The total revenue where purchases.purchased_at is in: the year 2025 and products.name is Desk Lamp. Assumed: revenue is quantity times unit_price of purchase_items; purchases of every state count, also cancelled, returned.
SELECT sum(pi.quantity * pi.unit_price) AS revenue
FROM purchase_items AS pi
JOIN purchases AS p ON p.purchase_id = pi.purchase_id
JOIN products AS p2 ON p2.product_id = pi.product_id
WHERE (p.purchased_at >= '2025-01-01' AND p.purchased_at < '2026-01-01')
  AND lower(p2.name) = lower('Desk Lamp');

-- average number of reviews per product
--   0.8: The average number of reviews per products. Assumed: only products that have reviews count.
SELECT avg(counted.n) AS average_reviews_per_product
FROM (
  SELECT count(*) AS n
  FROM reviews AS r
  GROUP BY r.product_id
) AS counted;

-- average quantity per order line
--   abstained PA001: "line" is not explained by anything in this database
--   Use names of tables and columns, or quote values.

-- What was the revenue last quarter?
--   0.97: The total revenue where purchases.purchased_at is in: "last quarter" is the previous calendar quarter. Assumed: revenue is grand_total of purchases; purchases of every state count, also cancelled, returned.
SELECT sum(p.grand_total) AS revenue
FROM purchases AS p
WHERE (p.purchased_at >= date_trunc('quarter', current_date) - interval '3 months' AND p.purchased_at < date_trunc('quarter', current_date));

-- What is the ratio of cancelled orders to delivered orders in Germany?
--   0.93: The number of purchases where purchases.state is cancelled divided by the number of purchases where purchases.state is delivered where customers.country is Germany.
SELECT count(*) FILTER (WHERE p.state = 'cancelled')::numeric / NULLIF(count(*) FILTER (WHERE p.state = 'delivered'), 0) AS ratio
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
WHERE c.country = 'Germany';

-- What share of customers have a newsletter?
--   0.97: The number of customers where customers.newsletter is True as a percentage of the number of customers.
SELECT 100.0 * count(*) FILTER (WHERE c.newsletter) / NULLIF(count(*), 0) AS percentage
FROM customers AS c;

-- which category has the lowest total revenue this year
--   0.97: The first 1 of categories with the total revenue where purchases.purchased_at is in: "this year" is the current calendar year, by total revenue, lowest first. Assumed: revenue is quantity times unit_price of purchase_items; purchases of every state count, also cancelled, returned.
SELECT c.category_id, c.name, sum(pi.quantity * pi.unit_price) AS revenue
FROM purchase_items AS pi
JOIN products AS p ON p.product_id = pi.product_id
JOIN categories AS c ON c.category_id = p.category_id
JOIN purchases AS p2 ON p2.purchase_id = pi.purchase_id
WHERE (p2.purchased_at >= date_trunc('year', current_date) AND p2.purchased_at < date_trunc('year', current_date) + interval '1 year')
GROUP BY c.category_id, c.name
ORDER BY revenue, c.category_id, c.name
LIMIT 1;

-- how many orders contain products from the category Garden?
--   0.93: The number of purchases where categories.name is Garden.
SELECT count(*) AS number_of_purchases
FROM purchases AS p
WHERE EXISTS (
        SELECT 1
        FROM purchase_items AS pi
        JOIN products AS p2 ON p2.product_id = pi.product_id
        JOIN categories AS c ON c.category_id = p2.category_id
        WHERE pi.purchase_id = p.purchase_id
          AND c.name = 'Garden'
      );

-- customers who ordered more than 2 times
--   0.8: The number of purchases where the number of purchases is above 2 for each customers.
SELECT c.customer_id, c.name, count(*) AS number_of_purchases
FROM purchases AS p
JOIN customers AS c ON c.customer_id = p.customer_id
GROUP BY c.customer_id, c.name
HAVING count(*) > 2
ORDER BY number_of_purchases DESC NULLS LAST, c.customer_id, c.name;

-- second most expensive product
--   0.97: Number 2 of products, by products.list_price, highest first.
SELECT p.product_id, p.name, p.list_price
FROM products AS p
ORDER BY p.list_price DESC, p.product_id
LIMIT 1 OFFSET 1;

-- list customers sorted by name
--   0.97: Customers, by customers.name, lowest first.
SELECT c.customer_id, c.name
FROM customers AS c
ORDER BY c.name, c.customer_id;

-- list products ordered by price descending
--   0.8: Products, by products.list_price, highest first.
SELECT p.product_id, p.name
FROM products AS p
ORDER BY p.list_price DESC, p.product_id;

-- count customers by country and segment
--   0.97: The number of customers for each customers.country and customers.segment.
SELECT c.country, c.segment, count(*) AS number_of_customers
FROM customers AS c
GROUP BY c.country, c.segment
ORDER BY number_of_customers DESC NULLS LAST, c.country, c.segment;
