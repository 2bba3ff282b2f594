-- name: helpers
-- Prepare the arithmetic that stands in for chance: same row number and seed, same value, on every server
create function pg_temp.chance(number bigint, seed bigint) returns double precision
  language sql immutable parallel safe
  return ((hashint8extended(number, seed) & 4294967295)::double precision / 4294967296.0);

create function pg_temp.pick(choices text[], at double precision) returns text
  language sql immutable parallel safe
  return choices[1 + floor(at * cardinality(choices))::integer];

-- name: categories
-- Fill categories: eight departments and their sections
create temporary table section_seed on commit drop as
select row_number() over () as id, department, section, base_price, nouns
from (values
  ('Electronics', 'Headphones', 79.0, '{Headphones,Earbuds,"Studio Headset","Gaming Headset"}'::text[]),
  ('Electronics', 'Keyboards', 69.0, '{Keyboard,Keypad,"Wireless Keyboard","Keyboard Set"}'),
  ('Electronics', 'Cameras', 349.0, '{Camera,"Action Camera",Webcam,Lens}'),
  ('Electronics', 'Chargers', 25.0, '{Charger,"Power Bank","Charging Cable","Travel Adapter"}'),
  ('Home', 'Lighting', 45.0, '{"Desk Lamp","Floor Lamp","Light Strip",Lantern}'),
  ('Home', 'Bedding', 59.0, '{Pillow,Duvet,Blanket,"Bed Sheet"}'),
  ('Home', 'Storage', 29.0, '{Basket,"Storage Box",Shelf,Organiser}'),
  ('Home', 'Decoration', 22.0, '{Vase,"Picture Frame",Candle,"Wall Clock"}'),
  ('Kitchen', 'Cookware', 64.0, '{"Frying Pan",Saucepan,Casserole,Wok}'),
  ('Kitchen', 'Knives', 48.0, '{"Chef Knife","Bread Knife","Paring Knife","Knife Block"}'),
  ('Kitchen', 'Coffee', 89.0, '{"Coffee Grinder","Espresso Maker","French Press",Kettle}'),
  ('Kitchen', 'Tableware', 32.0, '{"Plate Set",Bowl,"Mug Set",Carafe}'),
  ('Sports', 'Running', 95.0, '{"Running Shoes","Running Jacket","Running Belt",Headlamp}'),
  ('Sports', 'Cycling', 75.0, '{Helmet,"Bike Light","Cycling Gloves",Pump}'),
  ('Sports', 'Yoga', 35.0, '{"Yoga Mat","Yoga Block",Strap,"Meditation Cushion"}'),
  ('Sports', 'Camping', 120.0, '{Tent,"Sleeping Bag","Camping Stove",Hammock}'),
  ('Fashion', 'Shoes', 85.0, '{Sneakers,Boots,Sandals,Loafers}'),
  ('Fashion', 'Bags', 70.0, '{Backpack,Tote,"Shoulder Bag",Wallet}'),
  ('Fashion', 'Jackets', 130.0, '{"Rain Jacket",Parka,Vest,Windbreaker}'),
  ('Fashion', 'Accessories', 24.0, '{Scarf,Belt,Cap,Sunglasses}'),
  ('Books', 'Fiction', 14.0, '{Novel,"Short Stories",Thriller,Saga}'),
  ('Books', 'Science', 24.0, '{Handbook,Atlas,Introduction,Companion}'),
  ('Books', 'Children', 12.0, '{"Picture Book",Fairytale,"Colouring Book","Puzzle Book"}'),
  ('Books', 'Cooking', 27.0, '{Cookbook,"Baking Book","Recipe Collection","Grill Guide"}'),
  ('Toys', 'Puzzles', 19.0, '{"Jigsaw Puzzle","Brain Teaser","Wooden Puzzle",Cube}'),
  ('Toys', 'Board Games', 38.0, '{"Strategy Game","Card Game","Dice Game","Party Game"}'),
  ('Toys', 'Building Sets', 49.0, '{"Building Set","Marble Run","Model Kit","Train Set"}'),
  ('Toys', 'Plush', 17.0, '{Bear,Rabbit,Dragon,Penguin}'),
  ('Garden', 'Tools', 33.0, '{Spade,Rake,Pruner,Trowel}'),
  ('Garden', 'Plants', 15.0, '{"Herb Set","Seed Box",Bonsai,Cactus}'),
  ('Garden', 'Furniture', 180.0, '{"Garden Chair","Garden Table",Bench,Parasol}'),
  ('Garden', 'Barbecue', 140.0, '{Grill,Smoker,"Fire Bowl","Grill Tongs"}')
) as seed (department, section, base_price, nouns);

insert into categories (id, parent_id, name, slug)
select min((id + 3) / 4), null, department, lower(department)
from section_seed group by department order by 1;

insert into categories (id, parent_id, name, slug)
select 8 + id, (id + 3) / 4, section, lower(department || '-' || replace(section, ' ', '-'))
from section_seed order by id;

-- name: suppliers
-- Fill suppliers
insert into suppliers (id, name, country, contact_email, rating, is_active, contract_since)
select i,
  pg_temp.pick('{Alpine,Baltic,Cobalt,Delta,Ember,Falcon,Granite,Harbour,Iris,Juniper,Kestrel,Lumen}', (n % 12) / 12.0)
    || ' ' || pg_temp.pick('{Trading,Works,Goods,Supply,Industries,Partners,Makers,Imports,Group,Crafts}', (n / 12) / 10.0),
  pg_temp.pick('{Germany,China,China,China,Italy,Poland,Portugal,Vietnam,France,"United States"}', pg_temp.chance(i, 11)),
  case when pg_temp.chance(i, 12) > 0.1 then 'sales' || i || '@supplier.example' end,
  case when pg_temp.chance(i, 13) > 0.08 then round((2.4 + 2.6 * pg_temp.chance(i, 14))::numeric, 1) end,
  pg_temp.chance(i, 15) > 0.12,
  current_date - 1600 - floor(2000 * pg_temp.chance(i, 16))::integer
from generate_series(0, 119) as n, lateral (select n + 1 as i) as numbered
order by i;

-- name: products
-- Fill products: a low number sells often, a number above 3000 came during the last three years
insert into products (id, category_id, supplier_id, sku, name, description, price, cost, weight_grams, attributes,
  tags, is_active, created_at, discontinued_at)
select i, 8 + s.id, 1 + floor(120 * power(pg_temp.chance(i, 21), 1.6))::integer,
  upper(left(s.department, 2)) || '-' || lpad(i::text, 5, '0'),
  looks.adjective || ' ' || pg_temp.pick(s.nouns, pg_temp.chance(i, 22)) || ' '
    || chr(65 + floor(26 * pg_temp.chance(i, 23))::integer) || (10 + floor(90 * pg_temp.chance(i, 24)))::text,
  case when pg_temp.chance(i, 25) > 0.15 then
    looks.adjective || ' ' || lower(s.section) || ' made of ' || looks.material || ', in ' || looks.color || '. '
      || pg_temp.pick('{"A favourite of our customers.","Ships in plastic-free packaging.","Designed to last.","New and improved.","Made in small batches."}', pg_temp.chance(i, 26)) end,
  money.price, round(money.price * (0.35 + 0.35 * pg_temp.chance(i, 27))::numeric, 2),
  case when pg_temp.chance(i, 28) > 0.07 then 50 + floor(9000 * power(pg_temp.chance(i, 29), 3))::integer end,
  jsonb_build_object('color', looks.color, 'material', looks.material,
      'warranty_months', 12 * (1 + floor(3 * pg_temp.chance(i, 30))::integer))
    || case when pg_temp.chance(i, 31) < 0.25 then '{"eco_label": true}'::jsonb else '{}'::jsonb end,
  array_remove(array[lower(s.department),
    case when pg_temp.chance(i, 32) < 0.2 then 'gift' end,
    case when pg_temp.chance(i, 33) < 0.15 then 'sale' end,
    case when i > 3600 then 'new' end], null),
  life.ended is null, life.started, life.ended
from generate_series(1, 4000) as n, lateral (select n::bigint as i) as numbered
join section_seed as s on s.id = 1 + floor(32 * power(pg_temp.chance(i, 34), 1.3))::integer
cross join lateral (select
  pg_temp.pick('{Classic,Compact,Premium,Light,Urban,Nordic,Vintage,Smart,Solid,Silent,Bright,Pocket}', pg_temp.chance(i, 35)) as adjective,
  pg_temp.pick('{steel,wood,cotton,aluminium,glass,leather,bamboo,wool,paper}', pg_temp.chance(i, 36)) as material,
  pg_temp.pick('{black,black,white,red,blue,green,grey,yellow}', pg_temp.chance(i, 37)) as color) as looks
cross join lateral (select
  round((s.base_price * (0.4 + 1.8 * power(pg_temp.chance(i, 38), 2)))::numeric, 0) + 0.99 as price) as money
cross join lateral (select
  case when i <= 3000 then (current_date - 1600 + floor(480 * pg_temp.chance(i, 39))::integer)::timestamp
    else (current_date - 1095 + floor((i - 3001) * 1.09)::integer)::timestamp end
    + interval '1 second' * floor(36000 + 20000 * pg_temp.chance(i, 40)) as started) as born
cross join lateral (select born.started at time zone current_setting('TimeZone') as started,
  case when i between 200 and 3000 and pg_temp.chance(i, 41) < 0.06
    then (current_date - 1 - floor(300 * pg_temp.chance(i, 42))::integer)::timestamptz end as ended) as life
order by i;

-- name: customers
-- Fill customers: number i joined on day i of the last four years, in equal steps
create temporary table city_seed on commit drop as
select country, cities, sum(share) over (order by number) - share as low, sum(share) over (order by number) as high
from (values
  (1, 'Germany', 0.24, '{Berlin,Hamburg,Munich,Cologne,Leipzig}'::text[]),
  (2, 'United Kingdom', 0.15, '{London,Manchester,Leeds,Bristol}'),
  (3, 'France', 0.14, '{Paris,Lyon,Marseille,Nantes}'),
  (4, 'United States', 0.12, '{"New York",Chicago,Seattle,Austin,Boston}'),
  (5, 'Italy', 0.08, '{Rome,Milan,Turin,Naples}'),
  (6, 'Spain', 0.07, '{Madrid,Barcelona,Valencia}'),
  (7, 'Netherlands', 0.06, '{Amsterdam,Utrecht,Rotterdam}'),
  (8, 'Poland', 0.04, '{Warsaw,Krakow,Gdansk}'),
  (9, 'Austria', 0.03, '{Vienna,Graz,Linz}'),
  (10, 'Sweden', 0.025, '{Stockholm,Gothenburg,Malmo}'),
  (11, 'Switzerland', 0.02, '{Zurich,Geneva,Basel}'),
  (12, 'Portugal', 0.015, '{Lisbon,Porto}'),
  (13, 'Japan', 0.007, '{Tokyo,Osaka}'),
  (14, 'Iceland', 0.003, '{Reykjavik}')
) as seed (number, country, share, cities);

insert into customers (id, name, email, phone, country, city, birth_date, tier, marketing_opt_in, referrer_id,
  preferences, created_at, last_login_at)
select i, who.first || ' ' || who.last, lower(who.first || '.' || who.last || i) || '@'
    || pg_temp.pick('{mail.example,post.example,inbox.example}', pg_temp.chance(i, 51)),
  case when pg_temp.chance(i, 52) < 0.7 then '+' || (10000000000 + floor(89999999999 * pg_temp.chance(i, 53)))::bigint end,
  place.country, pg_temp.pick(place.cities, power(pg_temp.chance(i, 54), 1.4)),
  case when pg_temp.chance(i, 55) < 0.65 then current_date - 6600 - floor(21000 * pg_temp.chance(i, 56))::integer end,
  case when pg_temp.chance(i, 57) < 0.04 then 'gold' when pg_temp.chance(i, 57) < 0.2 then 'silver' else 'standard' end,
  pg_temp.chance(i, 58) < 0.43,
  case when i > 500 and pg_temp.chance(i, 59) < 0.18 then 1 + floor((i - 400) * power(pg_temp.chance(i, 60), 2))::integer end,
  jsonb_build_object('language', pg_temp.pick('{en,de,fr,es,it}', pg_temp.chance(i, 61)),
    'newsletter', pg_temp.pick('{weekly,monthly,never}', pg_temp.chance(i, 62))),
  life.joined,
  case when pg_temp.chance(i, 63) < 0.85
    then life.joined + (current_date::timestamptz - life.joined) * power(pg_temp.chance(i, 64), 0.4) end
from generate_series(1, 40000) as n, lateral (select n::bigint as i) as numbered
join city_seed as place on pg_temp.chance(i, 65) >= place.low and pg_temp.chance(i, 65) < place.high
cross join lateral (select
  pg_temp.pick('{Anna,Ben,Clara,David,Emma,Felix,Grace,Henry,Ines,Jonas,Karin,Leo,Maria,Noah,Olivia,Paul,Rosa,Simon,Tina,Victor,Wanda,Yusuf,Zoe,Liam,Mia,Oscar,Nina,Hugo,Alice,Bruno,Carla,Dario,Elena,Frida,Georg,Hanna,Ivan,Julia,Kurt,Laura,Marco,Nadia,Otto,Paula,Rafael,Sofia,Tomas,Ursula,Vera,Walter}', pg_temp.chance(i, 66)) as first,
  pg_temp.pick('{Adler,Brown,Costa,Dubois,Eriksson,Fischer,Garcia,Hansen,Ivanov,Jansen,Kowalski,Lopez,Moreau,Nowak,Olsen,Petit,Quinn,Rossi,Schmidt,Taylor,Ueda,Vogel,Weber,Young,Zimmer,Martin,Baker,Silva,Abel,Bauer,Conti,Dahl,Esposito,Ferrari,Gruber,Huber,Ibsen,Johnson,Keller,Larsen,Meyer,Novak,Ortega,Pavlov,Ramos,Sato,Thomas,Urban,Verdi,Wagner,Wilson,Zeller,Berg,Clark,Duran,Evans,Fontaine,Gomez}', pg_temp.chance(i, 67)) as last) as who
cross join lateral (select (current_date - 1461 + floor(i * 1460 / 40000.0)::integer)::timestamptz
  + interval '1 second' * floor(86399 * pg_temp.chance(i, 68)) as joined) as life
order by i;

-- name: addresses
-- Fill addresses: everybody has a home, every fourth customer also a place of work
insert into addresses (id, customer_id, kind, street, postal_code, city)
select a.id, c.id, a.kind,
  pg_temp.pick('{"Oak Street","Mill Lane","Station Road","Park Avenue","River Walk","Church Street","High Street","Garden Way"}', pg_temp.chance(a.id, 71))
    || ' ' || (1 + floor(180 * power(pg_temp.chance(a.id, 72), 2)))::text,
  lpad(floor(100000 * pg_temp.chance(a.id, 73))::text, 5, '0'), c.city
from customers as c
cross join lateral (select c.id as id, 'home' as kind
  union all select 40000 + c.id / 4, 'work' where c.id % 4 = 0) as a
order by a.id;

-- name: coupons
-- Fill coupons: some never end, some have ended
insert into coupons (id, code, percent_off, valid_from, valid_until)
select i, pg_temp.pick('{WELCOME,SPRING,SUMMER,AUTUMN,WINTER,FRIEND}', (i % 6) / 6.0) || lpad(i::text, 2, '0'),
  5 * (1 + floor(4 * pg_temp.chance(i, 81))::integer), current_date - 1100 + i * 20,
  case when pg_temp.chance(i, 82) < 0.7 then current_date - 1100 + i * 20 + 30 + floor(400 * pg_temp.chance(i, 83))::integer end
from generate_series(1, 48) as i;

-- name: orders
-- Choose when orders came and by whom: growth over three years, busy Novembers and weekends, few loyal customers
create temporary table order_seed on commit drop as
select row_number() over (order by ordered_at, day, n) as id, day_number, ordered_at, today - day as age
from (
  select d as day_number, today - 1095 + d as day, today, n,
    (today - 1095 + d)::timestamptz
      -- Of today only the first hour, so that the rows depend on the day alone and not on the hour of loading.
      + interval '1 second' * floor(case when d = 1095 then 1800 else 43200 end
        * (pg_temp.chance(d * 1000 + n, 91) + pg_temp.chance(d * 1000 + n, 92))) as ordered_at
  from generate_series(0, 1095) as d
  cross join lateral (select current_date as today) as t
  cross join lateral generate_series(1, ceil(
    (case when d = 1095 then 0.06 else 1.0 end) * (55 + 95 * d / 1095.0)
    * (case extract(isodow from today - 1095 + d) when 6 then 1.15 when 7 then 1.25 when 2 then 0.85 else 0.95 end)
    * (case extract(month from today - 1095 + d) when 11 then 1.4 when 12 then 1.35 when 1 then 0.8 when 7 then 0.85 else 1.0 end)
    * (0.85 + 0.3 * pg_temp.chance(d, 93)))::integer) as n
) as moments;

create temporary table order_draft on commit drop as
select o.id::integer as id, o.day_number, o.ordered_at, o.age, coupon.id as coupon_id,
  coalesce(coupon.percent_off / 100.0, 0) as discount,
  -- Customers who had joined the day before; the old ones order most.
  1 + floor((40000 * ((366 + o.day_number) / 1461.0) - 30) * power(pg_temp.chance(o.id, 101), 1.8))::integer as customer_id,
  (case
    when pg_temp.chance(o.id, 102) < 0.055 then 'cancelled'
    when o.age > 12 and pg_temp.chance(o.id, 102) < 0.085 then 'returned'
    when o.age > 12 and pg_temp.chance(o.id, 103) < 0.996 then 'delivered'
    when o.age > 4 then 'shipped'
    when o.age > 1 or pg_temp.chance(o.id, 104) < 0.7 then 'paid'
    else 'pending' end)::order_status as status
from order_seed as o
left join lateral (
  select c.id, c.percent_off from coupons as c
  where pg_temp.chance(o.id, 105) < 0.11 and c.id = 1 + floor(48 * pg_temp.chance(o.id, 106))::integer
    and o.ordered_at::date between c.valid_from and coalesce(c.valid_until, current_date)
) as coupon on true
order by o.id;

-- name: order_items
-- Fill order_items: one to six lines an order, few products sell most, some never
insert into order_items (order_id, line_number, product_id, quantity, unit_price, discount)
select item.order_id, item.line_number, item.product_id,
  1 + floor(4 * power(pg_temp.chance(item.key, 111), 3))::integer,
  case when item.age > 365 then round(p.price * 0.95, 2) else p.price end, item.discount
from (
  select o.id as order_id, line_number, o.age, o.discount, o.id::bigint * 8 + line_number as key,
    choice - case when choice % 97 = 0 then 1 else 0 end as product_id
  from order_draft as o
  cross join lateral generate_series(1, 1 + floor(6 * power(pg_temp.chance(o.id, 112), 2))::integer) as line_number
  cross join lateral (select 1 + floor((3000 + greatest(0, o.day_number - 1) * 0.91)
    * power(pg_temp.chance(o.id::bigint * 8 + line_number, 113), 1.9))::integer as choice) as chosen
) as item
join products as p on p.id = item.product_id
order by item.order_id, item.line_number;

insert into orders (id, customer_id, shipping_address_id, coupon_id, status, ordered_at, total, shipping_fee, note)
select o.id, o.customer_id,
  case when pg_temp.chance(o.id, 121) < 0.02 then null
    when o.customer_id % 4 = 0 and pg_temp.chance(o.id, 122) < 0.3 then 40000 + o.customer_id / 4
    else o.customer_id end,
  o.coupon_id, o.status, o.ordered_at, lines.total, case when lines.total >= 80 then 0 else 4.90 end,
  case when pg_temp.chance(o.id, 123) < 0.04 then pg_temp.pick(
    '{"Please leave with a neighbour","Gift, no invoice in the parcel","Ring twice","Deliver after 6 pm"}', pg_temp.chance(o.id, 124)) end
from order_draft as o
join (select order_id, sum(line_total) as total from order_items group by order_id) as lines on lines.order_id = o.id
order by o.id;

-- name: payments
-- Fill payments: paid orders, refunds of cancelled and returned ones, and failed attempts
insert into payments (id, order_id, method, status, amount, paid_at)
select row_number() over (order by p.paid_at, p.order_id, p.status), p.order_id, p.method, p.status, p.amount, p.paid_at
from (
  select o.id as order_id, how.method, what.status, o.total + o.shipping_fee as amount,
    o.ordered_at + what.delay + interval '1 second' * floor(240 * pg_temp.chance(o.id, 131)) as paid_at
  from orders as o
  cross join lateral (select pg_temp.pick(
    '{card,card,card,card,card,paypal,paypal,paypal,bank_transfer,invoice,invoice,gift_card}', pg_temp.chance(o.id, 132)) as method) as how
  cross join lateral (
    select 'failed' as status, interval '0' as delay where pg_temp.chance(o.id, 133) < 0.03
    union all select 'captured', interval '5 minutes' where o.status not in ('pending', 'cancelled', 'returned')
    union all select 'refunded', interval '10 minutes'
      where o.status = 'returned' or (o.status = 'cancelled' and pg_temp.chance(o.id, 134) < 0.6)) as what
) as p
order by 1;

-- name: shipments
-- Fill warehouses and shipments
insert into warehouses (id, name, city, country, capacity) values
  (1, 'North', 'Hamburg', 'Germany', 60000), (2, 'Central', 'Leipzig', 'Germany', 90000),
  (3, 'West', 'Rotterdam', 'Netherlands', 75000), (4, 'South', 'Milan', 'Italy', 40000),
  (5, 'Overseas', 'Chicago', 'United States', 50000), (6, 'Returns', 'Poznan', 'Poland', 15000);

insert into shipments (id, order_id, warehouse_id, carrier, tracking_number, shipped_at, delivered_at)
select row_number() over (order by s.shipped_at, s.id), s.id, s.warehouse_id, s.carrier,
  upper(left(s.carrier, 2)) || lpad(floor(1e10 * pg_temp.chance(s.id, 141))::bigint::text, 10, '0'), s.shipped_at,
  case when s.status <> 'shipped' then s.shipped_at + interval '1 hour' * (20 + floor(120 * power(pg_temp.chance(s.id, 142), 2))) end
from (
  select o.id, o.status, 1 + floor(5 * power(pg_temp.chance(o.id, 143), 1.4))::integer as warehouse_id,
    pg_temp.pick('{DHL,DHL,DHL,UPS,UPS,FedEx,"Postal Service"}', pg_temp.chance(o.id, 144)) as carrier,
    o.ordered_at + interval '1 hour' * (6 + floor(70 * power(pg_temp.chance(o.id, 145), 1.5))) as shipped_at
  from orders as o where o.status in ('shipped', 'delivered', 'returned')
) as s
order by 1;

-- name: inventory
-- Fill inventory: most products lie in several warehouses, some are out of stock
insert into inventory (warehouse_id, product_id, quantity, reorder_level, counted_at)
select w.id, p.id, case when pg_temp.chance(key, 151) < 0.07 then 0 else floor(400 * power(pg_temp.chance(key, 152), 2.5))::integer end,
  5 * (1 + floor(6 * pg_temp.chance(key, 153))::integer),
  (current_date - 1 - floor(90 * pg_temp.chance(key, 154))::integer)::timestamptz + interval '8 hours'
from warehouses as w
cross join products as p
cross join lateral (select p.id::bigint * 16 + w.id as key) as k
where w.id < 6 and pg_temp.chance(key, 155) < 0.7
order by w.id, p.id;

-- name: reviews
-- Fill reviews: written by buyers, mostly kind
insert into reviews (id, product_id, customer_id, rating, title, body, helpful_votes, created_at)
select row_number() over (order by r.created_at, r.key), r.product_id, r.customer_id, r.rating,
  case when pg_temp.chance(r.key, 161) < 0.8 then pg_temp.pick(
    case when r.rating >= 4 then '{"Very happy","Great value","Exactly as described","Would buy again"}'::text[]
      when r.rating = 3 then '{"It is fine","Average","Does the job"}' else '{Disappointed,"Broke after a week","Not as described"}' end,
    pg_temp.chance(r.key, 162)) end,
  case when pg_temp.chance(r.key, 163) < 0.6 then pg_temp.pick(
    case when r.rating >= 4 then '{"Arrived quickly and works well.","My family loves it.","Good quality for the price."}'::text[]
      when r.rating = 3 then '{"Neither good nor bad.","Delivery took long but the product is fine."}'
      else '{"Sent it back, the refund took weeks.","Poor quality, would not recommend.","The parcel was damaged."}' end,
    pg_temp.chance(r.key, 164)) end,
  floor(30 * power(pg_temp.chance(r.key, 165), 6))::integer, r.created_at
from (
  select i.product_id, o.customer_id, i.order_id::bigint * 8 + i.line_number as key,
    o.ordered_at + interval '1 minute' * floor(1440 * (12 + 28 * pg_temp.chance(i.order_id::bigint * 8 + i.line_number, 166))) as created_at,
    case when mood < 0.05 then 1 when mood < 0.11 then 2 when mood < 0.23 then 3 when mood < 0.55 then 4 else 5 end as rating
  from order_items as i
  join orders as o on o.id = i.order_id
  cross join lateral (select least(0.999, pg_temp.chance(i.order_id::bigint * 8 + i.line_number, 167)
    + 0.2 * (pg_temp.chance(i.product_id, 168) - 0.5)) as mood) as m
  where o.status in ('delivered', 'returned') and o.ordered_at < current_date - 41
    and pg_temp.chance(i.order_id::bigint * 8 + i.line_number, 169) < 0.15
) as r
order by 1;

-- name: support_tickets
-- Fill support_tickets: about one order in twelve, and some questions without an order
insert into support_tickets (id, customer_id, order_id, subject, priority, opened_at, closed_at, satisfaction)
select row_number() over (order by t.opened_at, t.id), t.customer_id,
  case when pg_temp.chance(t.id, 171) < 0.85 then t.id end,
  pg_temp.pick('{"Where is my parcel?","Refund not received","Wrong item delivered","Change of address","Damaged on arrival","Question about an invoice"}', pg_temp.chance(t.id, 172)),
  pg_temp.pick('{low,low,normal,normal,normal,normal,high,high,urgent}', pg_temp.chance(t.id, 173)),
  t.opened_at, t.closed_at, case when t.closed_at is not null and pg_temp.chance(t.id, 174) < 0.5
    then 1 + floor(5 * power(pg_temp.chance(t.id, 175), 0.5))::integer end
from (
  select o.id, o.customer_id, o.ordered_at + interval '2 days' as opened_at,
    case when o.age > 30 and pg_temp.chance(o.id, 176) < 0.985 or o.age between 8 and 30 and pg_temp.chance(o.id, 176) < 0.6
      then o.ordered_at + interval '2 days' + interval '1 hour' * (1 + floor(110 * power(pg_temp.chance(o.id, 177), 2))) end as closed_at
  from order_draft as o where o.age >= 3 and pg_temp.chance(o.id, 178) < 0.085
) as t
order by 1;

-- name: sessions
-- Fill sessions and change them often, so that dead rows outnumber the living
insert into sessions (id, customer_id, device, data, started_at, last_seen_at)
select md5('session ' || i)::uuid, 1 + floor(39000 * power(pg_temp.chance(i, 181), 1.5))::integer,
  pg_temp.pick('{phone,phone,phone,desktop,desktop,tablet}', pg_temp.chance(i, 182)),
  jsonb_build_object('cart', floor(5 * power(pg_temp.chance(i, 183), 2))::integer, 'currency', 'EUR'),
  s.started_at, s.started_at + interval '1 minute' * floor(90 * pg_temp.chance(i, 184))
from generate_series(1, 20000) as n, lateral (select n::bigint as i) as numbered
cross join lateral (select current_date::timestamptz - interval '1 second' * floor(5400 + 30 * 86400 * pg_temp.chance(i, 185)) as started_at) as s;

update sessions set data = data || '{"pages": 1}';
update sessions set data = data || '{"pages": 2}';
update sessions set data = data || '{"pages": 3}';

-- name: page_views
-- Fill page_views: the last twelve months and this one, six in ten views by nobody known
insert into page_views (id, viewed_at, customer_id, product_id, path, device, duration_ms, properties)
select row_number() over (order by v.viewed_at, v.i), v.viewed_at,
  case when pg_temp.chance(v.i, 191) < 0.4 then 1 + floor(36000 * power(pg_temp.chance(v.i, 192), 1.7))::integer end,
  page.product_id, page.path, pg_temp.pick('{phone,phone,phone,phone,desktop,desktop,desktop,tablet}', pg_temp.chance(v.i, 193)),
  case when pg_temp.chance(v.i, 194) < 0.9 then 300 + floor(120000 * power(pg_temp.chance(v.i, 195), 4))::integer end,
  case when pg_temp.chance(v.i, 196) < 0.3 then jsonb_build_object('campaign',
    pg_temp.pick('{newsletter,search_ad,social,affiliate}', pg_temp.chance(v.i, 197))) else '{}'::jsonb end
from (
  select i, (first_day + day)::timestamptz + interval '1 second'
    * floor(case when first_day + day = current_date then 3600 else 86399 end * sqrt(pg_temp.chance(i, 198))) as viewed_at
  from generate_series(1, 270000) as n, lateral (select n::bigint as i) as numbered
  cross join (select (date_trunc('month', current_date::timestamp) - interval '12 months')::date as first_day) as f
  cross join lateral (select floor((current_date - first_day + 0.1) * power(pg_temp.chance(i, 199), 0.8))::integer as day) as d
) as v
cross join lateral (select case when pg_temp.chance(v.i, 200) < 0.55
  then 1 + floor(2980 * power(pg_temp.chance(v.i, 201), 1.9))::integer end as product_id) as seen
cross join lateral (select seen.product_id, case when seen.product_id is not null then '/products/' || seen.product_id
  else pg_temp.pick('{/,/,/,/search,/search,/cart,/checkout,/account,/help}', pg_temp.chance(v.i, 202)) end as path) as page
order by 1;
