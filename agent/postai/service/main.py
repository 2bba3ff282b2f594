"""`post-ai agent`: builds the sidecar out of its parts and runs it in the foreground."""

from __future__ import annotations

import logging
import os
import platform
import random
import signal
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from postai import __version__
from postai.cache.board import Board
from postai.daemon import log as log_lines
from postai.daemon.actions import ActionQueue, report
from postai.daemon.agent import Agent
from postai.daemon.backoff import Backoff
from postai.daemon.clock import Clock
from postai.daemon.duty import Duty
from postai.daemon.keeper import Identity, Keeper
from postai.database import Pool, connect
from postai.database import dsn as connection_string
from postai.database.connection import OWN_PATH
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.errors import PostaiError, UsageError
from postai.migrate.draft import KIND
from postai.migrate.drift_store import OwnChanges
from postai.migrate.later import propose_later
from postai.observe.alerts import Alerts
from postai.observe.alerts_channels import channels
from postai.proposals import Runner
from postai.replicate.journal import FILE, Journal
from postai.service import socket_place
from postai.service.asking import Asking
from postai.service.cache_duty import CacheDuty, CacheFollowDuty
from postai.service.collect_duty import CollectDuty
from postai.service.drift_duty import DriftDuty
from postai.service.ground import Home
from postai.service.health_duty import HealthDuty
from postai.service.jobs import JobQueue
from postai.service.judge_duty import JudgeDuty
from postai.service.move_rescue import MoveRescue
from postai.service.optimize_duty import OptimizeDuty
from postai.service.replicate_duty import ReplicateDuty
from postai.service.replicating import Places
from postai.service.socket_place import SocketTaken
from postai.service.socket_server import SocketServer
from postai.service.sweep_duty import SweepDuty
from postai.service.values_duty import ValuesDuty
from postai.service.verify_duty import VerifyDuty
from postai.settings import Settings, config_directory

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
PRUNE_SECONDS = 60
DUTY_SESSIONS = 11
"""Sessions that duties may hold at a time, beside those that answer."""


def run(settings: Settings) -> int:
    """Run the agent until SIGTERM or SIGINT.

    Returns:
        the exit code: 0 when everything ended in time.

    Raises:
        UsageError: the configuration names no database, or two of the same name.
    """
    _check(settings)
    log_lines.configure(settings.agent.log_format, _secrets(settings))
    identity = Identity(
        agent_id=f"{platform.node()}/{os.getpid()}/{uuid.uuid4().hex[:8]}",
        host=platform.node(),
        pid=os.getpid(),
        version=__version__,
        started_at=time.time(),
    )
    sql = load("postai.service", "asking.sql")
    homes = [
        Home(
            one,
            Pool(
                one.dsn,
                max_size=settings.agent.workers + DUTY_SESSIONS,
                application_name="postai agent",
                search_path=OWN_PATH,
            ),
            settings.model,
            sql,
        )
        for one in settings.databases
    ]
    places = Places.of(config_directory(), settings.redirects)
    asking = Asking(homes, sql, places)
    workers = ThreadPoolExecutor(settings.agent.workers * len(homes), thread_name_prefix="job")
    clock = Clock()
    keepers = [
        _keeper(settings, index, home, asking, workers, clock, identity, places) for index, home in enumerate(homes)
    ]
    rescue = MoveRescue(places, Journal(places.directory / FILE))
    agent = Agent(keepers, [SocketFront(settings, asking), rescue], clock)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: agent.request_stop())
    signal.set_wakeup_fd(agent.wakeup_fd, warn_on_full_buffer=False)
    log.info("the agent starts", extra={"version": __version__, "agent": identity.agent_id, "databases": len(homes)})
    in_time = agent.run()
    signal.set_wakeup_fd(-1)
    agent.close()
    asking.close()
    workers.shutdown(wait=False, cancel_futures=True)
    for home in homes:
        home.pool.close()
    if not in_time:
        # Threads that still wait for a server or a model would keep the process alive.
        sys.stderr.flush()
        os._exit(1)
    return 0


def _keeper(
    settings: Settings,
    index: int,
    home: Home,
    asking: Asking,
    workers: ThreadPoolExecutor,
    clock: Clock,
    identity: Identity,
    places: Places,
) -> Keeper:
    """One database with everything its leader does."""
    queue = JobQueue(
        home.name,
        home.pool,
        workers,
        most=settings.agent.workers,
        asked=asking,
        worker=identity.agent_id,
    )
    clock.every(PRUNE_SECONDS, lambda: queue.enqueue("prune"), f"prune {home.name}")
    one = settings.databases[index]
    randomness = random.SystemRandom()  # several agents must not wait the same pauses
    runner = Runner(
        lambda: connect(one.direct, application_name="postai action", search_path=OWN_PATH),
        identity.agent_id,
        report=lambda decision: report(one.name, decision),
        verifiers={KIND: propose_later},
        witness=OwnChanges(),
    )
    actions = ActionQueue(one.name, home.pool, runner, Backoff(randomness, first=1.0, longest=60.0))
    alerts = Alerts(one.name, channels(settings.alerts), settings.alerts.minimum_severity, randomness)
    board = Board()
    caches = CacheDuty(one.name, one.direct, home.pool, board)
    duties: list[Duty] = [
        queue,
        actions,
        ValuesDuty(one.name, home.pool, home.knowledge),
        CollectDuty(one.name, home.pool),
        JudgeDuty(one.name, home.pool, alerts),
        HealthDuty(one.name, home.pool, alerts),
        VerifyDuty(one.name, home.pool),
        OptimizeDuty(one.name, home.optimizer),
        DriftDuty(one.name, home.pool),
        SweepDuty(one.name, home.pool),
        caches,
        CacheFollowDuty(one.name, one.direct, board, caches),
        ReplicateDuty(one.name, one.direct, places, Journal(places.directory / FILE)),
    ]
    return Keeper(one, identity, duties, randomness, settings.model)


class SocketFront:
    """Keeps trying to open the socket: another agent may hold it and end, a directory may be mended.

    Args:
        settings: the agent's configuration.
        asking: answers what comes in.
    """

    def __init__(self, settings: Settings, asking: Asking) -> None:
        self._agent = settings.agent
        self._asking = asking
        self._server: SocketServer | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._open, name="socket-open", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        self._stop.set()
        self._thread.join(deadline.remaining())
        if self._server is not None:
            self._server.stop(deadline)

    def _open(self) -> None:
        told: str | None = None
        while not self._stop.is_set():
            try:
                server = self._make()
                server.start()
            except PostaiError as error:
                if error.message != told:
                    told = error.message
                    level = logging.INFO if isinstance(error, SocketTaken) else logging.ERROR
                    extra = {"error": error.message, "detail": error.detail, "hint": error.hint}
                    log.log(level, "the socket is not open", extra=extra)
                if not socket_place.available():
                    return
                self._stop.wait(RETRY_SECONDS)
            else:
                self._server = server
                return

    def _make(self) -> SocketServer:
        socket_place.require_platform()
        own = os.geteuid()
        server_user = socket_place.user_id(self._agent.server_os_user)
        return SocketServer(
            Path(self._agent.socket_directory),
            self._agent.socket_path.name,
            group=socket_place.shared_group(self._agent.socket_group, self._agent.server_os_user),
            allowed_uids=frozenset({0, own} | ({server_user} if server_user is not None else set())),
            workers=self._agent.workers,
            asked=self._asking,
            version=__version__,
        )


def _check(settings: Settings) -> None:
    names = [one.name for one in settings.databases]
    if not names:
        raise UsageError(
            "no database is configured",
            hint="Add a section [[database]] with name and dsn to postai.toml, or run `post-ai init`.",
        )
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise UsageError(f'two databases are named "{min(doubled)}"', hint="Give every [[database]] its own name.")
    moves = [one.name for one in settings.redirects]
    if len(moves) != len(set(moves)):
        raise UsageError("two redirect drivers are for one move", hint="Give every [[redirect]] its own name.")


def _secrets(settings: Settings) -> list[str]:
    """What must never stand in a log line, wherever it comes from."""
    hooks = (one.url for one in settings.redirects)
    kept = (settings.model.api_key, settings.alerts.webhook_url, settings.alerts.smtp_password, *hooks)
    secrets = [one.get_secret_value() for one in kept if one is not None]
    for one in settings.databases:
        for text in (one.dsn, one.direct):
            secrets += connection_string.secrets_of(text)
    if "PGPASSWORD" in os.environ:
        secrets.append(os.environ["PGPASSWORD"])
    return secrets
