-- The queue: claim, lease, fence, exchange, dedupe, end.
begin;
select plan(27);

select isnt(postai._job_enqueue('collect', '{"a": 1}', 'collect'), null, 'enqueued');
select is(postai._job_enqueue('collect', '{"a": 2}', 'collect'), null, 'the same work waits already');
select is((select count(*) from postai._job_claim('w1', 30, array['ask'])), 0::bigint, 'another kind is not taken');
create temp table mine as select * from postai._job_claim('w1', 30, array['ask', 'collect']);
select is((select (kind, state, attempt, worker)::text from mine), '(collect,running,1,w1)', 'claimed');
select is((select count(*) from postai._job_claim('w2', 30, array['collect'])), 0::bigint, 'a claimed job is taken');

select ok((select postai._job_renew(id, 1, 60) from mine), 'renewed');
select ok((select not postai._job_renew(id, 2, 60) from mine), 'another attempt may not renew');
select is((select postai._job_exchange(id, 1, '{"type": "explain", "sql": "select 1"}') from mine), 1, 'first exchange');
select is((select postai._job_exchange(id, 1, '{}') from mine), null, 'no second exchange before the reply');
select is((select postai._job_poll(token)::jsonb from mine), '{"type": "explain", "sql": "select 1", "seq": 1}'::jsonb, 'the caller sees it');
select ok((select not postai._job_reply(token, 2, '{}') from mine), 'a reply to another exchange is dropped');
select ok((select postai._job_reply(token, 1, '{"plan": []}') from mine), 'replied');
select is((select l::text from mine, postai._job_look(mine.id, 1) as l), '(running,1,"{""plan"": []}")', 'the agent sees the reply');

-- The worker dies: the lease runs out, the next one takes the job, the first can write no more.
update postai.job set lease_until = clock_timestamp() - interval '1 s';
select is((select attempt from postai._job_claim('w2', 30, array['collect'])), 2, 'taken over');
select ok((select not postai._job_finish(id, 1, '{"type": "answer"}') from mine), 'the dead worker cannot finish');
select is((select count(*) from mine, postai._job_look(mine.id, 1)), 0::bigint, 'nor look');
select ok((select postai._job_finish(id, 2, '{"type": "answer", "answer": {"status": "abstained"}}') from mine), 'the living one can');
select ok((select not postai._job_finish(id, 2, '{"type": "answer"}') from mine), 'once');
select isnt(postai._job_enqueue('collect', '{}', 'collect'), null, 'the key is free again');
select is((select postai._job_poll(token)::jsonb ->> 'type' from mine), 'answer', 'the result is read');
select is((select count(*) from postai.job j, mine where j.id = mine.id), 0::bigint, 'and then gone');

-- A job that kills every worker ends.
update postai.job set attempt = 3, state = 'running', lease_until = clock_timestamp() - interval '1 s';
select is((select count(*) from postai._job_claim('w3', 30, array['collect'])), 0::bigint, 'three attempts are enough');
select is(postai._job_prune(), 1, 'it is ended');
select is((select (state, result #>> '{error,sqlstate}')::text from postai.job), '(failed,PA002)', 'as failed');
update postai.job set finished_at = clock_timestamp() - interval '11 minutes';
select is(postai._job_prune(), 1, 'and removed after ten minutes');

-- Cancelled by its submitter.
select lives_ok($$select postai._job_enqueue('collect', '{}', 'again')$$);
select postai._job_close(token) from postai.job \gset
select is((select state from postai.job), 'cancelled', 'a waiting job is cancelled');

select * from finish();
rollback;
