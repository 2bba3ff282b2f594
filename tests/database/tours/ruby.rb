# A tour of ruby-pg: ruby ruby.rb HOST PORT USER PASSWORD DATABASE TYPES MAKE ERROR...
require 'pg'

host, port, user, password, database, types, make, *errors = ARGV
one = PG.connect(host: host, port: port, user: user, password: password, dbname: database)
p one.exec(types).values, one.exec_params(types, [], 1).values
make.split('; ').each { |sql| one.exec(sql) }
one.copy_data('copy tour from stdin') { 500.times { |n| one.put_copy_data("#{n}\trow #{n}\n") } }
one.copy_data('copy (select * from tour order by a) to stdout') { while (row = one.get_copy_data) do p row end }
one.prepare('find', 'select b from tour where a = $1')
8.times { |n| p one.exec_prepared('find', [n]).values }
p one.describe_prepared('find').paramtype(0)
begin
  one.transaction do
    one.exec("update tour set b = 'changed' where a < 3")
    p one.exec('select * from tour order by a limit 4').values
    raise PG::RollbackTransaction if defined?(PG::RollbackTransaction)
    raise 'undone'
  end
rescue RuntimeError => error
  p error.message
end
errors.each do |sql|
  begin
    one.exec(sql)
  rescue PG::Error => error
    p [error.class, error.message, error.result && error.result.error_field(PG::Result::PG_DIAG_SQLSTATE)]
  end
end
one.enter_pipeline_mode
3.times { |n| one.send_query_params('select b from tour where a = $1', [n]) }
one.pipeline_sync
3.times { p one.get_result.values; one.get_result }
one.get_result
one.exit_pipeline_mode
begin
  one.copy_data('copy tour from stdin') { one.put_copy_data("not a number\n") }
rescue PG::Error => error
  p error.class
end
one.send_query('select pg_sleep(20)')
sleep 0.3
p one.cancel
begin
  one.get_last_result
rescue PG::Error => error
  p error.class
end
p one.exec('select count(*) from tour').values
one.exec('listen tour')
one.exec("notify tour, 'hello'")
one.wait_for_notify(5) { |channel, _pid, payload| p [channel, payload] }
one.close
