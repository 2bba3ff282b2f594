-- What agents, edges and drivers of moves write into a home database, for pages that show it: run as its superuser.
-- A move that stands still, so that the tests' agent does not drive it: its source is on no list of connections.
insert into postai.replication (name, source, target, method, state, resume_state, serving, lag_bytes, lag_seconds, verified_at, verified, error, requested_by)
  values ('to-here', 'legacy', 'here', 'native', 'failed', 'catching_up', 'source', 18432, 0.4, now() - interval '20 min',
          '{"equal": true, "mode": "settling"}',
          '{"sqlstate": "08001", "message": "nobody answers at <b>legacy</b>", "detail": null, "hint": "Start its server."}', 'olga');
insert into postai.replication_table
  select m.id, t, 'catching_up', 12000, 811008, 12000, 811008, null, 'equal'
    from postai.replication as m, unnest(array['public.orders', 'public."<script>alert(1)</script>"']) as t;
insert into postai.replication_event (replication_id, state, step, level, what)
  select m.id, 'copying', 'copied', 'note', '2 tables in 1 s' from postai.replication as m
  union all select m.id, 'failed', null, 'error', 'nobody answers at <b>legacy</b>' from postai.replication as m;

select postai._edge_report('edge-fra:6432', '{"version": "0.2.0", "region": "eu-central-1", "address": "10.0.1.5:6432", "processes": 2,
  "cache": {"hits": 182340, "stored": 912}, "nodes": [
    {"name": "db-fra", "region": "eu-central-1", "role": "primary", "latency_ms": 0.8, "behind_seconds": 0, "problem": null},
    {"name": "db-syd", "region": "ap-southeast-2", "role": "down", "latency_ms": null, "behind_seconds": null, "problem": "connection refused"}]}');
select postai._edge_report('edge-office:6432', '{"version": "0.2.0", "region": "<i>office</i>", "address": "192.168.1.5:6432", "nodes": []}');

-- A team; roles stay with the server, and another shop of it may have made it.
do $$ begin
  if to_regrole('web_crew') is null then
    create role web_crew;
  end if;
end $$;
comment on role web_crew is 'Those at the <b>counter</b>';
grant postai_user to web_crew;
grant web_crew to shopkeeper;

-- A role of somebody who tries: what it does is told with its name.
do $$ begin
  if to_regrole('"<img src=x onerror=alert(40)>"') is null then create role "<img src=x onerror=alert(40)>" login password '<img src=x onerror=alert(40)>'; end if;
end $$;
grant postai_operator to "<img src=x onerror=alert(40)>";
grant select on "<script>alert(1)</script>" to "<img src=x onerror=alert(40)>" with grant option;
create policy "<script>alert(41)</script>" on "<script>alert(1)</script>" for select to "<img src=x onerror=alert(40)>" using (id > 0);
select postai.edge_rule('of_mallory', user_name => '<img src=x onerror=alert(43)>', route => 'replica');
