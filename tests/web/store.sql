-- A little of everything for the sample store's own tables: enough for pages, in a second.
insert into categories (id, name, slug) select i, 'Department ' || i, 'd' || i from generate_series(1, 8) as i;
insert into suppliers (id, name, country, contract_since) select i, 'Supplier ' || i, 'Italy', '2020-01-01' from generate_series(1, 20) as i;
insert into products (id, category_id, supplier_id, sku, name, price, cost)
  select i, 1 + i % 8, 1 + i % 20, 'S' || i, 'Thing ' || i, 5 + i % 90, 3 from generate_series(1, 300) as i;
insert into customers (id, name, email, country, city)
  select i, 'Person ' || i, 'p' || i || '@example.org', (array['Germany', 'France', 'Spain'])[1 + i % 3], 'Town'
    from generate_series(1, 3000) as i;
insert into orders (id, customer_id, status, ordered_at, total)
  select i, 1 + i % 3000, (array['pending', 'paid', 'shipped', 'delivered', 'cancelled'])[1 + i % 5]::order_status,
         now() - i * interval '10 minutes', 10 + i % 400 from generate_series(1, 12000) as i;
insert into order_items (order_id, line_number, product_id, quantity, unit_price)
  select i, line, 1 + (i * 7 + line) % 300, 1 + i % 3, 9.5 from generate_series(1, 12000) as i, generate_series(1, 2) as line;
insert into payments (id, order_id, method, status, amount, paid_at)
  select i, i, 'card', 'captured', 10, now() - i * interval '10 minutes' from generate_series(1, 12000) as i;
insert into sessions (id, customer_id, device, started_at, last_seen_at)
  select gen_random_uuid(), 1 + i % 3000, 'phone', now(), now() from generate_series(1, 20000) as i;
update sessions set device = 'tablet';
insert into page_views (id, viewed_at, customer_id, path, device)
  select i, now() - i * interval '1 hour', 1 + i % 3000, '/', 'phone' from generate_series(1, 3000) as i;
