"""Parsing, splitting, classifying and fingerprinting of SQL text with PostgreSQL 18's own grammar (libpg_query).

Every way in which text can be unusable (too long, NUL, not Unicode, too deeply nested, a syntax error) raises
`Unparsable`, never a traceback and never a crash: libpg_query recurses on the C stack while it writes its tree, so
the depth of the text is bounded from its tokens before it is parsed.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import postgast
from google.protobuf.message import DecodeError, Message
from postgast.pg_query_pb2 import Node, ParseResult, Token

from postai.errors import Refused
from postai.sql.tags import command_tag

MAX_BYTES = 1 << 20
"""Longest SQL text that is parsed, in bytes of UTF-8."""

MAX_DEPTH = 200
"""Highest nesting that is handed to the parser (it needs about 1 kB of C stack for each level)."""

# Tokens that end one expression and begin the next one on the same level.
_BREAKS = frozenset(
    {"ASCII_44", "AND", "OR", "WHEN", "THEN", "ELSE", "ON", "SELECT", "FROM", "WHERE", "GROUP_P", "HAVING", "ORDER",
     "AS", "VALUES", "SET", "BY", "LIMIT", "OFFSET", "USING", "RETURNING", "WINDOW", "FILTER", "OVER", "WITH"}
)  # fmt: skip
# Tokens whose nesting outlives such a break: each makes the tree of the whole clause one level deeper.
_SPINE = frozenset({"JOIN", "NATURAL", "UNION", "INTERSECT", "EXCEPT", "CASE"})
_LEAVES = frozenset(
    {
        "IDENT",
        "UIDENT",
        "ICONST",
        "FCONST",
        "SCONST",
        "USCONST",
        "BCONST",
        "XCONST",
        "PARAM",
        "ASCII_46",
        "SQL_COMMENT",
        "C_COMMENT",
    }
)
# PostgreSQL's scanner takes such a run whole, gives most of it back, and takes the rest again: once for each `/*` in
# it, or for each + and - at its end. A run of 100,000 signs takes it minutes.
_RUN = re.compile(rb"[-~!@#^&|`?+*/%<>=]{65,}")
_MOST_STEPS = 100_000_000
_QUOTE = re.compile(r"['$]")
_OPENING = frozenset({"ASCII_40", "ASCII_91"})
_CLOSING = frozenset({"ASCII_41", "ASCII_93"})


class Unparsable(Refused):
    """The text is no SQL that PostgreSQL's grammar understands, or more than is parsed."""

    title = "not parsed"
    offset = 0
    """Where in the text, in characters from 0; 0 also where no place is known."""


@dataclass(frozen=True)
class Statement:
    """One parsed statement.

    Attributes:
        sql: its own text without the semicolon and surrounding white space.
        statement_class: PostgreSQL's command tag, e.g. "SELECT", "CREATE INDEX".
        tree: the statement node itself, e.g. a `SelectStmt` message.
    """

    sql: str
    statement_class: str
    tree: Message


def parse(text: str) -> tuple[Statement, ...]:
    """All statements of a text, in order; empty ones (";;", comments only) are dropped.

    Raises:
        Unparsable: too long, NUL, not Unicode, too deeply nested, or a syntax error (the detail names the place).
    """
    data = _checked_bytes(text)
    try:
        _bound_depth(data)
        result = postgast.parse(text)
    except postgast.PgQueryError as error:
        raise _syntax_error(error, data) from None
    except DecodeError:
        raise _too_deep() from None
    statements = []
    for raw in result.stmts:
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(data)
        own_text = data[raw.stmt_location : end].decode("utf-8").strip()
        tree = statement_node(raw.stmt)
        statements.append(Statement(own_text, command_tag(tree), tree))
    return tuple(statements)


def check_size(text: str) -> None:
    """Refuse a text that is parsed by other means (a PL/pgSQL body) where `parse` would refuse its size or nesting.

    Raises:
        Unparsable: too long, NUL, not Unicode, too deeply nested.
    """
    data = _checked_bytes(text)
    try:
        _bound_depth(data)
    except postgast.PgQueryError as error:
        raise _syntax_error(error, data) from None


def parse_one(text: str) -> Statement:
    """The only statement of a text.

    Raises:
        Unparsable: as `parse`, and when the text holds no statement.
        Refused: when it holds more than one.
    """
    statements = parse(text)
    if not statements:
        raise Unparsable("the text holds no SQL statement", hint="Give one SQL statement.")
    if len(statements) > 1:
        raise Refused(
            f"the text holds {len(statements)} statements, only one is allowed",
            detail="Statement classes: " + ", ".join(one.statement_class for one in statements) + ".",
            hint="Run them one by one.",
        )
    return statements[0]


def split(text: str) -> tuple[str, ...]:
    """The texts of the statements, without semicolons."""
    return tuple(statement.sql for statement in parse(text))


def classify(text: str) -> str:
    """PostgreSQL's command tag of the only statement."""
    return parse_one(text).statement_class


def fingerprint(text: str) -> str:
    """A hash (16 hex digits) that is equal for statements which differ in constants and layout.

    It is libpg_query's, made for statistics, and equal for some others, too: the order and number of columns, tables
    and arguments, names of columns of the result, and numbers of several digits in names of relations do not count.
    """
    parse(text)  # the limits hold for libpg_query's own parse too
    try:
        return str(postgast.fingerprint(text).hex)
    except postgast.PgQueryError as error:
        raise _syntax_error(error, _checked_bytes(text)) from None


def without_constants(text: str) -> str:
    """The text with `$1`, `$2`, ... for its constants, passwords of roles and connections among them.

    pg_stat_statements itself leaves those of utility statements in place. Of what cannot be parsed, the part before the
    first quote.
    """
    try:
        _bound_depth(_checked_bytes(text))
        return str(postgast.normalize(text))
    except (postgast.PgQueryError, Refused):
        before = _QUOTE.split(text, maxsplit=1)
        return before[0] if len(before) == 1 else f"{before[0]}..."


def canonical(text: str) -> str:
    """The text as libpg_query writes it back: one layout, comments gone, E'' where a string holds a backslash."""
    data = _checked_bytes(text)
    parse(text)
    try:
        return str(postgast.deparse(postgast.parse(text)))
    except postgast.PgQueryError as error:
        raise _syntax_error(error, data) from None


def plain_text(statement: Statement) -> str:
    """Text of a statement that means the same in every session, on every server version, and inside a wrapper.

    It is the statement's own text, unless that holds a comment (it could swallow what a wrapper adds), a backslash in
    an ordinary string (whose meaning depends on standard_conforming_strings) or a number in a notation that older
    servers read differently (0x1F, 1_000); then it is written back from the tree.

    Raises:
        Refused: libpg_query cannot write the tree back faithfully.
    """
    data = statement.sql.encode("utf-8")
    names = _token_names()
    for token in postgast.scan(statement.sql).tokens:
        own = data[token.start : token.end]
        kind = names.get(token.token, "")
        number = kind in ("ICONST", "FCONST") and (b"_" in own or own[:2].lower() in (b"0x", b"0o", b"0b"))
        if "COMMENT" in kind or number or (kind == "SCONST" and own.startswith(b"'") and b"\\" in own):
            return write(statement.tree)
    return statement.sql


def write(tree: Message) -> str:
    """The text of one statement, given as its node (`Statement.tree`, perhaps changed).

    Raises:
        Refused: libpg_query cannot write the tree back faithfully.
    """
    result = ParseResult()
    wrapper = result.stmts.add().stmt
    kind = tree.DESCRIPTOR
    field = next(one.name for one in wrapper.DESCRIPTOR.fields if one.message_type is kind)
    getattr(wrapper, field).CopyFrom(tree)
    try:
        text = str(postgast.deparse(result))
    except postgast.PgQueryError as error:
        raise _syntax_error(error, b"") from None
    if _without_places(parse_one(text).tree) != _without_places(tree):
        raise Refused(
            "the statement cannot be written in a form that is the same in every session",
            detail="It holds comments, or strings with backslashes, and libpg_query writes it back differently.",
            hint="Leave the comments out, and write such strings as E'...'.",
        )
    return text


def _without_places(tree: Message) -> Message:
    """A copy without the numbers that say where in the text each node stood."""
    copy = type(tree)()
    copy.CopyFrom(tree)
    queue = [copy]
    while queue:
        node = queue.pop()
        for field, value in node.ListFields():
            if field.name in ("location", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end"):
                node.ClearField(field.name)
            elif field.message_type is not None:
                queue.extend(value if field.is_repeated else [value])
    return copy


@functools.cache
def _token_names() -> dict[int, str]:
    """Names of the scanner's tokens by their numbers."""
    return {number: name for name, number in Token.items()}


def statement_node(node: Node) -> Message:
    """The concrete message inside a `Node` wrapper (the wrapper itself when it is empty)."""
    which = node.WhichOneof("node")
    return node if which is None else getattr(node, which)


def _checked_bytes(text: str) -> bytes:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unparsable(
            "the SQL text is not valid Unicode",
            detail=f"Character {error.start + 1} cannot be written as UTF-8.",
            hint="Send the text in UTF-8.",
        ) from None
    if len(data) > MAX_BYTES:
        raise Unparsable(
            f"the SQL text is too long: {len(data)} bytes",
            detail=f"At most {MAX_BYTES} bytes are parsed.",
            hint="Shorten it; long lists of values belong in a table.",
        )
    if b"\0" in data:
        raise Unparsable(
            "the SQL text holds a NUL character",
            detail=f"At byte {data.index(0) + 1}.",
            hint="PostgreSQL text cannot hold NUL; remove it.",
        )
    if sum(_steps(run) for run in _RUN.findall(data)) > _MOST_STEPS:
        raise Unparsable(
            "the SQL text holds too many operator signs in a row",
            detail="PostgreSQL's scanner would look at each of them again and again.",
            hint="Leave out runs of signs and comments in comments.",
        )
    return data


def _steps(run: bytes) -> int:
    """Characters that the scanner looks at for that run of signs, at most."""
    again = run.count(b"/*")
    if not run.startswith((b"--", b"/*")):  # these begin a comment, where signs are read once
        again += run.count(b"+") + run.count(b"-")
    return again * len(run)


def _syntax_error(error: postgast.PgQueryError, data: bytes) -> Unparsable:
    if "memory exhausted" in error.message or "stack depth" in error.message:
        return _too_deep()
    detail, offset = None, 0
    if error.cursorpos > 0:
        before = data.decode("utf-8", "replace")[: error.cursorpos - 1]
        line, offset = before.count("\n") + 1, len(before)
        detail = f"At character {offset + 1} (line {line}, column {offset - before.rfind(chr(10))})."
    failure = Unparsable(error.message, detail=detail, hint="Correct the SQL; the grammar is PostgreSQL's own.")
    failure.offset = offset
    return failure


def _too_deep() -> Unparsable:
    return Unparsable(
        "the SQL statement is nested too deeply",
        detail="Brackets, chained operators, joins and set operations all count as nesting.",
        hint="Use fewer levels: WITH queries, IN lists, ANY (array), concat_ws().",
    )


class _Level:
    """Nesting seen inside one pair of brackets."""

    __slots__ = ("deepest", "run", "spine")

    def __init__(self) -> None:
        self.run = 0  # operators since the last break
        self.spine = 0  # joins, set operations, CASEs since the bracket opened
        self.deepest = 0

    def add(self, levels: int) -> None:
        self.run += levels
        self.deepest = max(self.deepest, self.run)

    def total(self) -> int:
        return self.spine + self.deepest


def _bound_depth(data: bytes) -> None:
    """Raise `Unparsable` when the tokens could make a tree deeper than `MAX_DEPTH` (an upper estimate)."""
    names = _token_names()
    levels = [_Level()]
    for token in postgast.scan(data.decode("utf-8")).tokens:
        name = names.get(token.token, "")
        level = levels[-1]
        if name in _OPENING:
            levels.append(_Level())
            if len(levels) > MAX_DEPTH:
                raise _too_deep()
        elif name in _CLOSING and len(levels) > 1:
            levels.pop()
            levels[-1].add(level.total() + 1)
        elif name == "ASCII_59":
            levels = [_Level()]
        elif name in _SPINE:
            level.spine += 1
            level.run = 0
        elif name in _BREAKS:
            level.run = 0
        elif name not in _LEAVES:
            level.add(1)
        if levels[-1].total() > MAX_DEPTH:
            raise _too_deep()
