-- A lending library, neglected: primary keys only, and an index that a better one would replace.
create extension if not exists pg_trgm;
create schema lib;
create table lib.branch (id int primary key, name text not null);
create table lib.reader (
    id bigint primary key, email text not null, name text not null, city text not null, sponsor bigint,
    seen timestamptz not null, prefs jsonb not null, address inet not null);
create table lib.loan (
    id bigint primary key, reader bigint not null, book int not null, state text not null, due timestamptz not null,
    fee numeric(8, 2) not null, token uuid not null, tags text[] not null, remark text not null, spell tstzrange not null,
    lost boolean not null);
create table lib.visit (id bigint not null, reader bigint not null, at timestamptz not null, gate int not null)
    partition by range (at);
create table lib.visit_old partition of lib.visit for values from (minvalue) to ('2024-01-20');
create table lib.visit_new partition of lib.visit for values from ('2024-01-20') to (maxvalue);
create table lib.copy (id bigint primary key, book int not null references lib.branch);
create view lib.late as select l.id, l.reader, r.email, l.due from lib.loan l join lib.reader r on r.id = l.reader
    where l.state = 'late';

insert into lib.branch select i, 'Branch ' || i from generate_series(1, 60) i;
insert into lib.reader
select i, case i % 2 when 0 then 'Reader' else 'reader' end || i || '@example.net', 'name ' || md5(i::text), 'city ' || i % 400,
       case when i % 50 = 0 then i / 50 end, '2024-01-01'::timestamptz + i * interval '1 minute',
       jsonb_build_object('lang', (array['en', 'fi', 'sv'])[1 + i % 3], 'club', i % 997),
       ('10.' || i % 250 || '.' || i % 199 || '.' || i % 251)::inet
  from generate_series(1, 30000) i;
insert into lib.loan
select i, 1 + i * 7919 % 300, 1 + i % 60, case when i % 200 = 0 then 'late' when i % 300 = 7 then 'kept' else 'back' end,
       '2024-01-01'::timestamptz + (i * 7907 % 60000) * interval '1 minute', (i * 31 % 10007) / 10.0, md5(i::text)::uuid,
       array['t' || i % 11, 't' || i % 900], md5((i % 5000)::text) || case when i % 4000 = 1 then ' torn page' else '' end,
       tstzrange('2024-01-01'::timestamptz + i * interval '1 minute', '2024-01-02'::timestamptz + i * interval '1 minute'),
       i % 500 = 3
  from generate_series(1, 60000) i;
insert into lib.visit select i, 1 + i * 7 % 30000, '2024-01-01'::timestamptz + i * interval '1 minute', i % 4
  from generate_series(1, 60000) i;
insert into lib.copy select i, 1 + i % 60 from generate_series(1, 20000) i;
create index loan_reader_idx on lib.loan (reader);
vacuum analyze;
