"""Roles, their memberships and settings, and what belongs to the database itself, carried to the new server.

Roles are the server's, not the database's: one that is there already is left as it is, and told where it differs.
Nobody is made a superuser: that is said, with the statement for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from postai.database import ServerError, named_sql
from postai.database.identifiers import quote_ident, quote_literal
from postai.database.protocol import Database
from postai.replicate.restore import secretly
from postai.replicate.types import USERS_SCHEMA, Finding, Level, MoveOptions, OnStep, Side

# Belonging to one of these is as good as being a superuser.
_MIGHTY = frozenset({"pg_execute_server_program", "pg_write_server_files", "pg_read_server_files"})
# Lists of names: each is quoted by itself (GUC_LIST_QUOTE in the server's source).
_LISTS = frozenset(
    {"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries",
     "shared_preload_libraries", "unix_socket_directories"}
)  # fmt: skip
# The fence of a switch; a move never carries it.
_FENCE = "default_transaction_read_only"
_REFUSED = "42501"


@dataclass(frozen=True)
class _Role:
    name: str
    superuser: bool
    inherit: bool
    create_role: bool
    create_database: bool
    login: bool
    replication: bool
    bypass_rls: bool
    connections: int
    valid_until: str | None
    comment: str | None

    def plain(self) -> str:
        """What everybody who may make roles may say of one."""
        limits = f" connection limit {self.connections}" if self.connections != -1 else ""
        until = f" valid until {quote_literal(self.valid_until)}" if self.valid_until else ""
        return f"{'' if self.login else 'no'}login {'' if self.inherit else 'no'}inherit{limits}{until}"

    def rights(self) -> tuple[str, ...]:
        """What needs more."""
        all_of_them = {"createrole": self.create_role, "createdb": self.create_database,
                       "replication": self.replication, "bypassrls": self.bypass_rls}  # fmt: skip
        return tuple(word for word, has in all_of_them.items() if has)


def copy_roles(source: Database, target: Database, options: MoveOptions, on_step: OnStep) -> tuple[Finding, ...]:
    """Make the roles that the database needs, their memberships and settings, on the target.

    Returns:
        what could not be carried, or differs there, each with the statement that mends it.
    """
    if not options.roles:
        return ()
    work = _Work(source, target)
    if options.role_passwords:
        work.read_passwords()
    for role in work.missing():
        work.create(role)
        on_step("role", role.name)
    work.compare()
    on_step("roles", f"{len(work.names)} roles")
    work.memberships()
    on_step("memberships")
    for role_name, here, name, value in source.query(_sql("settings"), (list(work.names),)):
        if role_name is not None and not here:
            work.setting(f"alter role {quote_ident(role_name)}", (role_name, False), name, value)
    on_step("role_settings")
    work.passwords(allowed=options.role_passwords)
    on_step("passwords")
    return tuple(work.found)


def copy_database(source: Database, target: Database) -> tuple[Finding, ...]:
    """Grants, settings and comment of the database itself, on whatever database `target` is a session of.

    What it lacks is added; what would take something away or is different there is told.
    """
    work = _Work(source, target)
    database = quote_ident(target.name)
    has = {tuple(row) for row in target.query(_sql("database"))}
    wanted = {tuple(row) for row in source.query(_sql("database"))}
    known = {grantee for _, grantee, *_ in wanted if grantee} & work.there
    comments = {comment for comment, *_ in has}, {comment for comment, *_ in wanted}
    if comments[0] == {None} and comments[1] != {None}:
        work.try_(f"comment on database {database} is {quote_literal(comments[1].pop())}", "comment", database)
    granted = {row[1:] for row in has}
    for _, grantee, right, grantable in sorted(wanted, key=str):
        if right is None or (grantee, right, grantable) in granted or not (grantee == "" or grantee in known):
            continue
        option = " with grant option" if grantable else ""
        to = quote_ident(grantee) if grantee else "public"
        work.try_(f"grant {right} on database {database} to {to}{option}", "database_grant", to)
    for right in sorted({row[2] for row in has if row[1] == ""} - {row[2] for row in wanted if row[1] == ""}):
        work.tell("database_grant", f"PUBLIC has {right} on the database, which it has not on the source", (database,),
                  f"REVOKE {right} ON DATABASE {database} FROM PUBLIC")  # fmt: skip
    for role_name, here, name, value in source.query(_sql("settings"), (sorted(work.there),)):
        if here and not (role_name is None and name == _FENCE):
            head = (
                f"alter role {quote_ident(role_name)} in database {database}"
                if role_name
                else f"alter database {database}"
            )
            work.setting(head, (role_name, True), name, value)
    return tuple(work.found)


def needed(source: Database) -> tuple[str, ...]:
    """Names of the roles that the source's database needs, without the server's own and the provider's."""
    return tuple(name for (name,) in source.query(_sql("wanted")))


def lacking(source: Database, target: Database) -> tuple[str, ...]:
    """Roles that the source's database needs and the target's server lacks."""
    names = needed(source)
    there = {row[0] for row in target.query(_sql("roles"), (list(names),))}
    return tuple(name for name in names if name not in there)


def unreachable(source: Database, target: Database) -> frozenset[str]:
    """Superusers of the target that the source's database names, where this session is none: they get no objects."""
    return frozenset(name for name, mighty in _not_ours(target, needed(source)) if mighty)


def to_join(source: Database, target: Database) -> frozenset[str]:
    """Roles that this session has to belong to before it can give them objects; `copy_roles` sees to it."""
    return frozenset(name for name, mighty in _not_ours(target, needed(source)) if not mighty)


def _not_ours(target: Database, names: Iterable[str]) -> list[tuple[str, bool]]:
    right = "'set'" if target.server_version >= 160_000 else "'member'"
    return [(name, mighty) for name, mighty in target.query(_sql("may_own").replace("{right}", right), (list(names),))]


class _Work:
    """One carrying of roles."""

    def __init__(self, source: Database, target: Database) -> None:
        self._source, self._target = source, target
        self.found: list[Finding] = []
        self.names = needed(source)
        self._wanted = [_Role(*row) for row in source.query(_sql("roles"), (list(self.names),))]
        self._has = {row[0]: _Role(*row) for row in target.query(_sql("roles"), (list(self.names),))}
        self._hashes: dict[str, str] = {}
        self._made: set[str] = set()
        ((self._me, self._superuser),) = target.query(_sql("me"))
        self._settings = {
            (role, here, name): value for role, here, name, value in target.query(_sql("settings"), (list(self.names),))
        }

    @property
    def there(self) -> frozenset[str]:
        """The roles that the target has by now."""
        return frozenset(self._has)

    def tell(self, check: str, what: str, objects: Iterable[str], *fix: str, level: Level = Level.WARNING) -> None:
        self.found.append(Finding(check, level, Side.TARGET, what, tuple(objects), fix))

    def try_(self, statement: str, check: str, name: str) -> bool:
        """Run it; where the server does not let us, say so."""
        try:
            self._target.execute(statement)
        except ServerError as error:
            if error.sqlstate[:2] not in ("42", "0A", "22", "0L", "0P"):
                raise
            self.tell(check, f"{check.replace('_', ' ')} not carried: {error.message}", (name,), statement)
            return False
        return True

    def missing(self) -> list[_Role]:
        return [role for role in self._wanted if role.name not in self._has]

    def create(self, role: _Role) -> None:
        """Make a role with all that may be said of it, or with as much as we may say."""
        name = quote_ident(role.name)
        statement = f"create role {name} {role.plain()}"
        try:
            with self._target.transaction():
                self._target.execute(" ".join((statement, *role.rights())))
                self._of_new(role)
        except ServerError as error:
            if error.sqlstate == "42710":
                return
            if error.sqlstate != _REFUSED or not role.rights():
                raise
            with self._target.transaction():
                self._target.execute(statement)
                for right in role.rights():
                    self._carefully(right, role)
                self._of_new(role)
        self._has[role.name] = role
        if role.superuser:
            self.tell("superuser", f"{name} is a superuser on the source and none on the target", (role.name,),
                      f"ALTER ROLE {name} SUPERUSER")  # fmt: skip

    def _carefully(self, right: str, role: _Role) -> None:
        statement = f"alter role {quote_ident(role.name)} {right}"
        try:
            with self._target.transaction():
                self._target.execute(statement)
        except ServerError as error:
            if error.sqlstate != _REFUSED:
                raise
            self.tell("role_attribute", f"{quote_ident(role.name)} did not get {right.upper()}: {error.message}",
                      (role.name,), statement)  # fmt: skip

    def _of_new(self, role: _Role) -> None:
        name = quote_ident(role.name)
        self._made.add(role.name)
        self._give_password(role.name)
        if role.comment:
            self._target.execute(f"comment on role {name} is {quote_literal(role.comment)}")
        if not self._superuser:
            self._target.execute(self._join(role.name))

    def compare(self) -> None:
        """Tell how roles that were there before differ, and to which we cannot give objects."""
        for role in self._wanted:
            other, name = self._has[role.name], quote_ident(role.name)
            lacks = tuple(right for right in role.rights() if right not in other.rights())
            if role.superuser and not other.superuser and other is not role:
                self.tell("superuser", f"{name} is a superuser on the source and none on the target", (role.name,),
                          f"ALTER ROLE {name} SUPERUSER")  # fmt: skip
            elif (role.plain() != other.plain() or lacks) and not other.superuser:
                self.tell("role_differs", f"{name} was on the target before, and is another one there", (role.name,),
                          f"ALTER ROLE {name} {' '.join((role.plain(), *lacks))}")  # fmt: skip
        for one, mighty in _not_ours(self._target, self.names):
            if mighty:
                self.tell("owner", f"{quote_ident(self._me)} may not give objects to the superuser {quote_ident(one)}: "
                          "what it owns on the source will be its own", (one,))  # fmt: skip
                continue
            try:
                self._target.execute(self._join(one))
            except ServerError as error:
                if error.sqlstate != _REFUSED:
                    raise
                self.tell("role_not_ours", f"{quote_ident(self._me)} cannot give objects to {quote_ident(one)}", (one,),
                          self._join(one), level=Level.BLOCKER)  # fmt: skip

    def _join(self, role: str) -> str:
        """Whoever gives an object to a role must belong to it."""
        how = " with inherit true, set true" if self._target.server_version >= 160_000 else ""
        return f"grant {quote_ident(role)} to {quote_ident(self._me)}{how}"

    def memberships(self) -> None:
        """Who belongs to whom, with the options as far as both versions have them."""
        names = list(self.names)
        has = {
            (group, member): tuple(rest) for group, member, *rest in self._target.query(_sql("memberships"), (names,))
        }
        wanted = self._source.query(_sql("memberships"), (names,))
        asked = [group for group, *_ in wanted]
        groups = {row[0]: _Role(*row) for row in self._target.query(_sql("roles"), (asked,))}
        for group, member, admin, inherit, settable, mighty in wanted:
            pair = f"{quote_ident(group)} to {quote_ident(member)}"
            if group not in groups:
                self.tell("membership", f"the target has no role {quote_ident(group)}", (group, member),
                          f"GRANT {pair}  -- when there is one")  # fmt: skip
                continue
            if mighty or groups[group].superuser or group in _MIGHTY:
                if (group, member) not in has:
                    self.tell("superuser", f"{quote_ident(group)} is as good as a superuser: not granted",
                              (group, member), f"GRANT {pair}")  # fmt: skip
                continue
            self._member(pair, has.get((group, member)), (admin, inherit, settable), groups[group].name, member)

    def _member(
        self, pair: str, has: tuple[bool, ...] | None, wanted: tuple[bool, bool, bool], group: str, member: str
    ) -> None:
        admin, inherit, settable = wanted
        if self._target.server_version >= 160_000:
            if has is None or has[:3] != wanted:
                words = ("false", "true")
                self.try_(f"grant {pair} with admin {words[admin]}, inherit {words[inherit]}, set {words[settable]}",
                          "membership", member)  # fmt: skip
            return
        if has is None or (admin and not has[0]):
            self.try_(f"grant {pair}{' with admin option' if admin else ''}", "membership", member)
        if not settable or inherit != self._has[member].inherit:
            self.tell("membership", f"the target cannot say of one membership that it is inherited "
                      f"({'yes' if inherit else 'no'}) or may be set ({'yes' if settable else 'no'})", (group, member),
                      f"ALTER ROLE {quote_ident(member)} {'INHERIT' if inherit else 'NOINHERIT'}")  # fmt: skip

    def setting(self, head: str, whose: tuple[str | None, bool], name: str, value: str) -> None:
        """One setting of a role or database, unless there is one."""
        has = self._settings.get((*whose, name))
        statement = f"{head} set {_setting_name(name)} to {_setting_value(name, value)}"
        if has is None:
            self.try_(statement, "setting", name)
        elif has != value:
            self.tell("setting", f"{name} was set on the target before, to another value", (name,), statement)

    def read_passwords(self) -> None:
        """Read the password hashes, as only superusers of the source may."""
        ((_, superuser),) = self._source.query(_sql("me"))
        logins = [role.name for role in self._wanted if role.login]
        self._hashes = dict(self._source.query(_sql("passwords"), (logins,))) if superuser else {}

    def passwords(self, *, allowed: bool) -> None:
        """Give roles that were there without a password theirs; say who has none."""
        logins = [role.name for role in self._wanted if role.login]
        without = [name for name in logins if name in self._made and name not in self._hashes]
        if self._superuser:
            without = [name for (name,) in self._target.query(_sql("without_password"), (logins,))]
            for name in without:
                with self._target.transaction():
                    self._give_password(name)
        without = [name for name in without if name not in self._hashes]
        if without:
            why = "and none can be read on the source" if allowed else "the move was not told to carry any"
            self.tell("no_password", f"{len(without)} roles that log in have no password there ({why})", without,
                      *(f"\\password {quote_ident(name)}" for name in without))  # fmt: skip

    def _give_password(self, name: str) -> None:
        if name in self._hashes:
            secretly(self._target, f"alter role {quote_ident(name)} password {quote_literal(self._hashes[name])}")


def _setting_name(name: str) -> str:
    return ".".join(quote_ident(part) for part in name.split("."))


def _setting_value(name: str, value: str) -> str:
    if name.lower() not in _LISTS:
        return quote_literal(value)
    return ", ".join(quote_literal(one) for one in _names(value)) or "''"


def _names(value: str) -> list[str]:
    """The names of a list as a setting stores it: comma between them, odd ones in double quotes."""
    found = re.findall(r'"((?:[^"]|"")*)"|([^\s,"]+)', value)
    return [quoted.replace('""', '"') or plain for quoted, plain in found]


def _sql(name: str) -> str:
    return named_sql.load(__package__, "roles.sql")[name].replace("{users_schema}", USERS_SCHEMA)
