-- name: keys
-- Create primary keys and unique constraints
alter table categories add primary key (id), add unique (slug);
alter table suppliers add primary key (id);
alter table products add primary key (id), add unique (sku);
alter table customers add primary key (id), add unique (email);
alter table addresses add primary key (id);
alter table coupons add primary key (id), add unique (code);
alter table orders add primary key (id);
alter table order_items add primary key (order_id, line_number);
alter table payments add primary key (id);
alter table warehouses add primary key (id), add unique (name);
alter table shipments add primary key (id);
alter table inventory add primary key (warehouse_id, product_id);
alter table reviews add primary key (id);
alter table support_tickets add primary key (id);
alter table sessions add primary key (id);
alter table page_views add primary key (id, viewed_at);

-- name: foreign_keys
-- Create and check the foreign keys
alter table categories add foreign key (parent_id) references categories;
alter table products add foreign key (category_id) references categories, add foreign key (supplier_id) references suppliers;
alter table customers add foreign key (referrer_id) references customers;
alter table addresses add foreign key (customer_id) references customers;
alter table orders add foreign key (customer_id) references customers,
  add foreign key (shipping_address_id) references addresses, add foreign key (coupon_id) references coupons;
alter table order_items add foreign key (order_id) references orders, add foreign key (product_id) references products;
alter table payments add foreign key (order_id) references orders;
alter table shipments add foreign key (order_id) references orders, add foreign key (warehouse_id) references warehouses;
alter table inventory add foreign key (warehouse_id) references warehouses, add foreign key (product_id) references products;
alter table reviews add foreign key (product_id) references products, add foreign key (customer_id) references customers;
alter table support_tickets add foreign key (customer_id) references customers, add foreign key (order_id) references orders;
alter table sessions add foreign key (customer_id) references customers;
alter table page_views add foreign key (customer_id) references customers, add foreign key (product_id) references products;

-- name: indexes
-- Create indexes, some of them too many on purpose
create index products_category_id_idx on products (category_id);
create index addresses_customer_id_idx on addresses (customer_id);
create index orders_customer_id_ordered_at_idx on orders (customer_id, ordered_at);
create index orders_ordered_at_idx on orders (ordered_at);
create index shipments_order_id_idx on shipments (order_id);
create index reviews_product_id_idx on reviews (product_id);
create index page_views_viewed_at_idx on page_views (viewed_at);
-- Neglected on purpose, for a database administrator to find. Redundant: a longer index or a twin does the same work.
create index orders_customer_id_idx on orders (customer_id);
create index order_items_order_id_idx on order_items (order_id);
create index reviews_product_idx on reviews (product_id);
-- Neglected on purpose: nothing reads these.
create index customers_phone_idx on customers (phone);
create index shipments_tracking_number_idx on shipments (tracking_number);
-- Neglected on purpose: no index on these foreign keys: orders.shipping_address_id, orders.coupon_id,
-- order_items.product_id, payments.order_id, products.supplier_id, reviews.customer_id, customers.referrer_id,
-- support_tickets.customer_id, support_tickets.order_id, sessions.customer_id, page_views.customer_id and .product_id,
-- inventory.product_id, shipments.warehouse_id.

-- name: views
-- Create the view of monthly revenue and the materialized view of product sales
create view monthly_revenue as
select date_trunc('month', ordered_at)::date as month, count(*) as orders, sum(total) as revenue
from orders
group by 1;

create materialized view product_sales as
select p.id as product_id, p.name as product, c.name as category, coalesce(sum(i.quantity), 0) as units_sold,
  coalesce(sum(i.line_total), 0) as revenue
from products as p
join categories as c on c.id = p.category_id
left join order_items as i on i.product_id = p.id
group by p.id, p.name, c.name;

create unique index product_sales_product_id_idx on product_sales (product_id);

-- name: counters
-- Set the counters of the identity columns after the rows that were filled in
do $$
declare
  one record;
begin
  for one in
    select a.attrelid::regclass as relation, a.attname
    from pg_attribute as a join pg_class as c on c.oid = a.attrelid
    where c.relnamespace = 'public'::regnamespace and a.attidentity <> '' and c.relname = any (
      '{categories,suppliers,products,customers,addresses,coupons,orders,payments,warehouses,shipments,reviews,support_tickets}')
  loop
    execute format('select setval(pg_get_serial_sequence(%L, %L), max(%I)) from %s',
      one.relation, one.attname, one.attname, one.relation);
  end loop;
end
$$;

drop function pg_temp.pick(text[], double precision);
drop function pg_temp.chance(bigint, bigint);
