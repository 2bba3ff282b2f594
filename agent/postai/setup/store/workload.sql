-- name: customer_by_id
-- One customer by key: fast
select id, name, email, tier from customers where id = %s

-- name: customer_by_email
-- One customer by unique address: fast
select id, name, last_login_at from customers where email = %s

-- name: customer_by_email_any_case
-- Slow: a function on the column keeps the unique index from being used
select id, name, email from customers where lower(email) = lower(%s)

-- name: customers_by_name_part
-- Slow: a leading wildcard reads the whole table
select id, name, email from customers where name ilike '%%' || %s || '%%' order by name, id limit 50

-- name: customers_by_city_or_phone
-- Slow: OR across two columns, only one of them indexed
select id, name, city, phone from customers where phone = %s or city = %s limit 100

-- name: orders_of_customer
-- The last orders of a customer: fast
select id, status, ordered_at, total from orders where customer_id = %s order by ordered_at desc limit 20

-- name: order_lines
-- N+1: the lines of many orders, read one order at a time
select line_number, product_id, quantity, line_total from order_items where order_id = %s order by line_number

-- name: order_payments
-- N+1 and slow: payments.order_id has no index
select method, status, amount, paid_at from payments where order_id = %s

-- name: orders_by_status
-- Newest orders of one status: few rows of a rare status are found late
select id, customer_id, ordered_at, total from orders where status = %s::order_status order by ordered_at desc limit 50

-- name: orders_of_day
-- Orders of one day by range: fast
select count(*), sum(total) from orders where ordered_at >= current_date - %s::integer and ordered_at < current_date - %s::integer

-- name: orders_of_day_by_cast
-- Slow: the cast keeps the index on ordered_at from being used
select count(*), sum(total) from orders where ordered_at::date = current_date - %s::integer

-- name: orders_page
-- Slow on late pages: OFFSET reads and drops all earlier rows
select id, customer_id, status, total from orders order by ordered_at desc, id desc offset %s limit 25

-- name: orders_largest
-- Slow: sorts every order for one page
select id, customer_id, total from orders where shipping_fee = 0 order by total desc, id limit 20

-- name: orders_with_coupon
-- Slow: orders.coupon_id has no index
select id, customer_id, total from orders where coupon_id = %s order by id limit 100

-- name: order_count
-- Slow: counts every row
select count(*) from orders

-- name: revenue_by_country
-- Revenue of the last days by country
select c.country, sum(o.total) as revenue from orders as o join customers as c on c.id = o.customer_id where o.ordered_at >= current_date - %s::integer group by c.country order by revenue desc

-- name: revenue_by_category
-- Slow: three large joins for a report
select c.name, sum(i.line_total) as revenue from order_items as i join products as p on p.id = i.product_id join categories as c on c.id = p.category_id join orders as o on o.id = i.order_id where o.ordered_at >= current_date - %s::integer group by c.name order by revenue desc

-- name: top_customers
-- Slow: aggregates all orders, then keeps ten
select c.id, c.name, sum(o.total) as revenue from customers as c join orders as o on o.customer_id = c.id group by c.id order by revenue desc limit 10

-- name: customers_with_last_order
-- Correlated subquery for each customer of a city
select c.id, c.name, (select max(o.ordered_at) from orders as o where o.customer_id = c.id) as last_order from customers as c where c.city = %s order by c.id limit 200

-- name: customers_without_order
-- Slow: NOT IN over a subquery
select count(*) from customers where country = %s and id not in (select customer_id from orders)

-- name: product_by_sku
-- One product by stock keeping unit: fast
select id, name, price from products where sku = %s

-- name: products_of_category
-- Products of a section, cheapest first
select id, name, price from products where category_id = %s and is_active order by price limit 24

-- name: products_by_attribute
-- Slow: containment in JSON without a GIN index
select id, name, price from products where attributes @> %s::jsonb and is_active order by price, id limit 24

-- name: products_by_description
-- Slow: a word anywhere in the description
select id, name from products where description ilike '%%' || %s || '%%' limit 24

-- name: buyers_of_product
-- Slow: order_items.product_id has no index
select distinct o.customer_id from order_items as i join orders as o on o.id = i.order_id where i.product_id = %s limit 500

-- name: product_rating
-- Average rating of a product: fast
select count(*), round(avg(rating), 2) from reviews where product_id = %s

-- name: reviews_of_customer
-- Slow: reviews.customer_id has no index
select product_id, rating, title, created_at from reviews where customer_id = %s order by created_at desc

-- name: stock_of_product
-- Slow: the key of inventory starts with the warehouse
select warehouse_id, quantity from inventory where product_id = %s

-- name: views_of_day
-- Page views of one day: one partition
select path, count(*) as views from page_views where viewed_at >= current_date - %s::integer and viewed_at < current_date - %s::integer group by path order by views desc limit 20

-- name: views_of_customer
-- Slow: no condition on viewed_at, so every partition is read
select viewed_at, path from page_views where customer_id = %s order by viewed_at desc limit 50

-- name: open_tickets
-- Open tickets, urgent ones first
select id, subject, priority, opened_at from support_tickets where closed_at is null order by priority = 'urgent' desc, opened_at limit 50

-- name: touch_session
-- An update that leaves a dead row in a table without autovacuum
update sessions set last_seen_at = greatest(last_seen_at, now()) where id = md5('session ' || %s::text)::uuid
