"""The job front against a real queue: claimed once, fenced, exchanged, cancelled, watched."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agent_support import PATIENCE, agent_dsn, install_postai, wait_for

from conftest import TestDatabase
from postai.ask.types import Answer
from postai.database import ConnectionFailed, Pool
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.service.conversation import Outcome, There
from postai.service.frames import AskFrame, answer_message, error_message
from postai.service.jobs import JobQueue


class Answering:
    """Answers "echo TEXT", "explain SQL", "block" (until cancelled)."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.release = threading.Event()
        self.cancelled = threading.Event()
        self.cancelled_backends: list[int] = []
        self.answered: list[str] = []

    def respond(self, frame: AskFrame, there: There, deadline: Deadline) -> Outcome:
        word, _, rest = frame.question.partition(" ")
        try:
            if word == "block":
                self.started.set()
                while not self.release.is_set():
                    if deadline.cancel.wait(0.01):
                        self.cancelled.set()
                    deadline.check()
            if word == "explain":
                said = there.explain(rest, None)
                rest = said.error.message if said.error else json.dumps(said.plan)
        except PostaiError as error:
            if deadline.cancel.is_set():
                self.cancelled.set()
            return Outcome(error_message(frame.id, error.as_parts()))
        self.answered.append(frame.id)
        return Outcome(answer_message(frame.id, Answer("answered", rest, "", 1.0, "grammar"), 1), 1.0)

    def cancel_backend(self, frame: AskFrame) -> None:
        self.cancelled_backends.append(frame.pid)


class Caller:
    """Submits questions the way the SQL functions do, in the name of a session that is busy waiting."""

    def __init__(self, database: TestDatabase) -> None:
        self.connection = database.connect()
        self.database = database.name
        self.waiting = database.connect(application_name="waiting")
        self.pid = self.waiting.info.backend_pid
        self.thread = threading.Thread(target=self._wait)
        self.thread.start()
        active = "select exists (select from pg_stat_activity where pid = %s and state = 'active')"
        wait_for(lambda: self.value(active, self.pid))

    def _wait(self) -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            self.waiting.execute("select pg_sleep(3600)")

    def leave(self) -> None:
        """The waiting statement ends."""
        self.value("select pg_cancel_backend(%s)", self.pid)
        self.thread.join(PATIENCE)

    def close(self) -> None:
        self.leave()
        self.waiting.close()
        self.connection.close()

    def value(self, sql: str, *params: object) -> Any:
        row = self.connection.execute(sql, params or None).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None

    def submit(self, question: str, **changes: object) -> str:
        token = str(uuid.uuid4())
        request = {
            "v": 1, "id": token, "type": "ask", "verb": "sql", "question": question, "session_user": "postgres",
            "role": "postgres", "search_path": [], "database": self.database, "max_rows": 10, "deadline_ms": 60000,
            "pid": self.pid, "backend_start": "", "query_start": "", **changes,
        }  # fmt: skip
        self.value(
            "with j as (insert into postai.job (token, kind, request) values (%s, 'ask', %s::jsonb) returning id)"
            " select pg_notify('postai_job', id::text) from j",
            token,
            json.dumps(request),
        )
        return token

    def poll(self, token: str) -> dict[str, Any]:
        def frame() -> Any:
            text = self.value("select postai._job_poll(%s)", token)
            return json.loads(text) if text else None

        result: dict[str, Any] = wait_for(frame)
        return result

    def job(self, token: str) -> tuple[Any, ...] | None:
        return self.connection.execute(
            "select state, attempt, result from postai.job where token = %s", (token,)
        ).fetchone()


@pytest.fixture
def answering() -> Answering:
    return Answering()


@pytest.fixture
def caller(database: TestDatabase) -> Iterator[Caller]:
    install_postai(database, "call")
    one = Caller(database)
    yield one
    one.close()


@pytest.fixture
def pool(caller: Caller, database: TestDatabase, tmp_path: Path) -> Iterator[Pool]:
    with Pool(agent_dsn(database.server, database.name, tmp_path), max_size=12) as one:
        yield one


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as one:
        yield one


@pytest.fixture
def jobs(pool: Pool, threads: ThreadPoolExecutor, answering: Answering) -> Iterator[JobQueue]:
    one = make(pool, threads, answering)
    one.begin()
    yield one
    one.stop(Deadline.after(5))


def make(
    pool: Pool, threads: ThreadPoolExecutor, answering: Answering, worker: str = "first", most: int = 4
) -> JobQueue:
    return JobQueue("home", pool, threads, most=most, asked=answering, worker=worker)


def test_questions_are_answered_each_once(jobs: JobQueue, caller: Caller, answering: Answering) -> None:
    tokens = [caller.submit(f"echo {number}") for number in range(30)]
    jobs.wake("")
    for number, token in enumerate(tokens):
        assert caller.poll(token)["answer"]["sql"] == str(number)
    assert sorted(answering.answered) == sorted(tokens)


def test_the_caller_explains(jobs: JobQueue, caller: Caller) -> None:
    token = caller.submit("explain select 1")
    jobs.wake("")
    frame = caller.poll(token)
    assert (frame["type"], frame["sql"], frame["id"]) == ("explain", "select 1", token)
    reply = {"v": 1, "id": token, "type": "explained", "plan": [{"Plan": {}}]}
    assert caller.value("select postai._job_reply(%s, %s, %s::jsonb)", token, frame["seq"], json.dumps(reply))
    assert json.loads(caller.poll(token)["answer"]["sql"]) == [{"Plan": {}}]


def test_a_malformed_request_ends_the_job_with_an_error(jobs: JobQueue, caller: Caller) -> None:
    token = caller.submit("echo", verb="drop")
    jobs.wake("")
    assert caller.poll(token)["error"]["sqlstate"] == "08P01"


@pytest.mark.parametrize("question", ["block", "explain select 1"])
def test_a_caller_who_cancels_ends_the_work(
    jobs: JobQueue, caller: Caller, answering: Answering, question: str
) -> None:
    token = caller.submit(question)
    jobs.wake("")
    if question == "block":
        assert answering.started.wait(PATIENCE)
    else:
        assert caller.poll(token)["type"] == "explain"
    identity = caller.value("select id from postai.job where token = %s", token)
    caller.value("select postai._job_close(%s)", token)
    jobs.wake(str(identity))
    assert answering.cancelled.wait(PATIENCE)
    jobs.stop(Deadline.after(5))
    job = caller.job(token)
    assert job is not None and job[0] == "cancelled" and job[2] is None


def test_a_caller_whose_statement_ends_is_noticed(jobs: JobQueue, caller: Caller, answering: Answering) -> None:
    caller.submit("block")
    jobs.wake("")
    assert answering.started.wait(PATIENCE)
    assert not answering.cancelled.wait(1.2)
    caller.leave()
    assert answering.cancelled.wait(PATIENCE)


def test_a_job_that_was_taken_over_is_not_written(pool: Pool, threads: ThreadPoolExecutor, caller: Caller) -> None:
    first, second = Answering(), Answering()
    slow, other = make(pool, threads, first, most=1), make(pool, threads, second, "second")
    token = caller.submit("block first")
    slow.begin()
    assert first.started.wait(PATIENCE)
    slow.end()
    # Its lease runs out while it does not notice (as after a pause of the whole machine).
    caller.connection.execute(
        "update postai.job set lease_until = now() - interval '1 s', request = request || %s::jsonb",
        (json.dumps({"question": "echo second"}),),
    )
    other.begin()
    assert caller.poll(token)["answer"]["sql"] == "second"
    first.release.set()
    slow.stop(Deadline.after(5))
    other.stop(Deadline.after(5))
    assert second.answered == [token]


def test_a_long_job_keeps_its_lease(jobs: JobQueue, caller: Caller, answering: Answering) -> None:
    token = caller.submit("block")
    jobs.wake("")
    assert answering.started.wait(PATIENCE)
    caller.connection.execute("update postai.job set lease_until = now() + interval '1 s'")
    renewed = "select lease_until > now() + interval '3 s' from postai.job where token = %s"
    wait_for(lambda: caller.value(renewed, token))
    answering.release.set()
    assert caller.poll(token)["type"] == "answer"


def test_a_statement_over_ask_timeout_is_reported_once(jobs: JobQueue, caller: Caller, answering: Answering) -> None:
    caller.value("select postai.set('ask_timeout', '1s')")
    token = caller.submit("echo x", verb="ask", pid=4711)
    jobs.wake("")
    assert caller.poll(token)["type"] == "answer"
    wait_for(lambda: answering.cancelled_backends)
    time.sleep(1.2)
    assert answering.cancelled_backends == [4711]


def test_background_work_is_queued_once_and_done(jobs: JobQueue, caller: Caller, answering: Answering) -> None:
    old = caller.submit("echo old")
    jobs.wake("")
    caller.poll(old)
    caller.connection.execute(
        "insert into postai.job (kind, state, finished_at) values ('ask', 'done', now() - interval '11 minutes')"
    )
    jobs.end()
    jobs.enqueue("prune")
    assert caller.value("select count(*) from postai.job where kind = 'prune'") == 0  # only the leader's clock counts
    jobs.begin()
    jobs.enqueue("prune")
    jobs.wake("")
    wait_for(lambda: caller.value("select count(*) from postai.job where kind = 'ask'") == 0)
    wait_for(lambda: caller.value("select state from postai.job where kind = 'prune'") == "done")


def test_stopping_tells_the_callers(jobs: JobQueue, caller: Caller, answering: Answering) -> None:
    token = caller.submit("block")
    jobs.wake("")
    assert answering.started.wait(PATIENCE)
    jobs.stop(Deadline.after(3.5))
    wait_for(lambda: caller.job(token) is not None)
    job = caller.job(token)
    assert job is not None and job[0] in ("failed", "cancelled")


def test_a_queue_out_of_reach_does_not_end_the_worker(
    jobs: JobQueue, caller: Caller, database: TestDatabase, answering: Answering
) -> None:
    database.execute("alter table postai.job rename to job_away")
    jobs.wake("")
    time.sleep(0.3)
    database.execute("alter table postai.job_away rename to job")
    token = caller.submit("echo back")
    jobs.wake("")
    assert caller.poll(token)["answer"]["sql"] == "back"


def test_what_is_stopped_leaves_no_thread_at_the_queue(
    caller: Caller, pool: Pool, threads: ThreadPoolExecutor, answering: Answering
) -> None:
    jobs = make(pool, threads, answering)
    jobs.begin()
    caller.submit("block")
    jobs.wake("")
    assert answering.started.wait(PATIENCE)
    jobs.stop(Deadline.after(3.5))
    assert answering.cancelled.is_set()
    wait_for(lambda: "jobs-home" not in {one.name for one in threading.enumerate()})
    pool.close()
    with pytest.raises(ConnectionFailed) as caught, pool.database():
        pass
    assert "closed" in caught.value.message
