-- name: comments
-- Describe tables and columns
comment on type order_status is 'Where an order stands: pending, paid, shipped, delivered, cancelled or returned';

comment on table categories is 'Departments of the store and their sections';
comment on column categories.parent_id is 'Department of a section; null for a department';
comment on column categories.slug is 'Name in web addresses';

comment on table suppliers is 'Companies we buy products from';
comment on column suppliers.rating is 'Our rating from 1.0 (bad) to 5.0 (good); null when not yet rated';
comment on column suppliers.is_active is 'Whether we still buy from this supplier';
comment on column suppliers.contract_since is 'First day of the contract';

comment on table products is 'What the store sells or has sold';
comment on column products.sku is 'Stock keeping unit, printed on the label';
comment on column products.price is 'Current price in euros';
comment on column products.cost is 'What we pay the supplier for one piece, in euros';
comment on column products.weight_grams is 'Weight in grams; null when unknown';
comment on column products.attributes is 'Color, material, warranty_months and, for some, eco_label';
comment on column products.tags is 'Labels such as gift, sale, new';
comment on column products.is_active is 'Whether the product can be bought now';
comment on column products.created_at is 'When the product was added';
comment on column products.discontinued_at is 'When the product was taken out of the store; null while it is sold';

comment on table customers is 'People who have an account, whether they ordered or not';
comment on column customers.name is 'Full name';
comment on column customers.phone is 'Telephone number; null when not given';
comment on column customers.country is 'Country where the customer lives and receives orders';
comment on column customers.birth_date is 'Date of birth; null when not given';
comment on column customers.tier is 'Loyalty tier: standard, silver or gold';
comment on column customers.marketing_opt_in is 'Whether the customer agreed to marketing mail';
comment on column customers.referrer_id is 'Customer who recommended the store to this one';
comment on column customers.preferences is 'Language and newsletter frequency';
comment on column customers.created_at is 'When the customer signed up';
comment on column customers.last_login_at is 'Last login; null when the customer never logged in';

comment on table addresses is 'Where customers receive parcels, always in the customer''s country';
comment on column addresses.kind is 'home or work';

comment on table coupons is 'Discount codes';
comment on column coupons.percent_off is 'Discount in percent';
comment on column coupons.valid_until is 'Last day on which the coupon can be used; null when it never ends';

comment on table orders is 'Orders, one row each';
comment on column orders.customer_id is 'Customer who ordered';
comment on column orders.coupon_id is 'Coupon used, if any';
comment on column orders.ordered_at is 'When the order was placed';
comment on column orders.total is 'Revenue of the order in euros: the sum of line_total of its order_items, without shipping fee. Revenue counts every order; a cancelled or returned one keeps its total and the refund is a row of payments';
comment on column orders.shipping_fee is 'Shipping cost charged to the customer, in euros';
comment on column orders.note is 'Wish of the customer for the delivery';

comment on table order_items is 'Lines of orders: which product, how many, at what price';
comment on column order_items.quantity is 'Number of units sold';
comment on column order_items.unit_price is 'Price of one unit at the time of the order, in euros, before discount';
comment on column order_items.discount is 'Discount as a fraction: 0.1 is ten percent';
comment on column order_items.line_total is 'Revenue of the line in euros: quantity * unit_price, less discount';

comment on table payments is 'Payments of orders: captured, refunded and failed attempts';
comment on column payments.method is 'Payment method: card, paypal, bank_transfer, invoice or gift_card';
comment on column payments.amount is 'Amount in euros, shipping fee included';
comment on column payments.paid_at is 'When the payment was tried';

comment on table warehouses is 'Places where products are stored';
comment on column warehouses.capacity is 'Number of units that fit';

comment on table shipments is 'Parcels sent to customers';
comment on column shipments.carrier is 'Company that carries the parcel';
comment on column shipments.delivered_at is 'When the parcel arrived; null while it is on its way';

comment on table inventory is 'Stock of each product in each warehouse';
comment on column inventory.quantity is 'Units in stock';
comment on column inventory.reorder_level is 'Order new units when quantity falls below this';
comment on column inventory.counted_at is 'Last count';

comment on table reviews is 'Product reviews written by customers';
comment on column reviews.rating is 'Stars from 1 to 5';
comment on column reviews.helpful_votes is 'How many readers found the review helpful';

comment on table support_tickets is 'Questions and complaints of customers';
comment on column support_tickets.order_id is 'Order the ticket is about; null for a general question';
comment on column support_tickets.priority is 'low, normal, high or urgent';
comment on column support_tickets.closed_at is 'When the ticket was closed; null while it is open';
comment on column support_tickets.satisfaction is 'Answer to the survey after closing, 1 to 5; null without an answer';

comment on table sessions is 'Web sessions of the last month. Autovacuum is switched off here on purpose, to show what bloat looks like';
comment on column sessions.data is 'Cart size, currency and number of pages';

comment on table page_views is 'Pages seen by visitors, one partition a month';
comment on column page_views.customer_id is 'Customer who was logged in; null for an anonymous visitor';
comment on column page_views.product_id is 'Product shown on the page, if any';
comment on column page_views.duration_ms is 'Time on the page in milliseconds; null when unknown';
comment on column page_views.properties is 'Campaign that brought the visitor, if any';

comment on view monthly_revenue is 'Number of orders and revenue of each month';
comment on column monthly_revenue.revenue is 'Revenue in euros: sum of orders.total';
comment on materialized view product_sales is 'Units sold and revenue of each product since the beginning, as of the last refresh';
comment on column product_sales.revenue is 'Revenue in euros: sum of order_items.line_total';
