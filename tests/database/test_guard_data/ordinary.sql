-- One ordinary statement a line: each must pass the guard and run. Never crying wolf matters as much as refusing.
select 1
select count(*) from orders
select * from customers order by created_at desc nulls last limit 10 offset 5
table orders
values (1, 'a'), (2, 'b') order by 1
select c.name, sum(o.total) as revenue from orders o join customers c on c.id = o.customer_id where o.placed_at >= date_trunc('month', now()) - interval '1 month' and o.placed_at < date_trunc('month', now()) group by c.id, c.name order by revenue desc limit 5
select country, count(*) filter (where status = 'cancelled') as cancelled from customers c join orders o on o.customer_id = c.id group by country
select coalesce(sum(total), 0) from orders where placed_at::date = current_date - 1
select distinct on (customer_id) customer_id, total from orders order by customer_id, total desc
select distinct status from orders
select status, count(*) from orders group by 1 having count(*) > 1 order by 2 desc
select day, sum(total), sum(sum(total)) over (order by day rows between unbounded preceding and current row) from orders group by day
select id, lag(total) over w, lead(total, 2, 0::numeric) over w, first_value(total) over w, ntile(4) over w, row_number() over (), dense_rank() over w, percent_rank() over w, cume_dist() over w from orders window w as (partition by customer_id order by placed_at)
select avg(total) over (order by placed_at range between '7 days' preceding and current row) from orders
select percentile_cont(0.5) within group (order by total), percentile_disc(0.9) within group (order by total), mode() within group (order by status) from orders
select status, day, grouping(status, day), sum(total) from orders group by grouping sets ((status), (day), ())
select status, day, sum(total) from orders group by rollup (status, day)
select status, day, sum(total) from orders group by cube (status, day)
with recent as (select * from orders where day > current_date - 30), best as (select customer_id, max(total) m from recent group by 1) select c.name, b.m from best b join customers c on c.id = b.customer_id
with recursive tree as (select id, boss, name, 1 as depth from employees where boss is null union all select e.id, e.boss, e.name, t.depth + 1 from employees e join tree t on e.boss = t.id) select * from tree
with recursive t(n) as (values (1) union all select n + 1 from t where n < 10) select sum(n) from t
with recursive t as (select id, boss from employees union all select e.id, e.boss from employees e join t on e.boss = t.id) search depth first by id set ordercol cycle id set is_cycle using path select * from t
with x as materialized (select 1 as a), y as not materialized (select a + 1 as b from x) select * from x, y
select c.name, last.total from customers c cross join lateral (select total from orders o where o.customer_id = c.id order by placed_at desc limit 3) last
select c.name, l.total from customers c left join lateral (select total from orders o where o.customer_id = c.id limit 1) l on true
select g::date as day, coalesce(sum(o.total), 0) from generate_series(current_date - 6, current_date, interval '1 day') g left join orders o on o.day = g::date group by 1 order by 1
select * from generate_series(1, 10) with ordinality as t(value, position)
select * from unnest(array[1, 2], array['a', 'b']) as u(a, b)
select * from rows from (generate_series(1, 3), generate_series(1, 2)) as t(a, b)
select attributes ->> 'size' as size, attributes -> 'x' -> 'y', attributes #>> '{a,b}', attributes @> '{"vip": true}', attributes ? 'vip', attributes || '{"a": 1}' from customers
select jsonb_agg(jsonb_build_object('id', id, 'total', total) order by id) from orders
select pair.key, pair.value from customers, jsonb_each_text(attributes) as pair
select e ->> 'sku', (e ->> 'quantity')::int from orders, jsonb_array_elements(lines) e
select jsonb_path_query(attributes, '$.a[*] ? (@ > 1)') from customers
select * from jsonb_to_recordset('[{"a": 1, "b": "x"}]') as t(a int, b text)
select attributes['size'], tags[1], tags[1:2], array_length(tags, 1), cardinality(tags) from customers
select json_build_object('a', 1, 'b', array[1, 2]), to_jsonb(c), row_to_json(c) from customers c
select date_trunc('week', placed_at), extract(dow from placed_at), date_part('hour', placed_at), age(placed_at), to_char(placed_at, 'YYYY-MM-DD') from orders
select placed_at at time zone 'Europe/Paris', now() - interval '2 hours 30 minutes', make_date(2024, 2, 29), date '2024-01-01' + 1, timestamp '2024-01-01 10:00' from orders
select extract(epoch from (now() - min(placed_at))) / 86400 from orders
select date_bin('15 minutes', placed_at, timestamptz '2001-01-01'), count(*) from orders group by 1
select current_date, current_timestamp, localtimestamp, current_user, session_user, current_database(), current_schema, version()
select upper(name), lower(email), initcap(name), length(name), substring(name from 1 for 3), substr(name, 2), left(name, 2), right(name, 2), position('a' in name), trim(both ' ' from name), overlay(name placing 'x' from 1), split_part(email, '@', 2), replace(name, 'a', 'b'), reverse(name), repeat('-', 3), lpad(name, 10), concat(name, ' ', email), concat_ws(', ', name, email), format('%s (%s)', name, country), md5(name), translate(name, 'a', 'b') from customers
select string_agg(distinct name, ', ' order by name) from customers
select name from customers where name ilike '%an%' and email not like 'x%' escape '!' and name similar to '(A|B)%' and name ~* '^a' and name !~ '\d'
select regexp_replace(name, '(\w+)\s', E'\\\\1', 'g'), regexp_matches(name, 'a', 'g'), regexp_split_to_array(name, '\s+') from customers
select name from customers where search @@ websearch_to_tsquery('simple', 'ann or bob')
select ts_rank(search, q), ts_headline('simple', name, q) from customers, plainto_tsquery('simple', 'ann') q where search @@ q
select case status when 'paid' then 1 when 'sent' then 2 else 0 end, case when total > 100 then 'big' when total is null then 'none' else 'small' end from orders
select nullif(total, 0), greatest(total, 1), least(total, 2), coalesce(total, 0), round(total, 1), ceil(total), floor(total), abs(total), mod(id, 2), power(total, 2), sqrt(total), ln(total + 1), total % 7, total ^ 2, |/ total from orders
select total between 1 and 10, total not between symmetric 5 and 1, total in (1, 2), total = any (array[1, 2]), total <> all (select 1), status is distinct from 'x', status is not distinct from null from orders
select (customer_id, status) = (1, 'paid'), row(1, 2) < row(1, 3), (1, 2) in ((1, 2), (3, 4)) from orders
select exists (select from orders where customer_id = c.id), (select max(total) from orders where customer_id = c.id), array(select id from orders where customer_id = c.id) from customers c
select * from customers where id not in (select customer_id from orders where customer_id is not null)
select id from orders union select id from customers except select 3 intersect all select 4 order by 1
select * from orders join customers using (id)
select * from orders natural join employees
select o.id from orders o full outer join customers c on c.id = o.customer_id where o.during && tstzrange(now() - interval '1 day', now()) and upper(o.during) > now() and o.during @> now()
select during * tstzrange('2024-01-01', null), range_merge(during, during), lower_inf(during) from orders
select corr(total, o.id), stddev(total), variance(total), regr_slope(total, o.id), covar_pop(total, o.id), bool_and(total > 0), every(true), bit_or(o.id), min(placed_at), max(name) from orders o join customers c on true
select width_bucket(total, 0, 100, 10), count(*) from orders group by 1
select array_agg(total order by placed_at desc), array_agg(distinct status) filter (where total > 1) from orders
select feeling, count(*) from customers where feeling = 'happy' or feeling in ('sad') or feeling > 'sad' group by feeling order by feeling
select 'happy'::mood, enum_range(null::mood), array['sad']::mood[], cast('1.5' as amount), '2024-01-01'::date, 1::numeric(10, 2), 'x'::varchar(3), interval '1' day, '{1,2}'::int[], cast(null as orders)
select key::text, gen_random_uuid() is not null, random() < 2, home <<= inet '10.0.0.0/8', host(home) from customers
select encode(photo, 'hex'), sha256(photo), length(photo) from orders
select xpath('/a/text()', note), xmlelement(name a, xmlattributes(1 as b), 'c'), xmlforest(name, email), xmlagg(note) over () from orders, customers
select x.* from orders, xmltable('/a/b' passing note columns c text path 'c', d int path '@d') x
select o from orders o
select (o).total, (o).*, o.version, order_total.total from orders o, orders order_total
select c.label from (select name as label from customers) c
select sub.order_total from (select 1 as order_total) sub
with c as (select name as label from customers) select c.label from c
select count(*) from events where at >= now() - interval '1 day' and what = 'login'
select * from big_orders where place <= 3
select * from biggest
select * from daily
select last_value from counter
select * from orders tablesample bernoulli (10) repeatable (1)
select name collate "C" from customers order by name collate "C", email using <
select "Name" from (select name as "Name" from customers) as "Strange ""Alias"""
select $$it's$$ || 'it''s' || U&'d\0061t' || B'101'::text || E'\t'
select /* a comment */ count(*) -- another
select 1;
select relname, pg_size_pretty(pg_total_relation_size(oid)) from pg_class where relkind = 'r' order by pg_relation_size(oid) desc
select table_name, column_name from information_schema.columns where table_schema = 'public'
select indexrelname, idx_scan from pg_stat_user_indexes
select indexdef from pg_indexes where tablename = 'orders'
select total from orders order by total fetch first 5 rows with ties
select sum(total) over (partition by status order by id groups between 1 preceding and 1 following exclude current row) from orders
select pg_catalog.lower(name) operator(pg_catalog.||) 'x' from public.customers
select a.id from ((orders as a cross join employees) join customers c on c.id = a.id)
select not true and (false or null::boolean is unknown) and 1 is not null
select make_interval(days => 3), date_trunc('day', now(), 'UTC'), justify_days(interval '40 days'), to_timestamp(0), clock_timestamp() > now()
