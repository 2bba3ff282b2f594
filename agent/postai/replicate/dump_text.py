"""The text that pg_dump writes, as statements; which of them another server takes, and in which form.

Names, comments and function bodies in it are anybody's: the text is cut by its tokens, never by its lines.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

# pg_dump switches standard_conforming_strings on, so only E'...' has backslashes. Order matters.
_TOKEN = re.compile(
    r"""
    --[^\n]*
  | /\*
  | [eE]'(?:[^'\\]|\\.|'')*+'
  | '(?:[^']|'')*+'
  | "(?:[^"]|"")*+"
  | (?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)
  | \\(?:un)?restrict\ [^\n]*
  | [^\W\d][\w$]*
  | [;()]
    """,
    re.VERBOSE | re.DOTALL,
)
_IDENT = r'(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)'
_NAME = rf"{_IDENT}(?:\.{_IDENT})*"
_OWN = r'(?:"?postai_\d\w*"?)'

# The session is prepared by the one who runs the statements; extensions are made before; the move's own stay here.
_LEFT_OUT = re.compile(
    rf"""
    SET\ (?!SESSION\ AUTHORIZATION\ |default_table_access_method\ ) | SELECT\ pg_catalog\.set_config\(
  | (?:CREATE|COMMENT\ ON|ALTER)\ EXTENSION\b
  | (?:CREATE|ALTER|COMMENT\ ON|SECURITY\ LABEL\ .*\ ON)\ (?:PUBLICATION|EVENT\ TRIGGER)\ {_OWN}(?:\s|$)
  | (?:CREATE\ (?:CONSTRAINT\ )?|COMMENT\ ON\ )TRIGGER\ {_OWN}\s
  | ALTER\ TABLE\ (?:ONLY\ )?{_NAME}\ (?:ENABLE|DISABLE)\ (?:ALWAYS\ |REPLICA\ )?TRIGGER\ {_OWN}$
    """,
    re.VERBOSE,
)
_SESSION = re.compile(r"SET default_table_access_method ")
_AS_ANOTHER = re.compile(r"SET (?:SESSION AUTHORIZATION|ROLE) ")
_AS_MYSELF = re.compile(r"RESET (?:SESSION AUTHORIZATION|ROLE)$|SET SESSION AUTHORIZATION DEFAULT$")
_COLUMN_OPTIONS = re.compile(rf"(ALTER TABLE ONLY {_NAME} ALTER COLUMN {_IDENT} SET \()([^()']*)\)$")
_MAINTAIN = re.compile(
    r"((?:GRANT|REVOKE) |ALTER DEFAULT PRIVILEGES [^';]*?(?:GRANT|REVOKE) )([A-Z, ]*MAINTAIN[A-Z, ]*) ON "
)
_ONE = re.compile(_IDENT)
_OWNER = re.compile(
    rf"ALTER [A-Z ]+? ({_NAME})(?:\(.*\))? OWNER TO ({_IDENT})$|ALTER DEFAULT PRIVILEGES FOR ROLE ({_IDENT}) ",
    re.DOTALL,
)
# What can be missing on the new side without the application noticing; it needs rights that a role may not have there.
_SPARED = re.compile(
    r"(?:CREATE|ALTER|COMMENT ON) (?:EVENT TRIGGER|PUBLICATION) |SECURITY LABEL |"
    r"(?:CREATE|ALTER|COMMENT ON) (?:TRUSTED )?(?:PROCEDURAL )?LANGUAGE "
)
_SECRET = re.compile(
    r"((?:CREATE|ALTER) (?:USER MAPPING|SERVER|SUBSCRIPTION|FOREIGN TABLE)\b.*?)\bOPTIONS\b.*", re.DOTALL
)


@dataclass(frozen=True)
class Target:
    """What the form of a statement depends on.

    Attributes:
        version: server_version_num of the server that is to take it.
        superuser: whether the session there is a superuser's.
        unreachable: roles that it can give nothing to.
    """

    version: int
    superuser: bool
    unreachable: frozenset[str] = frozenset()


def statements(text: str) -> Iterator[str]:
    """The statements of a text, without comments between them and without semicolons."""
    begin: int | None = None
    parens = blocks = 0
    first = before = ""
    at = 0
    while (token := _TOKEN.search(text, at)) is not None:
        # What is no token (an operator, a number) belongs to the statement as well.
        gap = text[at : token.start()]
        if begin is None and gap.strip():
            begin = at + len(gap) - len(gap.lstrip())
        at = token.end()
        word = token[0]
        if word == "/*":
            at = _after_comment(text, at)
            continue
        if word.startswith("--") or (begin is None and word.startswith("\\")):
            continue
        if begin is None:
            if word == ";":
                continue
            begin, first, parens, blocks = token.start(), word.upper(), 0, 0
        upper = word.upper()
        if word == "(":
            parens += 1
        elif word == ")":
            parens -= 1
        elif upper == "ATOMIC" and before == "BEGIN" and first == "CREATE":
            blocks = 1
        elif blocks and upper == "CASE":
            blocks += 1
        elif blocks and upper == "END":
            blocks -= 1
        elif word == ";" and parens <= 0 and blocks == 0:
            yield text[begin : token.start()].strip()
            begin = None
        before = upper
    if begin is not None and text[begin:].strip():
        yield text[begin:].strip()


def adapted(statement: str, target: Target) -> str | None:
    """The statement as that server takes it; None = it does not belong there."""
    if _LEFT_OUT.match(statement):
        return None
    if target.unreachable and (of := owner_change(statement)) and of[1] in target.unreachable:
        return None
    if statement.startswith("CREATE SCHEMA "):
        return statement.replace("CREATE SCHEMA ", "CREATE SCHEMA IF NOT EXISTS ", 1)
    if options := _COLUMN_OPTIONS.match(statement):
        # An internal option of some servers that a newer pg_dump writes out and no server takes.
        kept = [one for one in options[2].split(", ") if not one.startswith("pg_attver=")]
        return f"{options[1]}{', '.join(kept)})" if kept else None
    if target.version < 170_000 and (grant := _MAINTAIN.match(statement)):
        rights = [one for one in grant[2].split(",") if one.strip() != "MAINTAIN"]
        return f"{grant[1]}{','.join(rights)} ON {statement[grant.end() :]}" if rights else None
    if not target.superuser and "SESSION AUTHORIZATION" in statement[:30]:
        return statement.replace("SESSION AUTHORIZATION", "ROLE", 1)
    return statement


def taken(text: str, target: Target) -> tuple[str, ...]:
    """The statements of a text that this server takes, in its form; what is said as another role is one of them."""
    found: list[str] = []
    together: list[str] | None = None
    for one in (adapted(one, target) for one in statements(text)):
        if one is None:
            continue
        if _AS_MYSELF.match(one):
            found += [";\n".join((*together, one))] if together is not None else []
            together = None
        elif _AS_ANOTHER.match(one):
            together = [one] if together is None else [*together, one]
        elif together is not None:
            together.append(one)
        else:
            found.append(one)
    return tuple(found) if together is None else (*found, ";\n".join(together))


def of_session(statement: str) -> bool:
    """Whether it only says how the following ones are run."""
    return _SESSION.match(statement) is not None


def owner_change(statement: str) -> tuple[str | None, str] | None:
    """Schema (None = the object is in none) and new owner, where the statement gives an object or its defaults away."""
    match = _OWNER.match(statement)
    if match is None:
        return None
    names = [one[1:-1].replace('""', '"') if one.startswith('"') else one for one in _ONE.findall(match[1] or "")]
    owner = _ONE.findall(match[2] or match[3])[0]
    return (names[0] if len(names) > 1 else None), owner[1:-1].replace('""', '"') if owner.startswith('"') else owner


def spared(statement: str) -> bool:
    """Whether a move goes on without it, with a warning."""
    return _SPARED.match(statement) is not None


def secret(statement: str) -> bool:
    """Whether it may hold a password."""
    return _SECRET.match(statement) is not None


def shown(statement: str, length: int = 300) -> str:
    """The statement for a person: shortened, without what may be a password."""
    text = re.sub(r"\s+", " ", _SECRET.sub(r"\1OPTIONS (...)", statement))
    return text if len(text) <= length else text[: length - 4] + " ..."


def digest(statement: str) -> str:
    """By which a statement that was run is known again."""
    return hashlib.sha256(statement.encode()).hexdigest()


def _after_comment(text: str, at: int) -> int:
    """The end of a comment that was opened before; comments may hold others."""
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)
