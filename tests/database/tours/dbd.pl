# A tour of DBD::Pg: perl dbd.pl HOST PORT USER PASSWORD DATABASE TYPES MAKE ERROR...
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:async);

my ($host, $port, $user, $password, $database, $types, $make, @errors) = @ARGV;
my $one = DBI->connect("dbi:Pg:host=$host;port=$port;dbname=$database", $user, $password,
    { RaiseError => 1, PrintError => 0, AutoCommit => 1 });
sub tell_row { print join('|', map { !defined $_ ? 'null' : ref $_ ? join(',', @$_) : $_ } @_), "\n" }

tell_row($one->selectrow_array($types));
$one->do($_) for split /; /, $make;
$one->do('copy tour from stdin');
$one->pg_putcopydata("$_\trow $_\n") for 0 .. 499;
$one->pg_putcopyend();
$one->do('copy (select * from tour order by a) to stdout');
my $line;
print $line while $one->pg_getcopydata($line) >= 0;
my $find = $one->prepare('select b from tour where a = ?', { pg_server_prepare => 1 });
for my $n (0 .. 7) { $find->execute($n); tell_row(map { @$_ } @{ $find->fetchall_arrayref }) }
$one->begin_work;
$one->do("update tour set b = 'changed' where a < 3");
tell_row(map { @$_ } @{ $one->selectall_arrayref('select * from tour order by a limit 4') });
$one->rollback;
for my $sql (@errors) {
    eval { $one->do($sql) };
    tell_row($one->state, $one->errstr);
}
$one->do('select pg_sleep(20)', { pg_async => PG_ASYNC });
select undef, undef, undef, 0.3;
tell_row($one->pg_cancel ? 'cancelled' : 'not cancelled');
tell_row($one->selectrow_array('select count(*) from tour'));
$one->do('listen tour');
$one->do("notify tour, 'hello'");
my $heard = $one->pg_notifies;
tell_row($heard->[0], $heard->[2]);
$one->disconnect;
