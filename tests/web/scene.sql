-- What the pages of the tests' site have to show: psql plays it as the store's owner once postai and its agent are there.
-- A page that needs more data for its test gets it here.
set statement_timeout = '60s';

-- Names and texts of somebody who tries: pages show them as they are and never take them for their own.
create table "<script>alert(1)</script>" (id int primary key, "x' onmouseover='alert(2)" text);
comment on table "<script>alert(1)</script>" is '</code><img src=x onerror="alert(3)"> a table of somebody who tries';
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
