"""The schema of the source, made on the target: before the rows come (types, tables, functions, views, keys), and
after them (indexes, foreign keys, triggers, rules, policies, publications, event triggers).

It is read by pg_dump and run by statements of our own session (restore.py), so that a crash leaves nothing half done
and no other program gets the target's password. Everything may be called again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path

from postai.database import ServerError, libpq_files, named_sql
from postai.database import dsn as connection_string
from postai.database.identifiers import qualified, quote_ident
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import FeatureMissing, NotPermitted, Refused
from postai.replicate import dump_text, fence, late_keys, restore, roles, schema_compare, tools
from postai.replicate.dump_text import Target
from postai.replicate.restore import Notes, Run
from postai.replicate.sessions import open_session
from postai.replicate.types import USERS_SCHEMA, Finding, Level, MoveOptions, OnStep, Side, Table
from postai.scratch.scratch_database import scratch_database

LOCK_MS = 5_000
_IDENTITY = re.compile(r"ALTER TABLE ONLY (.+) REPLICA IDENTITY USING INDEX (.+)$", re.DOTALL)
_PRIMARY = re.compile(
    r'ALTER TABLE ONLY [^;]*?\n    ADD CONSTRAINT (?:"(?:[^"]|"")*"|[^\W\d][\w$]*) PRIMARY KEY\b', re.DOTALL
)


class Section(StrEnum):
    """Which part of the schema: all without which no row can come, what finds a row again, and the rest."""

    PRE_DATA = "pre-data"
    KEYS = "keys"
    POST_DATA = "post-data"


def copy_schema(
    source_dsn: str, target_dsn: str, move: int, section: Section, options: MoveOptions, deadline: Deadline,
    on_step: OnStep, programs: Path | None = None, *, later: Sequence[Table] = (), tried: bool = False,
    text: str | None = None,
) -> tuple[Finding, ...]:  # fmt: skip
    """Make one part of the schema on the target, in the order pre-data, keys, post-data.

    Native and trigger moves need the keys before changes are applied; the rest is faster after the rows.

    Args:
        source_dsn, target_dsn: straight to the servers.
        move: id of the move; its schema on the target notes what is made.
        deadline: for all of it; indexes of large tables take long.
        on_step: told after each transaction, as `pre-data: 100 of 513 statements`.
        programs: a directory with pg_dump, where it is not in a usual place.
        later: tables whose primary keys are left to `late_keys.build`.
        tried: whether `trial` found nothing that stands against it a moment ago.
        text: what `dumped` gave for it a moment ago; None = it is asked now.

    Returns:
        what was left out and does not stand against going on, each with what to do.

    Raises:
        FeatureMissing, NotPermitted, LockNotObtained: the target did not take a statement; what was made stays.
        Refused: roles are missing, or the trial that comes first found what the target does not take.
        VerificationFailed: pg_dump could not read the source.
    """
    limit = restore.limit_ms(deadline)
    with (
        open_session(source_dsn) as source,
        open_session(target_dsn, statement_timeout_ms=limit, lock_timeout_ms=LOCK_MS) as target,
    ):
        fence.install(target, move)
        found: list[Finding] = []
        if section is Section.PRE_DATA:
            require_roles(source, target)
            if not tried and not Notes.read(target, move).resumed:
                found += _tried(trial(source_dsn, target_dsn, options, deadline, programs))
                on_step("trial", "")
            found += _copy_around(source, target, on_step)
        notes = Notes.read(target, move)
        asked = text or dumped(source_dsn, source.server_version, options, section, deadline, programs)
        wanted = _taken(asked, source, target)
        restore.prepare(target)
        run = Run(target, notes, deadline)
        if section is Section.KEYS:
            wanted = keys(wanted)
            late_keys.leave(target, move, notes, (one for one in wanted if _PRIMARY.match(one)), later)
        if section is Section.POST_DATA:
            opened = _opener(target_dsn, limit)
            for groups in restore.keys_and_indexes(wanted):
                restore.in_parallel(opened, notes, groups, options.workers, deadline, on_step, section)
        run.all(wanted, on_step, section)
        if section is Section.POST_DATA:
            target.execute(notes.statement([section]))
        if section is not Section.KEYS:
            schema_compare.remember(source, target, move, options.schemas,
                                    unreachable=roles.unreachable(source, target),
                                    spared=section is Section.POST_DATA)  # fmt: skip
        return (*found, *run.found)


def _copy_around(source: Database, target: Database, on_step: OnStep) -> list[Finding]:
    """What the schema stands in: the database's own settings and grants, and the extensions."""
    found = list(roles.copy_database(source, target))
    on_step("database", "")
    found += copy_extensions(source, target)
    on_step("extensions", "")
    return found


def read(
    source_dsn: str, source: Database, target: Database, options: MoveOptions, section: Section | None,
    deadline: Deadline, programs: Path | None = None,
) -> tuple[str, ...]:  # fmt: skip
    """The statements of a part of the source's schema (None = of all), in the form that the target takes."""
    return _taken(dumped(source_dsn, source.server_version, options, section, deadline, programs), source, target)


def dumped(
    source_dsn: str, source_version: int, options: MoveOptions, section: Section | None, deadline: Deadline,
    programs: Path | None = None,
) -> str:  # fmt: skip
    """What pg_dump writes of a part of the source's schema; None = of all."""
    part = Section.POST_DATA if section is Section.KEYS else section
    chosen = tools.for_dump(source_version, programs)
    arguments = [*_arguments(chosen.major, options), *((f"--section={part}",) if part else ())]
    return tools.dump(chosen, source_dsn, arguments, deadline)


def _taken(text: str, source: Database, target: Database) -> tuple[str, ...]:
    ((superuser,),) = target.query(_sql("superuser"))
    unreachable = frozenset() if superuser else roles.unreachable(source, target)
    return dump_text.taken(text, Target(target.server_version, superuser, unreachable))


def _arguments(major: int, options: MoveOptions) -> tuple[str, ...]:
    """What pg_dump is told: no rows, no statistics, no tablespaces (the new server has its own), nothing of postai."""
    return (
        "--schema-only", "--no-tablespaces", "--no-subscriptions", "--quote-all-identifiers",
        *(("--no-statistics",) if major >= 18 else ()), *schema_arguments(options.schemas),
    )  # fmt: skip


def schema_arguments(schemas: Sequence[str]) -> tuple[str, ...]:
    """Which schemas pg_dump reads: these, or all but postai's own."""
    if not schemas:
        return ("--exclude-schema=postai", "--exclude-schema=postai_*")
    quoted = ('"' + one.replace('"', '""') + '"' for one in schemas)
    return ("--strict-names", *(f"--schema={one}" for one in quoted))


def keys(statements: Sequence[str]) -> tuple[str, ...]:
    """Of the statements after the rows those that the stream needs: primary keys, and what identifies rows instead."""
    identities = {(match[1], match[2]) for one in statements if (match := _IDENTITY.match(one))}
    heads = [f"ALTER TABLE ONLY {table}\n    ADD CONSTRAINT {index} " for table, index in identities]
    heads += [f"CREATE UNIQUE INDEX {index} ON {table} " for table, index in identities]
    return tuple(
        one for one in statements
        if _PRIMARY.match(one) or _IDENTITY.match(one) or one.startswith(tuple(heads))
    )  # fmt: skip


def trial(
    source_dsn: str, target_dsn: str, options: MoveOptions, deadline: Deadline, programs: Path | None = None
) -> tuple[Finding, ...]:
    """Make the whole schema in a database of its own on the target's server, without rows, and drop it again.

    Roles are the server's and not made: before `copy_roles` what only lacks a role is not told.

    Returns:
        what the target does not take, as blockers; a note where the target's role may make no database.
    """
    with open_session(source_dsn) as source, open_session(target_dsn, lock_timeout_ms=LOCK_MS) as target:
        opened = _database_opener(target_dsn, restore.limit_ms(deadline))
        lacking = roles.lacking(source, target) if options.roles else ()
        later = roles.to_join(source, target) if options.roles else frozenset()
        failed: list[tuple[str, ServerError]] = []
        found: list[Finding] = []
        with ExitStack() as stack:
            try:
                scratch = stack.enter_context(scratch_database(target, opened, deadline))
            except NotPermitted as error:
                what = "the schema was not tried in a database of its own: the role may not make one"
                return (Finding("schema_trial", Level.NOTE, Side.TARGET, what, (), (error.hint or "",)),)
            restore.prepare(scratch)
            try:
                found += copy_extensions(source, scratch)
            except (FeatureMissing, NotPermitted) as error:
                found.append(Finding("extension", Level.BLOCKER, Side.TARGET, f"{error.message}: {error.detail}", (),
                                     (error.hint or "",)))  # fmt: skip
            roles.copy_database(source, scratch)  # an owner of a publication needs CREATE; what it tells is told later
            run = Run(scratch, Notes(None), deadline, failed)
            run.all(read(source_dsn, source, scratch, options, None, deadline, programs), silent, "trial")
    for statement, why in failed:
        if why.sqlstate == "42501" and (dump_text.owner_change(statement) or (None, ""))[1] in later:
            continue  # copy_roles joins that role, or tells what to grant
        if not (why.sqlstate == "42704" and any(f'"{name}"' in why.message for name in lacking)):
            spared = dump_text.spared(statement)
            what = f"the target does not take a statement of the schema: {why.message}"
            found.append(Finding("schema_trial", Level.WARNING if spared else Level.BLOCKER, Side.TARGET, what, (),
                                 (dump_text.shown(statement),)))  # fmt: skip
    return tuple(found)


def _tried(found: Sequence[Finding]) -> list[Finding]:
    """Raises:
    Refused: the target does not take all of the schema.
    """
    if blockers := [one for one in found if one.level is Level.BLOCKER]:
        raise Refused(
            f"the schema was tried on the target, which does not take it: {blockers[0].what}",
            detail="; ".join(f"{one.what}: {' '.join(one.fix)}" for one in blockers[:20]),
            hint="Change these objects on the source, or make what they need on the target; nothing was made there.",
        )
    return [one for one in found if one.check == "schema_trial" and one.level is Level.NOTE]


def require_roles(source: Database, target: Database) -> None:
    """Every role that owns or is granted something must be there.

    Raises:
        Refused: with a statement for each that is not.
    """
    if lacking := roles.lacking(source, target):
        raise Refused(
            f"{len(lacking)} roles of the source are missing on the target",
            detail=", ".join(lacking[:20]),
            hint="Let the move copy roles, or: " + "; ".join(f"CREATE ROLE {quote_ident(one)}" for one in lacking[:20]),
        )


def copy_extensions(source: Database, target: Database) -> tuple[Finding, ...]:
    """Make the source's extensions on the target, in the same schema, in the target's version.

    Raises:
        FeatureMissing: one that something of the user's needs is not installed on the target's machine.
        NotPermitted: the target's role may not make one.
    """
    wanted = source.query(_sql("extensions"))
    there = {row[0]: row[1:] for row in target.query(_sql("extensions"))}
    available = {row[0]: row[1:] for row in target.query(_sql("available"), ([row[0] for row in wanted],))}
    found: list[Finding] = []
    for name, schema, version, used in wanted:
        if name in there:
            found += _version(name, version, there[name][1])
            continue
        if name not in available:
            if used:
                raise FeatureMissing(
                    f"the target's server has no extension {name}", detail=f"{used} objects of the source need it.",
                    hint=f"Install the package that has it on the target's machine (its version there: {version}).",
                )  # fmt: skip
            fix = f"CREATE EXTENSION {quote_ident(name)}  -- once it is installed"
            what = f"the target's server has no extension {name}; nothing needs it"
            found.append(Finding("extension", Level.WARNING, Side.TARGET, what, (name,), (fix,)))
            continue
        found += _make_extension(target, name, schema, used, anywhere=available[name][2])
        found += _version(name, version, available[name][0])
    return tuple(found)


def _make_extension(target: Database, name: str, schema: str, used: int, *, anywhere: bool) -> list[Finding]:
    statement = f"create extension if not exists {quote_ident(name)}"
    if anywhere:
        if schema not in ("pg_catalog", "public"):
            target.execute(f"create schema if not exists {quote_ident(schema)}")
        statement += f" with schema {quote_ident(schema)}"
    try:
        target.execute(f"{statement} cascade")
    except ServerError as error:
        if used or error.sqlstate[:2] in ("08", "57"):
            raise restore.refused(statement, error) from error
        return [restore.warning(statement, error)]
    return []


def _version(name: str, wanted: str, has: str | None) -> list[Finding]:
    if has is None or _numbers(has) >= _numbers(wanted):
        return []
    fix = f"install {name} {wanted} on the target's machine, then: ALTER EXTENSION {quote_ident(name)} UPDATE"
    return [Finding("extension_version", Level.WARNING, Side.TARGET, f"extension {name} is older on the target: {has} "
                    f"instead of {wanted}", (name,), (fix,))]  # fmt: skip


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", version))


def refresh_views(
    source: Database, target: Database, options: MoveOptions, deadline: Deadline, on_step: OnStep
) -> tuple[Finding, ...]:
    """Fill the materialised views that are filled on the source, each after those that it reads.

    After the rows, and again before a switch: they are not replicated. One that fails is told; it stays as it was.
    """
    found = []
    target.execute(f"set statement_timeout = {restore.limit_ms(deadline)}")
    for schema, name in source.query(_sql("filled"), (list(options.schemas), list(options.schemas))):
        deadline.check()
        statement = f"refresh materialized view {qualified(schema, name)}"
        try:
            target.execute(statement)
        except ServerError as error:
            found.append(Finding("materialized_view", Level.WARNING, Side.TARGET, f"not refreshed: {error.message}",
                                 (qualified(schema, name),), (statement,)))  # fmt: skip
        on_step("refresh", qualified(schema, name))
    return tuple(found)


def _opener(dsn: str, limit: int) -> Callable[[], Database]:
    return lambda: open_session(dsn, statement_timeout_ms=limit, lock_timeout_ms=LOCK_MS)


def _database_opener(dsn: str, limit: int) -> Callable[[str], Database]:
    """Opens another database of that server: with the password of this one, since passfiles name the database."""

    def opened(name: str) -> Database:
        given = connection_string.parse(dsn)
        password = libpq_files.password_for(libpq_files.resolve(given))
        known = {**given, "dbname": name} | ({"password": password} if password else {})
        return open_session(connection_string.build(known), statement_timeout_ms=limit, lock_timeout_ms=LOCK_MS)

    return opened


def silent(name: str, detail: str = "") -> None:
    """Nobody is told of the steps of a trial."""


def _sql(name: str) -> str:
    return named_sql.load(__package__, "schema.sql")[name].replace("{users_schema}", USERS_SCHEMA)
