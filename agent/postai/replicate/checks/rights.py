"""Checks of rights and roles."""

from __future__ import annotations

from collections.abc import Iterator

from postai.database.identifiers import quote_ident
from postai.replicate.checks.check import NATIVE, STREAMS, Check, Ground, blocker, counted, note, warning
from postai.replicate.types import Finding, Level, Method, Side

FILE = "rights"
TRIGGER = frozenset({Method.TRIGGER})


def create_right(ground: Ground) -> Iterator[Finding]:
    wanted = [Side.TARGET] if ground.probe.method is Method.DUMP else list(Side)
    for side in wanted:
        facts = ground.facts(side)
        if not facts.creates and not facts.standby:
            yield blocker(side, f"{facts.user} may make no schema in the database", (facts.server.database,),
                          (f"GRANT CREATE ON DATABASE {facts.database} TO {facts.user}",))  # fmt: skip


def ownership(ground: Ground) -> Iterator[Finding]:
    rows = ground.query(Side.SOURCE, FILE, "not_owned")
    if rows:
        user = ground.probe.source.user
        fix = [f"GRANT {owner} TO {user}" for owner in dict.fromkeys(owner for owner, mighty, _ in rows if not mighty)]
        fix += [f"ALTER TABLE {table} OWNER TO {user}" for _, mighty, table in rows if mighty]
        if any(mighty for _, mighty, _ in rows):
            fix.append("or, instead of taking a superuser's tables, let the connection name a superuser")
        yield blocker(Side.SOURCE, f"{counted(len(rows), 'table')} cannot be published: only who has the owner's "
                                   "rights can", [table for *_, table in rows], fix)  # fmt: skip


def trigger_right(ground: Ground) -> Iterator[Finding]:
    tables = [table for (table,) in ground.query(Side.SOURCE, FILE, "not_triggered")]
    if tables:
        yield blocker(Side.SOURCE, f"no trigger can be made on {counted(len(tables), 'table')}", tables,
                      [f"GRANT TRIGGER ON {table} TO {ground.probe.source.user}" for table in tables])  # fmt: skip


def select_right(ground: Ground) -> Iterator[Finding]:
    rows = ground.query(Side.SOURCE, FILE, "not_readable")
    if rows:
        user = ground.probe.source.user
        yield blocker(Side.SOURCE, f"{user} may not read "
                                   f"{counted(len(rows), 'table, sequence or schema', 'tables, sequences or schemas')}",
                      [name for _, name, _ in rows],
                      [f"GRANT {right} ON {kind} {name} TO {user}" for kind, name, right in rows])  # fmt: skip
    if numbers := [] if ground.options.schemas else ground.query(Side.SOURCE, FILE, "large_objects_not_readable"):
        user = ground.probe.source.user
        yield blocker(Side.SOURCE, f"{user} may not read {counted(len(numbers), 'large object')}",
                      [str(number) for (number,) in numbers],
                      [f"GRANT SELECT ON LARGE OBJECT {number} TO {user}" for (number,) in numbers])  # fmt: skip


def row_security(ground: Ground) -> Iterator[Finding]:
    facts = ground.probe.source
    rows = [] if facts.bypasses else ground.query(Side.SOURCE, FILE, "hidden_rows")
    if rows:
        yield blocker(Side.SOURCE, f"row security hides rows of {counted(len(rows), 'table')} from {facts.user}: they "
                      "would be missing without any error", [table for table, _ in rows],
                      (f"ALTER ROLE {facts.user} BYPASSRLS",
                       *(f"or, as its owner: ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"
                         for table, forced in rows if forced)))  # fmt: skip
    if not ground.probe.target.bypasses:
        forced = [row[0] for row in ground.query(Side.SOURCE, "tables", "row_security")]
        if forced:
            user = ground.probe.target.user
            yield blocker(Side.TARGET, f"{counted(len(forced), 'table')} will have row security there, which refuses "
                          "the copy", forced, (f"ALTER ROLE {user} BYPASSRLS",))  # fmt: skip


def sessions(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        facts = ground.facts(side)
        sees, ends, owns, owner, mighty, strangers = ground.query(side, FILE, "sessions")[0]
        lacking = [role for role, has in (("pg_read_all_stats", sees), ("pg_signal_backend", ends)) if not has]
        if lacking and not facts.server.superuser:
            level = warning if strangers else note
            what = f"the switch is refused while roles of which {facts.user} is no member are connected"
            fix = f"GRANT {', '.join(lacking)} TO {facts.user}"
            yield level(side, f"{what}: their sessions cannot be seen or ended", lacking, (fix,))
        if not owns:
            yield warning(side, "the switch makes the database read-only, which only its owner may: it is refused",
                          (facts.server.database,),
                          (f"ALTER DATABASE {facts.database} OWNER TO {facts.user}" if mighty
                           else f"GRANT {owner} TO {facts.user}",))  # fmt: skip


def roles(ground: Ground) -> Iterator[Finding]:
    rows: dict[str, bool] = dict(ground.query(Side.SOURCE, FILE, "roles"))
    known: dict[str, bool] = dict(ground.query(Side.TARGET, FILE, "known_roles", (list(rows),)))
    target = ground.probe.target
    missing = [name for name in rows if name not in known]
    if missing and ground.options.roles and target.creates_roles:
        yield note(Side.TARGET, f"{counted(len(missing), 'role')} will be made", missing)
        logins = [name for name in missing if rows[name]]
        if logins and not ground.options.role_passwords:
            yield note(Side.TARGET, f"{counted(len(logins), 'role')} that can log in will have no password", logins,
                       [f"ALTER ROLE {quote_ident(name)} PASSWORD '...'" for name in logins])  # fmt: skip
    elif missing:
        why = f"{target.user} may not make roles" if ground.options.roles else "roles are not copied"
        yield blocker(Side.TARGET, f"{counted(len(missing), 'role is', 'roles are')} not there, and {why}", missing,
                      [f"CREATE ROLE {quote_ident(name)}{' LOGIN' if rows[name] else ''}"
                       for name in missing])  # fmt: skip
    strangers = [name for name, member in known.items() if not member]
    if strangers and not target.server.superuser:
        yield blocker(Side.TARGET, f"{target.user} is no member of roles that own things or are granted "
                                   "them", strangers,
                      [f"GRANT {quote_ident(name)} TO {target.user}" for name in strangers])  # fmt: skip


def role_passwords(ground: Ground) -> Iterator[Finding]:
    source = ground.probe.source
    if ground.options.role_passwords and not source.server.superuser:
        yield blocker(Side.SOURCE, "password hashes of roles can be read by a superuser only", (source.server.user,),
                      ("set the option role_passwords to false, and give the roles new passwords",))  # fmt: skip


def replica_role(ground: Ground) -> Iterator[Finding]:
    ((firing,),) = ground.query(Side.SOURCE, FILE, "firing")
    for side in Side if firing else ():
        facts = ground.facts(side)
        if facts.server.superuser or (
            facts.server.major >= 15 and ground.query(side, FILE, "may_be_replica") == [(True,)]
        ):
            continue
        tables = counted(firing, "table")
        what = f"{facts.user} may not keep triggers and foreign keys of {tables} from firing for what it applies"
        fix = (f"GRANT SET ON PARAMETER session_replication_role TO {facts.user}" if facts.server.major >= 15
               else f"ALTER ROLE {facts.user} SUPERUSER")  # fmt: skip
        if side is Side.TARGET:
            yield blocker(side, what, ("session_replication_role",), (fix,))
        else:
            what += ": there is no way back, and a cutover only with --no-way-back"
            yield warning(side, what, ("session_replication_role",), (fix,))


_B, _W, _N = Level.BLOCKER, Level.WARNING, Level.NOTE
RIGHTS: tuple[Check, ...] = (
    Check("create_right", "Right to make things", "The move has a schema of its own on both sides; publications belong "
          "to the database.", "GRANT CREATE ON DATABASE.", (_B,), create_right),
    Check("ownership", "Tables of others", "A table is added to a publication by its owner only.",
          "Membership in the owners' roles.", (_B,), ownership, NATIVE),
    Check("trigger_right", "Right to make triggers", "Triggers record the changes.", "GRANT TRIGGER.", (_B,),
          trigger_right, TRIGGER),
    Check("select_right", "Right to read", "Tables are copied and compared as this role; a subscription is made "
                                           "without a word and its copy fails for ever.", "GRANT SELECT (or "
                                               "pg_read_all_data), GRANT USAGE on schemas, GRANT SELECT ON LARGE "
                                               "OBJECT.", (_B,),
          select_right),
    Check("row_security", "Row security", "COPY gives a role the rows that its policies let it see, and no error: rows "
          "would be missing on the target. On the target, COPY refuses such a table.", "BYPASSRLS for the move's role.",
          (_B,), row_security),
    Check("sessions", "Sessions of others", "The switch ends the application's sessions and makes the database "
                                            "read-only.", "pg_read_all_stats, pg_signal_backend, "
                                                "membership in the database's owner.", (_W, _N),
          sessions, STREAMS),
    Check("roles", "Roles", "Owners and grantees must be there before the schema; who is no member of an owner's role "
          "cannot give it a table.", "CREATEROLE for the move's role, or make the roles by hand.", (_B, _N), roles),
    Check("role_passwords", "Passwords of roles", "Hashes are in pg_authid, which superusers read.",
          "A superuser's connection, or new passwords.", (_B,), role_passwords),
    Check("replica_role", "Applying without triggers", "What triggers did on the source is among its changes; on the "
          "target they must not do it again.", "GRANT SET ON PARAMETER session_replication_role (from 15 "
                                               "on).", (_B, _W),
          replica_role, TRIGGER),
)  # fmt: skip
