-- The web shop on which ordinary and hostile statements are tried.
create type mood as enum ('sad', 'happy');
create domain amount as numeric(12, 2) check (value >= 0 and value::text ~ '^[0-9.]+$');
create table customers (
  id int generated always as identity primary key, name varchar(80) not null, email text, country char(2),
  created_at timestamptz not null default now(), attributes jsonb not null default '{}', tags text[] not null default '{}',
  feeling mood, search tsvector generated always as (to_tsvector('simple', name)) stored, home inet, key uuid
);
create table orders (
  id bigint generated always as identity primary key, customer_id int references customers, total amount,
  status text not null, placed_at timestamptz not null, day date, during tstzrange, lines jsonb, note xml, photo bytea,
  version int default 1
);
create index on orders (lower(status)) where total > 10;
create index on customers using gin (attributes);
create statistics s on (lower(status)), (total * 2) from orders;
create table events (id bigint, at timestamptz not null, what text, check (what <> '')) partition by range (at);
create table events_new partition of events for values from ('2025-01-01') to ('2100-01-01');
create table events_old partition of events default;
create table employees (id int primary key, boss int references employees, name text);
create view big_orders as
  select o.id, c.name, o.total, rank() over (partition by o.customer_id order by o.total desc) as place
  from orders o join customers c on c.id = o.customer_id where o.total > 100 and o.status in ('paid', 'sent');
create view biggest as select * from big_orders where place = 1;
create materialized view daily as select day, sum(total) as total from orders group by day;
create sequence counter;
alter table customers enable row level security;
create policy own on customers using (current_setting('app.tenant', true) is null or pg_has_role('pg_read_all_data', 'member'));
create function order_total(orders) returns numeric language sql stable as 'select $1.total';
create function label(customers) returns text language sql stable as 'select $1.name';
insert into customers (name, email, country) values ('Ann', 'ann@example.org', 'DE'), ('Bob', null, 'FR');
insert into orders (customer_id, total, status, placed_at, day) select 1 + g % 2, g * 10, 'paid', now(), current_date from generate_series(1, 20) g;
analyze;
