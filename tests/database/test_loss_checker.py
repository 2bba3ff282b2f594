"""The loss check sees what it must see, and the faults of the stand are the faults that they are said to be."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from replicate_faults import Death, crash, killed_at, small_disk
from replicate_support import ODD_SKIP, SMALL, PgBouncer, Stand

from conftest import make_database
from loss import Fault, LossClient, LossProcess, Proxy, Record, check, compare

REPOSITORY = Path(__file__).resolve().parents[2]
# What is done to a database that was right, and what must be found then (kind and place, in order).
PLANTED = (
    ("delete from loss.ledger where ticket = (select min(ticket) from loss.ledger)",
     [("invariant", "loss"), ("lost", "loss.ledger")]),
    ("delete from loss.entry where id = (select max(id) from loss.entry)", [("lost", "loss.entry")]),
    ("insert into loss.history select * from loss.history limit 1",
     [("doubled", "loss.history"), ("invariant", "loss")]),
    ("insert into loss.entry (run, client, seq) select run, client, seq from loss.entry limit 1",
     [("doubled", "loss.entry")]),
    ("insert into loss.ledger select run, 99, 1, account, 0, entry, nextval('loss.ticket') from loss.ledger limit 1",
     [("invented", "loss.ledger")]),
    ("update loss.ledger set entry = entry + 1 where ticket = (select min(ticket) from loss.ledger)",
     [("changed", "loss.ledger")]),
    ("update loss.account set balance = balance + 1 where id = 7", [("invariant", "loss")]),
    ("select setval('loss.entry_id_seq', 3)", [("sequence", "loss.entry_id_seq")]),
    ("alter sequence loss.ticket restart", [("sequence", "loss.ticket")]),
    ("update loss.ledger set ticket = (select min(ticket) from loss.ledger) where ticket = "
     "(select min(ticket) + 1 from loss.ledger)", [("changed", "loss.ledger"), ("doubled", "loss.ticket")]),
    ("alter table odd.always alter id restart", [("sequence", "odd.always_id_seq")]),
)  # fmt: skip
DIFFERENT = (
    ("update odd.wide set single = '0' where id = 6", "odd.wide", "1 rows only on the one side, 1 only on the other"),
    ("insert into odd.no_key select * from odd.no_key limit 1", "odd.no_key", "0 rows only on the one side, 1 only"),
    ("select lo_put(7001, 5, '\\x01')", "large objects", "one: ('object 7001'"),
    ("select setval('odd.standalone', 1230)", "odd.standalone", "(1235, True) and (1230, True)"),
    ('drop table "Odd ""Name"""."select"', '"Odd ""Name"""."select"', "only on the one side"),
    ('delete from only "Odd ""Name"""."part 2024 1" where id = (select min(id) from odd.part_2024 as p '
     "where tableoid = '\"Odd \"\"Name\"\"\".\"part 2024 1\"'::regclass)",
     '"Odd ""Name"""."part 2024 1"', "1 rows only"),
)  # fmt: skip


def traffic(address: str | Path, commits: int = 40, **changes: Any) -> Record:
    """The record of a short quiet run."""
    with LossClient(address, SMALL, **changes) as client:
        client.wait_for(commits)
    return client.record


def kinds(faults: tuple[Fault, ...]) -> list[tuple[str, str]]:
    return sorted({(fault.kind, fault.where) for fault in faults})


def test_nothing_is_found_where_nothing_is_wrong_and_everything_that_is_planted(stand: Stand) -> None:
    record = traffic(stand.source_dsn("odd_app"))
    assert record.failures == [] and check(record, stand.source_dsn()) == ()
    with psycopg.connect(stand.source_dsn()) as connection:
        for damage, expected in PLANTED:
            connection.execute(damage)
            connection.commit()
            assert kinds(check(record, stand.source_dsn())) == expected, damage
            restore(connection, record)
            assert check(record, stand.source_dsn()) == (), damage


def restore(connection: psycopg.Connection[Any], record: Record) -> None:
    """Undo what was planted, from what the clients remember."""
    run = record.run
    connection.execute("delete from loss.ledger where client = 99")
    connection.execute("update loss.account set balance = balance - 1 where id = 7 and balance <> "
                       "(select coalesce(sum(delta), 0) from loss.history where account = 7)")  # fmt: skip
    for one in record.commits:
        connection.execute(
            "insert into loss.ledger values (%s, %s, %s, %s, %s, %s, %s) on conflict on constraint ledger_pkey "
            "do update set entry = excluded.entry, ticket = excluded.ticket",
            (run, one.client, one.seq, one.account, one.delta, one.entry, one.ticket),
        )
        connection.execute("insert into loss.entry values (%s, %s, %s, %s) on conflict do nothing",
                           (one.entry, run, one.client, one.seq))  # fmt: skip
    connection.execute("delete from loss.entry as e where exists (select from loss.entry as f where "
                       "(e.run, e.client, e.seq) = (f.run, f.client, f.seq) and f.id < e.id)")  # fmt: skip
    connection.execute("delete from loss.history as h where exists (select from loss.history as g where "
                       "(h.run, h.client, h.seq) = (g.run, g.client, g.seq) and g.ctid < h.ctid)")  # fmt: skip
    for sequence in ("loss.entry_id_seq", "loss.ticket", "odd.always_id_seq"):
        connection.execute(f"select setval('{sequence}', 100000)")
    connection.commit()


def test_a_transaction_in_doubt_may_be_there_or_not(stand: Stand) -> None:
    record = traffic(stand.source_dsn("odd_app"), 10)
    last = record.commits.pop()
    dsn = stand.source_dsn()
    assert {fault.kind for fault in check(record, dsn)} == {"invented"}
    record.unknown.append((last.client, last.seq))
    assert check(record, dsn) == ()
    for table in ("ledger", "entry", "history"):
        stand.source.execute(f"delete from loss.{table} where client = {last.client} and seq = {last.seq}")
    assert kinds(check(record, dsn)) == [("invariant", "loss")]


def test_a_commit_that_comes_after_its_client_gave_up_is_counted_once(stand: Stand) -> None:
    """The ledger does not have it when the client asks, and refuses it when the client repeats it."""
    stand.source.execute("""
        create function loss.slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.3); return null; end';
        create constraint trigger slow after insert on loss.ledger deferrable initially deferred
            for each row execute function loss.slow()""")
    with LossClient(stand.source_dsn("odd_app"), replace(SMALL, patience=0.2)) as client:
        client.wait_for(4)
    window = client.record.window()
    assert window.in_doubt >= 4 and window.fatal == {} and "23505" in window.errors
    assert all(one.ticket is None for one in client.record.commits[:4])
    assert check(client.record, stand.source_dsn()) == ()


def test_two_sides_are_compared_row_for_row(stand: Stand) -> None:
    traffic(stand.source_dsn("odd_app"), 10)
    other = make_database(stand.source_server, stand.source.name)
    assert compare(stand.source_dsn(), other.dsn()) == ()
    for damage, _, _ in DIFFERENT:
        with psycopg.connect(other.dsn(), autocommit=True) as connection:
            connection.execute(damage)
    found = {fault.where: fault for fault in compare(stand.source_dsn(), other.dsn(), ODD_SKIP)}
    for _, where, what in DIFFERENT:
        assert what in found.pop(where).what, where
    assert set(found) == {'"Odd ""Name"""."Seq ""1"""'}, found  # went with its table


def test_the_same_by_hand(stand: Stand, tmp_path: Path) -> None:
    address, saved = tmp_path / "address", tmp_path / "record.json"
    address.write_text(stand.source_dsn("odd_app"))
    program = (sys.executable, "-m", "tests.loss")
    run = (*program, "run", "--address", address, "--record", saved, "--seconds", "0.3", "--branches", "5",
           "--accounts", "100", "--clients", "2")  # fmt: skip
    assert '"fatal": {}' in subprocess.check_output(run, cwd=REPOSITORY, text=True)
    ask = (*program, "check", "--record", saved, "--dsn", stand.source_dsn())
    assert subprocess.check_output(ask, cwd=REPOSITORY, text=True) == "nothing lost, nothing invented\n"
    stand.source.execute("delete from loss.history where client = 0 and seq = 1")
    told = subprocess.run(ask, cwd=REPOSITORY, text=True, stdout=subprocess.PIPE, check=False)
    assert told.returncode == 1 and "lost: loss.history: client 0, transaction 1\n" in told.stdout


def test_a_server_that_is_killed_loses_nothing_and_the_clients_go_on(stand: Stand) -> None:
    stand.source.execute("checkpoint")
    with LossClient(stand.source_dsn("odd_app"), SMALL) as client:
        client.wait_for(30)
        with client.window() as seen:
            crash(stand.source_server)
            stand.source_server.start()
            client.wait_for(30)
    assert seen().fatal == {} and seen().errors
    assert check(client.record, stand.source_dsn()) == ()


def test_without_a_proxy_clients_follow_the_file_and_meet_only_what_can_be_repeated(
    stand: Stand, tmp_path: Path
) -> None:
    other = make_database(stand.source_server, stand.source.name)
    address = tmp_path / "address"
    address.write_text(stand.source_dsn("odd_app"))
    with LossClient(address, SMALL) as client:
        client.wait_for(20)
        stand.source.execute(f'alter database "{stand.source.name}" set default_transaction_read_only = on')
        stand.source.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'loss'")
        time.sleep(0.05)
        before = client.acknowledged()
        address.write_text(other.dsn("odd_app"))
        client.wait_for(20)
    window = client.record.window()
    assert window.fatal == {} and set(window.errors) <= {"57P01", "25006", "lost", "connect"}
    # They went on elsewhere, and nothing had been moved: each side misses the other's.
    assert len({f.what for f in check(client.record, other.dsn()) if f.where == "loss.ledger"}) == before
    stand.source.execute(f'alter database "{stand.source.name}" reset default_transaction_read_only')
    missing = [f for f in check(client.record, stand.source_dsn()) if f.where == "loss.ledger"]
    assert len(missing) == len(client.record.commits) - before and {f.kind for f in missing} == {"lost"}


def test_pgbouncer_holds_clients_while_it_pauses(stand: Stand, bouncer: PgBouncer) -> None:
    bouncer.point_at(stand.source)
    with LossClient(bouncer.dsn(), SMALL) as client:
        client.wait_for(20)
        with client.window() as seen:
            bouncer.admin("PAUSE app")
            time.sleep(0.2)
            bouncer.admin("RESUME app")
            client.wait_for(20)
    assert seen().errors == {} and 0.2 <= seen().gap < 2.0 and seen().slowest >= 0.2
    assert check(client.record, stand.source_dsn()) == ()


def test_the_wire(stand: Stand) -> None:
    """The client of a wire that is cut hears of it; of one that swallows it learns by its own patience."""
    faults: tuple[tuple[Callable[[Proxy], None], str], ...] = (
        (Proxy.cut, "connect"), (Proxy.black_hole, "timeout"), (lambda wire: wire.half_open("server"), "timeout"),
        (lambda wire: wire.black_hole("to_client"), "timeout"),
    )  # fmt: skip
    with (
        Proxy("127.0.0.1", stand.source_server.port) as wire,
        LossClient(stand.source_dsn("odd_app", wire.port), replace(SMALL, clients=2, patience=1.0)) as client,
    ):
        client.wait_for(10)
        for fault, noticed in faults:
            with client.window() as seen:
                fault(wire)
                end = time.monotonic() + 20
                while noticed not in seen().errors:
                    assert time.monotonic() < end, (noticed, seen())
                    time.sleep(0.02)
                wire.restore()
                client.wait_for(10)
            assert seen().fatal == {} and noticed in seen().errors, (noticed, seen())
            assert "timeout" not in seen().errors or noticed == "timeout"
    assert check(client.record, stand.source_dsn()) == ()


def test_a_slow_wire() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, Proxy(*listener.getsockname()) as wire:
        wire.latency(0.05)
        with socket.create_connection(("127.0.0.1", wire.port)) as client:
            server, _ = listener.accept()
            with server:
                began = time.monotonic()
                client.sendall(b"x")
                assert server.recv(1) == b"x" and time.monotonic() - began >= 0.05
                wire.restore()
                wire.bandwidth(1e6)
                began = time.monotonic()
                client.sendall(b"y" * 100_000)
                received = 0
                while received < 100_000:
                    received += len(server.recv(65536))
                assert time.monotonic() - began >= 0.03


def test_tls_is_verified_in_full(secure_stand: Stand) -> None:
    with psycopg.connect(secure_stand.secure_dsn()) as connection:
        assert connection.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").fetchone() == (True,)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(f"{secure_stand.source_dsn()} sslmode=disable")
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(secure_stand.secure_dsn().partition("sslrootcert")[0] + "sslrootcert=system")


def test_a_small_disk_is_full_until_it_is_enlarged(stand: Stand) -> None:
    with small_disk(stand.target, 2) as disk:
        fill = "create table t as select repeat(md5(i::text), 20) from generate_series(1, 10000) as i"
        with pytest.raises(psycopg.errors.DiskFull):
            stand.target.execute(fill)
        disk.enlarge(50)
        stand.target.execute(fill)


def steps(on_step: Callable[[str, str | None], None], *, first: str) -> None:
    for name in (first, "second"):
        on_step(name, None)


def test_a_child_dies_at_the_boundary_that_is_wanted() -> None:
    this = f"{Path(__file__).stem}:steps"
    assert killed_at("second", this, first="a") == Death(killed=True, steps=("a", "second"))
    assert killed_at(3, this, first="a") == Death(killed=False, steps=("a", "second"))


def test_the_stand_sees_what_is_left_behind(reverse_stand: Stand) -> None:
    stand = reverse_stand
    before = stand.source.schema_text()
    assert "GENERATED ALWAYS AS IDENTITY" in before and stand.leftovers() == []
    stand.source.execute("create publication postai_1_fwd for table odd.parent")
    stand.source.execute("select pg_create_logical_replication_slot('postai_1_fwd', 'pgoutput')")
    assert stand.leftovers() == ["source: publication postai_1_fwd", "source: slot postai_1_fwd"]
    assert stand.source.schema_text() != before


def test_clients_in_a_process_of_their_own(stand: Stand) -> None:
    with LossProcess(stand.source_dsn("odd_app"), SMALL) as client:
        began = time.monotonic()
        time.sleep(0.3)
    assert client.record.window(began, began + 0.3).commits > 10
    assert check(client.record, stand.source_dsn()) == ()
