"""Who may do what to a proposal: the table of transitions and roles, owners' rights, what is never run, the log."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from lifecycle_support import INDEX, Shop, draft, error_of, index_draft, open_shop

from conftest import TestDatabase
from postai.database import connect
from postai.errors import NotPermitted, PostaiError, Refused
from postai.proposals import verbs


@pytest.fixture
def shop(database: TestDatabase) -> Shop:
    return open_shop(database)


@pytest.fixture
def shop18(database18: TestDatabase) -> Shop:
    return open_shop(database18)


# Verb -> call on a proposal {p} with action {a}, and states of proposal (and action) in which it is allowed.
VERBS = {
    "approve": ("postai.approve({p})", {"open", "approved", "failed", "cancelled"}),
    "apply": ("postai.apply({p})", {"open", "approved", "failed", "cancelled"}),
    "dismiss": ("postai.dismiss({p}, 'no')", {"open", "approved", "failed", "cancelled"}),
    "done_by_hand": ("postai.done_by_hand({p}, 'did it')", {"open", "approved", "failed", "cancelled"}),
    "undo": ("postai.undo({p})", {"applied"}),
    "cancel": ("postai.cancel({a})", {"queued", "running"}),
}
STATES = ("open", "approved", "queued", "running", "verifying", "failed", "cancelled", "applied", "dismissed", "undone")


def bring_to(shop: Shop, state: str) -> tuple[int, int]:
    """A proposal and its action in a state."""
    proposal = shop.create(
        draft(("ALTER TABLE shop.item ADD COLUMN weight integer", "ALTER TABLE shop.item DROP COLUMN weight"))
    )
    action = 0
    if state == "approved":
        shop.sql(f"select postai.approve({proposal})", "lc_boss")
    elif state == "dismissed":
        shop.sql(f"select postai.dismiss({proposal}, 'no')", "lc_boss")
    elif state != "open":
        action = shop.apply(proposal)
        if state == "cancelled":
            shop.sql(f"select postai.cancel({action})", "lc_boss")
        elif state in ("running", "verifying", "failed"):
            shop.sql("update postai.action set state = 'running'")
            if state != "running":
                shop.sql("update postai.action set state = 'verifying'")
            if state == "failed":
                shop.sql("update postai.action set state = 'failed', finished_at = now(), error = '{}'")
        elif state in ("applied", "undone"):
            assert shop.run().state == "done"
            if state == "undone":
                action = shop.value(f"select postai.undo({proposal})", "lc_boss")
                assert shop.run().state == "done"
    return proposal, action


@pytest.mark.parametrize("state", STATES)
def test_each_verb_in_each_state_by_each_role(shop18: Shop, state: str) -> None:
    proposal, action = bring_to(shop18, state)
    for verb, (call, allowed) in VERBS.items():
        text = "select " + call.format(p=proposal, a=action)
        for user in ("lc_nobody", "lc_reader", "lc_user", "lc_agent"):
            error = error_of(lambda text=text, user=user: shop18.sql(text, user))
            if user in ("lc_nobody", "lc_agent"):
                assert error.sqlstate == "42501", (verb, user)
            else:
                assert (error.sqlstate, error.diag.message_hint) == ("PA006", f"GRANT postai_operator TO {user};")
        with shop18.database.connect("lc_boss", autocommit=False) as connection:
            try:
                connection.execute(text)
                outcome = None
            except psycopg.Error as error:
                outcome = error.sqlstate
                assert error.diag.message_hint, (verb, state)
            connection.rollback()
        if verb == "cancel" and action == 0:
            assert outcome == "42704"
        else:
            assert outcome == (None if state in allowed else "55000"), (verb, state, outcome)
    assert shop18.problems() == []


def test_transitions_that_do_not_exist_are_refused_for_the_owner_too(shop18: Shop) -> None:
    table = shop18.sql("select subject, from_state, to_state from postai._transitions()")
    done = {(a, b, c) for a, b, c in table}
    proposal, action = bring_to(shop18, "applied")
    for state in ("queued", "running", "verifying", "failed", "cancelled", "regressed"):
        assert ("action", "done", state) not in done
        error = error_of(lambda state=state: shop18.sql(
            f"update postai.action set state = '{state}', finished_at = null where id = {action}"))  # fmt: skip
        assert error.sqlstate == "55000"
    error = error_of(
        lambda: shop18.sql(f"update postai.proposal set state = 'open', outcome = null where id = {proposal}")
    )
    assert error.sqlstate == "55000"
    error = error_of(lambda: shop18.sql("update postai.proposal_step set statement = 'DROP TABLE shop.item'"))
    assert error.sqlstate == "55000"


def test_an_operator_without_the_owners_role_is_refused_with_the_grant(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    for verb in ("approve", "apply"):
        error = error_of(lambda verb=verb: shop.sql(f"select postai.{verb}({proposal})", "lc_stranger"))
        assert (error.sqlstate, error.diag.message_hint) == ("PA006", "GRANT lc_owner TO lc_stranger;")
        through = 'SQL function "_approve"' in (error.diag.context or "")
        assert through is (verb == "approve"), "the message is not lost among those who call"
    create = shop.create(draft("CREATE TABLE shop.other (a int)"))
    error = error_of(lambda: shop.sql(f"select postai.apply({create})", "lc_stranger"))
    assert (error.sqlstate, error.diag.message_hint) == ("PA006", "GRANT lc_owner TO lc_stranger;")
    assert shop.proposal(proposal) == ("open", None)


def test_the_agent_must_be_a_member_of_the_owner(shop: Shop) -> None:
    shop.sql(
        "create role lc_lonely; grant lc_lonely to lc_boss; "
        "create table shop.alone (a int); alter table shop.alone owner to lc_lonely"
    )
    try:
        proposal = shop.create(draft("CREATE INDEX CONCURRENTLY alone_a ON shop.alone (a)"))
        error = error_of(lambda: shop.apply(proposal))
        # Roles are the cluster's: where tests before this one left logins of other agents, the group is named.
        agents = shop.sql("select pg_catalog.array_length(postai._agent_roles(), 1)")
        grantee = "lc_agent" if agents == [(1,)] else "postai_agent"
        assert (error.sqlstate, error.diag.message_hint) == ("PA006", f"GRANT lc_lonely TO {grantee};")
    finally:
        shop.sql("drop owned by lc_lonely; drop role lc_lonely")


def test_what_a_superuser_owns_is_never_changed(shop: Shop) -> None:
    shop.sql("create table shop.root (a int)")
    proposal = shop.create(draft("ALTER TABLE shop.root ADD COLUMN b int"))
    shop.sql("create index root_a on shop.root (a)")
    for one in (proposal, shop.create(draft("REINDEX INDEX CONCURRENTLY shop.root_a"))):
        for who in (None, "lc_stranger"):
            error = error_of(lambda one=one, who=who: shop.sql(f"select postai.apply({one})", who))
            hint = error.diag.message_hint or ""
            assert error.sqlstate == "PA006" and "ALTER TABLE shop.root OWNER TO" in hint
            assert "GRANT" not in hint and "to a plain role" in hint


@pytest.mark.parametrize("who", ["lc_boss", "lc_agent"])
def test_a_right_lost_between_queue_and_run_is_refused_at_the_run(shop: Shop, who: str) -> None:
    shop.apply(shop.create(index_draft()))
    shop.sql(f"revoke lc_owner from {who}")
    try:
        result = shop.run()
    finally:
        shop.sql(f"grant lc_owner to {who}")
    assert result.state == "failed" and result.error is not None
    assert (result.error.sqlstate, result.error.hint) == ("PA006", f"GRANT lc_owner TO {who};")
    assert shop.indexes() == []


def test_an_operator_who_is_none_any_more_is_refused_at_the_run(shop: Shop) -> None:
    shop.apply(shop.create(index_draft()))
    shop.sql("revoke postai_operator from lc_boss")
    try:
        result = shop.run()
    finally:
        shop.sql("grant postai_operator to lc_boss")
    assert result.error is not None and result.error.sqlstate == "PA006" and shop.indexes() == []


FORBIDDEN = (
    "GRANT SELECT ON shop.item TO lc_user",
    "GRANT lc_owner TO lc_user",
    "ALTER ROLE lc_user SUPERUSER",
    "CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'select 1'",
    "CREATE FUNCTION shop.f() RETURNS int LANGUAGE plpython3u AS 'return 1'",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "CREATE EXTENSION dblink",
    "COPY shop.item TO PROGRAM 'cat'",
    "ALTER TABLE shop.item ADD COLUMN a int; GRANT SELECT ON shop.item TO lc_user",
    "DO $$ begin execute 'grant lc_owner to lc_user'; end $$",
    "UPDATE postai.proposal SET state = 'approved'",
    "RESET ROLE",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_what_is_never_applied_is_refused_at_create(shop18: Shop, statement: str) -> None:
    with pytest.raises(Refused):
        shop18.create(draft(statement))
    with pytest.raises(Refused):
        shop18.create(draft(("ALTER TABLE shop.item ADD COLUMN a int", statement)))
    assert shop18.value("select count(*) from postai.proposal") == 0


def by_hand(shop: Shop, statement: str, approve: bool = True) -> None:
    """An approved and queued proposal whose rows a superuser wrote, past every check of SQL and of `create`."""
    with shop.database.connect() as connection:
        connection.execute(
            "insert into postai.proposal (kind, title, why, fingerprint) "
            "values ('x', 'x', 'x', postai._fingerprint('[]'))"
        )
        connection.execute(
            "insert into postai.proposal_step (proposal, step, statement, statement_class, in_transaction, objects)"
            " select max(id), 1, %s, 'ALTER TABLE', true, '[]' from postai.proposal", [statement]
        )  # fmt: skip
        connection.execute(
            "update postai.proposal set state = 'approved', approved_by = 'lc_boss', "
            "approved_digest = postai._digest(id)"
        )
        connection.execute(
            "insert into postai.action  (proposal, kind, requested_by) "
            "select id, 'apply', 'lc_boss' from postai.proposal"
        )


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_what_is_never_applied_is_refused_at_the_run_when_written_by_hand(shop18: Shop, statement: str) -> None:
    by_hand(shop18, statement)
    before = shop18.sql("select rolname, rolsuper from pg_roles where rolname like 'lc_%' order by 1")
    result = shop18.run()
    assert result.state == "failed" and result.error is not None and result.error.sqlstate == "PA003"
    assert shop18.value("select has_table_privilege('lc_user', 'shop.item', 'select')") is False
    assert before == shop18.sql("select rolname, rolsuper from pg_roles where rolname like 'lc_%' order by 1")
    assert shop18.value("select count(*) from pg_proc where pronamespace = 'shop'::regnamespace") == 0


def test_objects_that_a_row_hides_are_found_at_the_run(shop18: Shop) -> None:
    shop18.sql("create table shop.root (a int)")
    by_hand(shop18, "ALTER TABLE shop.root ADD COLUMN b int")
    result = shop18.run()
    assert result.error is not None and result.error.sqlstate == "PA006"


def test_steps_changed_after_the_approval_are_not_run(shop18: Shop) -> None:
    proposal = shop18.create(index_draft())
    shop18.apply(proposal)
    shop18.sql(
        "insert into postai.proposal_step (proposal, step, statement, statement_class, in_transaction, objects) "
        f"values ({proposal}, 2, 'DROP TABLE shop.item', 'DROP TABLE', true, '[]')"
    )
    result = shop18.run()
    assert result.error is not None and result.error.sqlstate == "PA008"
    assert shop18.indexes() == [] and shop18.value("select count(*) from shop.item") == 20000


def test_the_agent_can_neither_approve_nor_queue_nor_rewrite(shop18: Shop) -> None:
    proposal = shop18.create(index_draft())
    for attack in (
        f"update postai.proposal set state = 'approved', approved_by = 'lc_boss' where id = {proposal}",
        f"insert into postai.action (proposal, kind, requested_by) values ({proposal}, 'apply', 'lc_boss')",
        "insert into postai.proposal (kind, title, why, fingerprint, state) values ('x', 'x', 'x', 'x', 'approved')",
        f"select postai._enqueue({proposal}, 'apply')",
        f"select postai._approve({proposal}, true, true)",
        "insert into postai.event (kind, subject, actor) values ('x', 'x', 'lc_boss')",
        "delete from postai.event",
        "update postai.proposal_step set statement = 'DROP TABLE shop.item'",
    ):
        assert error_of(lambda attack=attack: shop18.sql(attack, "lc_agent")).sqlstate == "42501", attack
    error = error_of(
        lambda: shop18.sql(f"update postai.proposal set state = 'approved' where id = {proposal}", "lc_agent")
    )
    assert error.sqlstate == "23514"


def test_a_definer_function_run_by_an_operator_cannot_approve(shop18: Shop) -> None:
    proposal = shop18.create(index_draft())
    shop18.sql(
        "create function shop.trap() returns bigint language sql security definer as "
        f"'select postai.apply({proposal})'; alter function shop.trap() owner to lc_user"
    )
    shop18.sql("grant usage on schema shop to public")
    error = error_of(lambda: shop18.sql("select shop.trap()", "lc_boss"))
    assert error.sqlstate == "PA006" and shop18.proposal(proposal) == ("open", None)


def test_triggers_of_users_need_an_explicit_yes(shop: Shop) -> None:
    shop.sql(
        "create function shop.spy() returns trigger language plpgsql as $$ begin return new; end $$; "
        "alter function shop.spy() owner to lc_user; "
        "create trigger spy before update on shop.item for each row execute function shop.spy()"
    )
    proposal = shop.create(draft("UPDATE shop.item SET note = 'x' WHERE id < 10"))
    error = error_of(lambda: shop.apply(proposal))
    assert error.sqlstate == "PA006" and "accept_triggers => true" in (error.diag.message_hint or "")
    assert "trigger spy on shop.item runs shop.spy() of lc_user" in (error.diag.message_detail or "")
    shop.sql(f"select postai.apply({proposal}, accept_triggers => true)", "lc_boss")
    shop.sql("create or replace function shop.spy() returns trigger language plpgsql as $$ begin return null; end $$")
    result = shop.run()
    assert result.error is not None and result.error.sqlstate == "PA006", "what the function does was changed meanwhile"
    shop.sql(f"select postai.apply({proposal}, accept_triggers => true)", "lc_boss")
    assert shop.run().state == "done"


def test_the_yes_to_triggers_comes_with_a_window_too(shop: Shop) -> None:
    shop.sql(
        "create function shop.spy() returns trigger language plpgsql as $$ begin return new; end $$; "
        "alter function shop.spy() owner to lc_user; "
        "create trigger spy before update on shop.item for each row execute function shop.spy()"
    )
    proposal = shop.create(draft("UPDATE shop.item SET note = 'x' WHERE id < 10"))
    night = {"begins": datetime(2031, 7, 1, 1), "ends": datetime(2031, 7, 1, 3), "recurring": None, "time_zone": "UTC"}
    with connect(shop.database.dsn("lc_boss")) as db:
        with pytest.raises(NotPermitted, match="trigger"):
            verbs.schedule_at(db, proposal, **night)
        over = {**night, "begins": datetime(2020, 1, 1), "ends": datetime(2020, 1, 2)}
        with pytest.raises(PostaiError, match="is over"):
            verbs.schedule_at(db, proposal, **over, accept_triggers=True)
        assert shop.proposal(proposal) == ("open", None), "a yes does not stay where there is no window"
        verbs.schedule_at(db, proposal, **night, accept_triggers=True)
    assert shop.proposal(proposal)[0] == "approved"


def test_evidence_and_details_are_hidden_from_readers(shop18: Shop) -> None:
    proposal = shop18.create(index_draft(evidence={"query": "select secret"}))
    shop18.apply(proposal)
    for user, seen in (("lc_reader", False), ("lc_user", False), ("lc_boss", True)):
        assert (shop18.value("select evidence from postai.proposals", user) is not None) is seen
        assert (
            shop18.value("select detail from postai.events where kind = 'proposal.created'", user) is not None
        ) is seen
    for table in ("proposal", "proposal_step", "action", "event", "event_head"):
        for user in ("lc_reader", "lc_user", "lc_boss"):
            assert error_of(lambda t=table, u=user: shop18.sql(f"select * from postai.{t}", u)).sqlstate == "42501"


def test_the_log_shows_every_kind_of_tampering(shop: Shop) -> None:
    shop.apply(shop.create(index_draft()))
    assert shop.run().state == "done" and shop.problems() == []
    for attack in (
        "update postai.event set actor = 'x' where id = 3",
        "delete from postai.event where id = 3",
        "truncate postai.event",
    ):
        assert error_of(lambda attack=attack: shop.sql(attack)).sqlstate == "55000"
    error = error_of(lambda: shop.sql("set session_replication_role = replica; delete from postai.event"))
    assert error.sqlstate == "55000"
    last = shop.value("select max(id) from postai.event")
    attacks = {
        "update postai.event set actor = 'x' where id = 3": "the event was changed after it was written",
        "update postai.event set at = at + interval '1 us' where id = 3": "the event was changed after it was written",
        "delete from postai.event where id = 3": "an event before this one was removed or put in",
        f"delete from postai.event where id = {last}": "the newest events were removed",
        "delete from postai.event": "the newest events were removed",
        "insert into postai.event (at, kind, subject) values (now() - interval '1 s', 'x', 'x')": (
            "the event is not in the chain"
        ),
    }
    for attack, problem in attacks.items():
        with shop.holding("alter table postai.event disable trigger all", attack) as connection:
            found = connection.execute("select problem from postai._verify_events()").fetchall()
            parts = connection.execute(
                "select v.problem from generate_series(0, 18, 2) as n,"
                " postai._verify_events(n, case when n < 18 then 2 end) as v"
            ).fetchall()
        assert (problem,) in found, attack
        assert sorted(parts) == sorted(found), attack
    assert shop.problems() == []
    with shop.connect("lc_boss") as db:
        assert verbs.verify_events(db, part=2) == verbs.verify_events(db) == []


def test_parallel_writers_make_one_chain(shop: Shop) -> None:
    import threading

    def write() -> None:
        with shop.database.connect() as connection:
            for number in range(20):
                isolation = "set local transaction isolation level repeatable read;" if number % 3 == 0 else ""
                try:
                    connection.execute(f"begin; {isolation} select postai._record_event('a.b', 'x'); commit")
                except psycopg.errors.SerializationFailure:
                    connection.execute("rollback")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shop.problems() == []
    assert shop.value("select count(*) > 40 from postai.event")


def test_the_statement_runs_as_the_owner_and_not_as_the_agent(shop18: Shop) -> None:
    assert INDEX
    shop18.sql("create table shop.who (a text); alter table shop.who owner to lc_owner")
    shop18.apply(shop18.create(draft("INSERT INTO shop.who VALUES (current_user)")))
    result = shop18.run()
    assert result.state == "done", result
    assert shop18.sql("select a from shop.who") == [("lc_owner",)]


def test_the_manual_shows_the_transitions_of_the_sql(shop18: Shop) -> None:
    page = (Path(__file__).parents[2] / "docs" / "lifecycle.md").read_text()
    shown = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in page.splitlines()
        if line.startswith(("| proposal |", "| action |"))
    ]
    assert shown == shop18.sql("select subject, from_state, to_state, verb, role from postai._transitions()")
