"""Checks of the two servers: versions, settings, slots, processes, the way between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postai.database.amounts import bytes_text, seconds_text
from postai.replicate.checks.check import (
    NATIVE,
    Check,
    Ground,
    blocker,
    counted,
    note,
    set_to,
    warning,
)  # fmt: skip
from postai.replicate.checks.traffic import estimate, pause_seconds
from postai.replicate.types import Finding, Level, Method, Side

FILE = "server"
OLDEST, NEWEST, OLDEST_TARGET = 11, 18, 14
SHORTEST_TIMEOUT_MS = 10_000


def versions(ground: Ground) -> Iterator[Finding]:
    source, target = ground.probe.source.server.major, ground.probe.target.server.major
    if source < OLDEST:
        yield blocker(Side.SOURCE, f"PostgreSQL {source} is older than {OLDEST}", (),
                      (f"upgrade it to PostgreSQL {OLDEST} or newer",))  # fmt: skip
    if target < OLDEST_TARGET:
        yield blocker(Side.TARGET, f"PostgreSQL {target} is older than {OLDEST_TARGET}, the oldest home of a move", (),
                      ("take a newer server as the target",))  # fmt: skip
    if target < source:
        yield warning(Side.TARGET, f"the target has PostgreSQL {target}, the source {source}: a definition of a newer "
                      "version may not be one of an older one", (), ("take a server of the same or a newer version",
                      "or look at what the trial of the schema says"))  # fmt: skip
    for side, major in ((Side.SOURCE, source), (Side.TARGET, target)):
        if major > NEWEST:
            yield warning(side, f"PostgreSQL {major} is newer than what moves were tried with ({NEWEST})")


def same_database(ground: Ground) -> Iterator[Finding]:
    if ground.probe.source.identity == ground.probe.target.identity:
        yield blocker(Side.TARGET, "source and target are the same database", (),
                      ("name another database as the target",))  # fmt: skip


def standby(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        if ground.facts(side).standby and (side is Side.TARGET or ground.probe.method is not Method.DUMP):
            rows = ground.query(side, FILE, "primary_address")
            where = f" ({rows[0][0]})" if rows and rows[0][0] else ""
            yield blocker(side, "the server is a standby: nothing can be made on it", (),
                          (f"let the connection name the primary{where}",
                           "or promote this server: SELECT pg_promote()"))  # fmt: skip


def native_refused(ground: Ground) -> Iterator[Finding]:
    refusal, facts = ground.probe.slot, ground.probe.source
    if refusal is None or facts.standby:
        return
    fix: tuple[str, ...] = ()
    if facts.settings.get("wal_level") != "logical":
        name, value = {"rds": ("rds.logical_replication", "1"), "cloudsql": ("cloudsql.logical_decoding", "on")}.get(
            facts.managed, ("wal_level", "logical")
        )
        fix = set_to(facts, name, value, restart=True)
    elif refusal.sqlstate == "53400":
        fix = set_to(facts, "max_replication_slots", str((facts.number("max_replication_slots") or 0) + 10),
                     restart=True)  # fmt: skip
    if not (facts.server.replication or facts.server.superuser):
        fix += (f"GRANT rds_replication TO {facts.user}",) if facts.managed == "rds" else (
            f"ALTER ROLE {facts.user} REPLICATION",)  # fmt: skip
    so = "triggers are used instead" if ground.probe.method is Method.TRIGGER else "and no triggers"
    yield warning(Side.SOURCE, f"no logical slot can be made, {so}: {refusal.message}", (), fix)


def trigger_refused(ground: Ground) -> Iterator[Finding]:
    if ground.probe.method is Method.DUMP and not ground.probe.source.standby:
        facts = ground.probe.source
        yield warning(Side.SOURCE, "triggers cannot be used either: this role may not make a schema in the database",
                      (), (f"GRANT CREATE ON DATABASE {facts.database} TO {facts.user}",))  # fmt: skip


def dump_window(ground: Ground) -> Iterator[Finding]:
    if ground.probe.method is not Method.DUMP:
        return
    expected = estimate(ground)
    pause = pause_seconds(expected.bytes, expected.seconds)
    facts = ground.probe.source
    better = ("a short pause: name the primary" if facts.standby else
              "a short pause: do what the findings native_refused or trigger_refused say")  # fmt: skip
    yield warning(Side.SOURCE, f"changes cannot be followed: all is copied while nobody writes, in a pause of about "
                               f"{seconds_text(pause)}, and there is no way back", (),
                  (better, "measure the pause, with nobody held back: post-ai replicate cutover NAME --rehearse",
                   "stop everything that writes, and switch: post-ai replicate cutover NAME --writers-stopped "
                   f"--max-pause {max(10, round(pause * 2))}"))  # fmt: skip
    if facts.standby:
        rows = ground.query(Side.SOURCE, FILE, "receiver")
        if not (rows and rows[0][0]):
            yield blocker(Side.SOURCE, "the source is a standby, and it cannot be seen that it has all of its primary: "
                          "it streams nothing, or this role may not see it", (),
                          (f"on the primary: GRANT pg_read_all_stats TO {facts.user}",
                           "let the standby stream from it"))  # fmt: skip


def way_back(ground: Ground) -> Iterator[Finding]:
    facts = ground.probe.target
    if facts.settings.get("wal_level") != "logical":
        yield blocker(Side.TARGET, "wal_level is not logical: there would be no stream back", ("wal_level",),
                      set_to(facts, "wal_level", "logical", restart=True))  # fmt: skip
    if not (facts.server.replication or facts.server.superuser):
        fix = f"GRANT rds_replication TO {facts.user}" if facts.managed == "rds" else (
            f"ALTER ROLE {facts.user} REPLICATION")  # fmt: skip
        yield blocker(Side.TARGET, f"{facts.user} may make no slot: there would be no stream back", (), (fix,))
    yield from _subscribing_back(ground)


def _subscribing_back(ground: Ground) -> Iterator[Finding]:
    """The switch ends with a subscription of the source to the target; a refusal then would leave it without an end."""
    facts = ground.probe.source
    if facts.server.superuser:
        return
    what = f"{facts.user} may not subscribe: the source could not follow the target after the switch"
    if facts.server.major >= 16:
        if ground.query(Side.SOURCE, FILE, "may_subscribe") != [(True,)]:
            yield blocker(Side.SOURCE, what, (), (f"GRANT pg_create_subscription TO {facts.user}",))
    elif facts.managed == "rds":
        if ground.query(Side.SOURCE, FILE, "rds_administrator") != [(True,)]:
            yield blocker(Side.SOURCE, what, (), (f"GRANT rds_superuser TO {facts.user}",))
    elif facts.managed:
        yield warning(Side.SOURCE, f"before 16 only a superuser may subscribe, or whom the provider lets: without "
                                   f"it {what}",
                      (), ("ask the provider, and rehearse the whole switch",))  # fmt: skip
    else:
        yield blocker(Side.SOURCE, f"{what} (before 16 only a superuser may)", (),
                      (f"ALTER ROLE {facts.user} SUPERUSER",))  # fmt: skip


def slots(ground: Ground) -> Iterator[Finding]:
    copiers = ground.probe.target.number("max_sync_workers_per_subscription") or 2
    for side, wanted in ((Side.SOURCE, 1 + copiers), (Side.TARGET, 2)):
        facts = ground.facts(side)
        used_slots, used_senders, *_ = ground.query(side, FILE, "used")[0]
        for name, used in (("max_replication_slots", used_slots), ("max_wal_senders", used_senders)):
            most = facts.number(name) or 0
            if most - used >= wanted:
                continue
            what = f"{name} is {most}, {used} are used: the move wants {wanted}"
            fix = set_to(facts, name, str(used + wanted + 2), restart=True)
            if most - used < 1 and side is Side.SOURCE:
                yield blocker(side, what, (name,), fix)
            else:
                yield warning(side, what, (name,), fix)


def workers(ground: Ground) -> Iterator[Finding]:
    facts = ground.probe.target
    copiers = facts.number("max_sync_workers_per_subscription") or 2
    wanted = {"max_logical_replication_workers": 1 + copiers, "max_worker_processes": 2 + copiers,
              "max_active_replication_origins": 1 + copiers}  # fmt: skip
    if "max_active_replication_origins" not in facts.settings:
        wanted["max_replication_slots"] = 2 + copiers
    for name, least in wanted.items():
        have = facts.number(name)
        if have is not None and have < least:
            level = blocker if have < 2 else warning
            yield level(Side.TARGET, f"{name} is {have}: a subscription that copies {copiers} tables at a time wants "
                        f"{least}", (name,), set_to(facts, name, str(least + 4), restart=True))  # fmt: skip


def slot_limit(ground: Ground) -> Iterator[Finding]:
    facts = ground.probe.source
    limit = facts.number("max_slot_wal_keep_size")  # megabytes; -1 = none
    if limit is None or limit < 0:
        keep = bytes_text(ground.options.keep_wal_bytes)
        yield note(Side.SOURCE, f"no setting limits the log that a slot keeps: the move gives up its slot at {keep}")


def idle_slots(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        if ground.facts(side).number("idle_replication_slot_timeout"):
            yield warning(side, "idle_replication_slot_timeout drops a slot that nobody reads for a while: the stream "
                          "back waits for the switch with one", ("idle_replication_slot_timeout",),
                          set_to(ground.facts(side), "idle_replication_slot_timeout", "0", restart=False))  # fmt: skip


def stream_timeouts(ground: Ground) -> Iterator[Finding]:
    for side, name in ((Side.SOURCE, "wal_sender_timeout"), (Side.TARGET, "wal_receiver_timeout")):
        have = ground.facts(side).number(name)
        if have is not None and 0 < have < SHORTEST_TIMEOUT_MS:
            yield warning(side, f"{name} is {have} ms: a busy moment cuts the stream", (name,),
                          set_to(ground.facts(side), name, "60s", restart=False))  # fmt: skip
        elif have == 0:
            yield warning(side, f"{name} is 0: a network that is gone is never noticed", (name,),
                          set_to(ground.facts(side), name, "60s", restart=False))  # fmt: skip


def session_limits(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        facts = ground.facts(side)
        for own, name, value in ground.query(side, FILE, "timeouts"):
            whose = facts.user if own else f"database {facts.database}"
            yield warning(side, f"{name} = {value} of {whose} holds for the servers' processes, too: it ends the copy "
                          "of a table that takes longer", (name,),
                          (f"ALTER ROLE {facts.user} IN DATABASE {facts.database} SET {name} = 0",))  # fmt: skip


def connections(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        facts = ground.facts(side)
        *_, sessions, own_limit = ground.query(side, FILE, "used")[0]
        wanted = ground.options.workers + 4
        left = (facts.number("max_connections") or 0) - (facts.number("superuser_reserved_connections") or 0) - sessions
        if left < wanted:
            yield warning(side, f"{counted(max(left, 0), 'connection is', 'connections are')} free, the move wants "
                          f"{wanted}", ("max_connections",), ("end idle sessions, or put a pooler before the server",
                          *set_to(facts, "max_connections", str((facts.number("max_connections") or 0) + 20),
                                  restart=True)))  # fmt: skip
        if 0 <= own_limit < wanted:
            yield warning(side, f"{facts.user} may have {counted(own_limit, 'connection')}, the move wants "
                                f"{wanted}", (),
                          (f"ALTER ROLE {facts.user} CONNECTION LIMIT -1",))  # fmt: skip


def read_only(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        if ground.query(side, FILE, "read_only") == [(True,)]:
            yield blocker(side, "default_transaction_read_only is on for the database: an earlier move may have left "
                          "it", (), (f"ALTER DATABASE {ground.facts(side).database} "
                                     "RESET default_transaction_read_only",))  # fmt: skip


def tls(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        encrypted, network = ground.query(side, FILE, "connection")[0]
        if encrypted or not network:
            continue
        if ground.facts(side).settings.get("ssl") == "on":
            yield warning(side, "the connection is not encrypted, though the server offers TLS", (),
                          ("add sslmode=verify-full and sslrootcert to the connection",))  # fmt: skip
        else:
            yield warning(side, "the connection is not encrypted, and the server offers no TLS: rows and passwords' "
                          "proofs can be read on the way", (), ("switch TLS on (ssl = on with a certificate)",
                          "or go through a tunnel"))  # fmt: skip


def address(ground: Ground) -> Iterator[Finding]:
    probe = ground.probe
    if probe.subscription is None:
        if not probe.subscription_tried and probe.slot is None and not probe.target.standby:
            yield note(Side.TARGET, "whether the target's server reaches the source was not tried")
        return
    reason, state = probe.subscription.message, probe.subscription.sqlstate
    facts = probe.target
    if state.startswith("08"):
        yield warning(Side.TARGET, f"the target's server cannot connect to the source, triggers are used instead: "
                      f"{reason}", (), _reaching(reason, probe.source.user))  # fmt: skip
    elif state == "2F003" or "password" in reason:
        yield blocker(Side.TARGET, f"a subscription of {facts.user} needs a password in its connection string: "
                                   f"{reason}",
                      (), ("let the agent's passfile have the source's password, and give no passfile of the server",
                           f"or: ALTER ROLE {facts.user} SUPERUSER"))  # fmt: skip
    elif "temporary tables" in reason:
        yield blocker(Side.TARGET, f"{facts.user} cannot bring a connection string to the server unseen: {reason}", (),
                      (f"GRANT TEMPORARY ON DATABASE {facts.database} TO {facts.user}",))  # fmt: skip
    elif facts.server.major >= 16:
        yield blocker(Side.TARGET, f"{facts.user} cannot subscribe: {reason}", (),
                      (f"GRANT pg_create_subscription TO {facts.user}",
                       f"GRANT CREATE ON DATABASE {facts.database} TO {facts.user}"))  # fmt: skip
    else:
        yield blocker(Side.TARGET, f"{facts.user} cannot subscribe: {reason}", (),
                      (f"ALTER ROLE {facts.user} SUPERUSER", "or take PostgreSQL 16 or newer as the "
                                                             "target"))  # fmt: skip


def _reaching(reason: str, user: str) -> tuple[str, ...]:
    if "pg_hba" in reason or "no encryption" in reason:
        return (f"let pg_hba.conf of the source admit {user} from the target's address",)
    if "certificate" in reason:
        return ("have the certificate of the source's authority in the same file on the target's server, for its "
                "operating system user to read, and name the source as its certificate does",)  # fmt: skip
    if "replication" in reason:
        return ("name the server itself and no pooler as the source", f"ALTER ROLE {user} REPLICATION")
    return ("open the source's firewall or security group to the target's address",
            "name the source by an address that the target's server reaches")  # fmt: skip


def password_kept(ground: Ground) -> Iterable[Finding]:
    if ground.native and ground.probe.with_password and not ground.options.passfile:
        yield note(Side.TARGET, "the source's password stands in pg_subscription, which superusers read and dump", (),
                   ("put it into a passfile on the target's server, and name it with the option "
                    "passfile",))  # fmt: skip


def _looked_at_before(_: Ground) -> Iterable[Finding]:
    """The runner looks for poolers before its transactions begin."""
    return ()


_B, _W, _N = Level.BLOCKER, Level.WARNING, Level.NOTE
POOLER = Check(
    "pooler", "Poolers", "A pooler hands on no options, keeps no session, and no replication goes through it.",
    "Name the server itself as the connection's direct_dsn.", (Level.BLOCKER,), _looked_at_before,
)  # fmt: skip
SERVER: tuple[Check, ...] = (
    Check("versions", "Versions", "Moves are made for 11 to 18, onto 14 to 18, and were tried with 15 and 18; an older "
          "major version may not take the definitions.", "Take a target of the same or a newer major version.",
          (_B, _W), versions),
    Check("same_database", "Another database", "A database cannot be moved onto itself.", "Name another target.", (_B,),
          same_database),
    Check("standby", "Primary servers", "On a standby neither publications nor triggers nor tables can be made; it can "
          "be read in a pause, though.", "Connect to the primary.", (_B,), standby),
    Check("native_refused", "Logical replication", "It is the quickest way and the one that heals by itself. A "
                                                   "temporary slot is made and dropped; the server's own words say "
                                                   "why it cannot.",
          "wal_level = logical (a restart), the right to replicate, a free slot.", (_W,), native_refused),
    Check("trigger_refused", "Triggers", "Where there is no logical replication, triggers in a schema of the move's "
                                         "own record the changes.",
          "GRANT CREATE ON DATABASE.", (_W,), trigger_refused),
    Check("dump_window", "Following changes", "Without slots and triggers nothing tells what is written meanwhile: "
          "rows are copied and compared in the pause. Time: 3 s, what the copy takes, and 180 MB/s for the comparison.",
          "Make one of the two possible; or stop what writes, and say so with --writers-stopped.", (_B, _W),
          dump_window),
    Check("way_back", "The way back", "A switch ends with the old side following the new one, so that a rollback keeps "
          "the new rows. Were that refused then, it would have no end.", "wal_level = logical and the right to "
              "replicate on the target, the right to subscribe on the source.", (_B, _W), way_back, NATIVE),
    Check("slots", "Slots and WAL senders", "The stream takes one of each, and each table that is copied another.",
          "Raise max_replication_slots and max_wal_senders (a restart), or drop slots that nobody reads.", (_B, _W),
          slots, NATIVE),
    Check("workers", "Processes of the target", "A subscription runs in background processes of the target.",
          "Raise the setting (a restart).", (_B, _W), workers, NATIVE),
    Check("slot_limit", "Log kept for a slot", "A slot keeps the write-ahead log that its reader has not had: "
                                               "without a limit until the source's disk is full, beyond the limit "
                                               "the slot is lost.",
          "Watch the move's lag; set max_slot_wal_keep_size to what the disk can hold.", (_N,), slot_limit, NATIVE,
          130_000),
    Check("idle_slots", "Idle slots", "The slot of the way back waits unread for hours.",
          "idle_replication_slot_timeout = 0 for the time of the move.", (_W,), idle_slots, NATIVE),
    Check("stream_timeouts", "Time limits of the stream", "Too short, and a busy moment cuts the stream; none, and a "
          "dead network is never noticed.", "Between ten seconds and some minutes; 60 s is the default.", (_W,),
          stream_timeouts, NATIVE),
    Check("session_limits", "Time limits of the role", "The servers' own processes copy tables as this role, with the "
          "limits of the role and the database: a statement_timeout ends the copy of a big table.",
          "ALTER ROLE ... SET statement_timeout = 0.", (_W,), session_limits),
    Check("connections", "Connections", "The move wants some of its own, beside the application's.",
          "End idle sessions, raise max_connections or the role's limit.", (_W,), connections),
    Check("read_only", "Read-only databases", "The fence of an earlier move, or somebody's setting, refuses writes.",
          "ALTER DATABASE ... RESET default_transaction_read_only.", (_B,), read_only),
    Check("tls", "TLS", "Rows travel over the network.", "sslmode=verify-full with the authority's certificate.", (_W,),
          tls),
    Check("address", "From the target's server to the source", "With logical replication the target's server itself "
          "connects to the source. A subscription is tried and rolled back.",
          "Open the firewall; name the source by an address that both reach; grant the right to subscribe.",
          (_B, _W, _N), address),
    POOLER,
    Check("password_kept", "The password in pg_subscription", "A subscription keeps its connection string.",
          "A passfile on the target's server.", (_N,), password_kept, NATIVE),
)  # fmt: skip
