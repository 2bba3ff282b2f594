<?php
// A tour of PHP's two drivers: php php.php HOST PORT USER PASSWORD DATABASE TYPES MAKE ERROR...
[, $host, $port, $user, $password, $database, $types, $make] = $argv;
$errors = array_slice($argv, 8);
function tell($what) { echo json_encode($what, JSON_PARTIAL_OUTPUT_ON_ERROR), "\n"; }

$one = new PDO("pgsql:host=$host;port=$port;dbname=$database", $user, $password);
$one->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
tell($one->query(str_replace("'\\x00ff'::bytea", "'-'", $types))->fetch(PDO::FETCH_NUM));
foreach (explode('; ', $make) as $sql) $one->exec($sql);
$one->pgsqlCopyFromArray('tour', array_map(fn($n) => "$n\trow $n\n", range(0, 499)));
tell($one->pgsqlCopyToArray('tour'));
$find = $one->prepare('select b from tour where a = ?');
for ($n = 0; $n < 8; $n++) { $find->execute([$n]); tell($find->fetchAll(PDO::FETCH_NUM)); }
$one->beginTransaction();
$one->exec("update tour set b = 'changed' where a < 3");
tell($one->query('select * from tour order by a limit 4')->fetchAll(PDO::FETCH_NUM));
$one->rollBack();
foreach ($errors as $sql)
    try { $one->exec($sql); } catch (PDOException $error) { tell([$error->getCode(), $error->getMessage()]); }
$one->exec('listen tour');
$one->exec("notify tour, 'hello'");
$heard = $one->pgsqlGetNotify(PDO::FETCH_ASSOC, 5000);
tell([$heard['message'], $heard['payload']]);
$one = null;

$two = pg_connect("host=$host port=$port dbname=$database user=$user password=$password");
tell(pg_fetch_row(pg_query($two, $types)));
pg_copy_from($two, 'tour', array_map(fn($n) => "$n\trow $n\n", range(500, 600)));
tell(pg_copy_to($two, 'tour'));
pg_prepare($two, 'find', 'select b from tour where a = $1');
for ($n = 0; $n < 8; $n++) tell(pg_fetch_all(pg_execute($two, 'find', [$n])));
tell(pg_fetch_all(pg_query_params($two, 'select $1::int + 1 as a, $2::text as b', [7, "x'"])));
foreach ($errors as $sql) {
    pg_send_query($two, $sql);
    $result = pg_get_result($two);
    tell([pg_result_error_field($result, PGSQL_DIAG_SQLSTATE), pg_result_error_field($result, PGSQL_DIAG_STATEMENT_POSITION)]);
    while (pg_get_result($two));
}
pg_send_query($two, 'select pg_sleep(20)');
usleep(300000);
$begun = microtime(true);
tell([pg_cancel_query($two), microtime(true) - $begun < 10]);
tell(pg_fetch_row(pg_query($two, 'select count(*) from tour')));
