-- What the pages of the tests' site have to show: psql plays it as the store's owner once postai and its agent are there.
-- A page that needs more data for its test gets it here.
set statement_timeout = '60s';

-- Names and texts of somebody who tries: pages show them as they are and never take them for their own.
create table "<script>alert(1)</script>" (id int primary key, "x' onmouseover='alert(2)" text);
comment on table "<script>alert(1)</script>" is '</code><img src=x onerror="alert(3)"> a table of somebody who tries';
create index "<img src=x onerror=alert(11)>" on "<script>alert(1)</script>" ("x' onmouseover='alert(2)");
create table "<svg onload=alert(12)>" (
  id int constraint "<b onclick=alert(13)>" primary key,
  of_it int constraint "<a href=javascript:alert(14)>" references "<script>alert(1)</script>",
  "</td><script>alert(15)</script>" text default '<script>alert(16)</script>' check (length("</td><script>alert(15)</script>") < 99));
comment on column "<svg onload=alert(12)>".id is '"><iframe src=javascript:alert(17)></iframe>';
create view "<iframe srcdoc='<script>alert(18)</script>'>" as select id as "<script>alert(19)</script>" from "<script>alert(1)</script>";
create function "<script>alert(20)</script>"() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger "<img src=x onerror=alert(21)>" before update on "<svg onload=alert(12)>"
  for each row execute function "<script>alert(20)</script>"();
insert into "<script>alert(1)</script>" values (1, '<b>bold</b>'), (2, '=1+1'), (3, null);

-- Load.
select count(*) from sessions where device = '</script><script>alert(4)</script>';
select c.country, count(*) from orders as o join customers as c on c.id = o.customer_id group by 1;
do $$ begin for i in 1..50 loop perform count(*) from orders where customer_id = i; end loop; end $$;

-- A question, proposals, one of them dismissed, another one applied.
select postai.ask('how many products are there?');
select count(*) from postai.optimize();
select postai.dismiss(min(id), '<i>not now</i>') from postai.proposals where state = 'open';
select postai.migrate('add a column remark text to products') as proposal \gset
select postai.apply(:proposal) as action \gset
call postai.wait(:action);
select postai.migrate('alter table suppliers alter column country type varchar(80)');

-- Statements, a question and a schema change of somebody who tries.
select count(*) /* --><script>alert(30)</script> */ as "<script>alert(31)</script>" from "<script>alert(1)</script>";
select status from postai.answer('how many <script>alert(32)</script> are there?');
select postai.migrate('alter table "<svg onload=alert(12)>" add column "<img src=x onerror=alert(33)>" int');
