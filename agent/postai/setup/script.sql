-- Running a statement that holds a secret: its text must not reach the server's log, pg_stat_statements or the list of
-- sessions. A superuser can silence them; for others the text comes as a parameter and runs inside another statement,
-- which none of them shows as they are set by default.

-- name: hush
-- Silence what writes statements down, as far as this user may.
do $$
declare
  one text[];
begin
  foreach one slice 1 in array array[
    ['pg_stat_statements.track', 'none'], ['pgaudit.log', 'none'], ['log_statement', 'none'], ['log_duration', 'off'],
    ['log_min_duration_statement', '-1'], ['log_min_duration_sample', '-1'], ['log_min_error_statement', 'panic'],
    ['log_transaction_sample_rate', '0']]
  loop
    if exists (select from pg_catalog.pg_settings as s where s.name = one[1]) then
      begin
        perform pg_catalog.set_config(one[1], one[2], true);
      exception
        when insufficient_privilege then
          null;  -- no superuser
      end;
    end if;
  end loop;
end
$$

-- name: hidden_text
-- Hand over the statement.
select pg_catalog.set_config('postai.hidden_text', %s::text, true)

-- name: run_hidden
-- Run it, and forget it.
do $$
begin
  execute pg_catalog.current_setting('postai.hidden_text');
  perform pg_catalog.set_config('postai.hidden_text', '', true);
end
$$

-- name: unhush
-- Let everything be written down again as the session had it.
do $$
declare
  one record;
begin
  for one in
    select s.name, s.reset_val from pg_catalog.pg_settings as s
     where s.name in ('pg_stat_statements.track', 'pgaudit.log', 'log_statement', 'log_duration', 'log_min_duration_statement',
                      'log_min_duration_sample', 'log_min_error_statement', 'log_transaction_sample_rate')
  loop
    begin
      perform pg_catalog.set_config(one.name, one.reset_val, true);
    exception
      when insufficient_privilege then
        null;  -- no superuser
    end;
  end loop;
end
$$
