"""The value index: distinct values of text columns that have few, so that a question may say "Berlin" without saying of
which column.

What is taken: columns of text types with at most `Limits.values` distinct values, none longer than
`Limits.characters`, and those of type smallint that hold only 0 and 1 (flags). What is never taken: tables with row
level security (or with a partition that has it), with an index, statistics or partition key that calls a function of a
user, views, foreign tables, tables of extensions; columns that look secret by their name or comment (passwords,
tokens, hashes, numbers of cards, accounts and people), columns of contact data (e-mail, telephone), and columns whose
values look like identifiers no person says (UUIDs, hashes, tokens, URLs) or like free text. Only what the connected
role may read is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from postai.database import Database
from postai.database.catalog import Catalog, Column, ColumnName, KnownValues, Table
from postai.database.visibility import visible_to
from postai.deadline import Deadline, DeadlineExceeded
from postai.language.identifiers import pieces
from postai.language.samples import Bounds, Sample, Sampler, estimate, family, readable
from postai.language.schema import ColumnInfo, read_tables
from postai.language.word_set import word_set
from postai.language.words import singular

_SECRET = word_set("""
    password passwd passphrase passcode pwd pw secret token hash salt digest signature credential credentials apikey
    otp totp mfa ssn nino iban bic cvv cvc cvv2 jwt oauth bearer csrf nonce cipher encrypted crypt pin checksum md5 sha
    sha1 sha256 fingerprint email mail phone telephone mobile fax passport url uri href guid uuid
    """)
_SECRET_PAIRS = frozenset(
    {
        ("social", "security"), ("security", "number"), ("security", "code"), ("security", "answer"), ("api", "key"),
        ("access", "key"), ("private", "key"), ("secret", "key"), ("national", "id"), ("tax", "id"),
        ("tax", "number"), ("card", "number"), ("credit", "card"), ("account", "number"), ("bank", "account"),
        ("insurance", "number"), ("license", "number"), ("licence", "number"), ("identity", "number"),
        ("e", "mail"),
    }
)  # fmt: skip
_LABELS = word_set("type kind status category class state provider format algorithm language source level method")
"""`email_status` says nothing about anybody's address."""
_SECRET_COMMENT = re.compile(
    r"(?i)\b(passwords?|passphrase|secrets?|(access|api|auth|bearer) (token|key)s?|social security|ssn|credit card|"
    r"bank account|iban|confidential|sensitive|pii|hashed|encrypted)\b"
)
_OPAQUE = re.compile(
    r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"  # UUID
    r"|(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9+/=_.:$-]{20,}"  # hash, token, key
    r"|(?:\d[ -]?){13,}"  # card, account
    r"|\S+://\S+|\S+@\S+\.\S+"
)
_FREE_TEXT_LENGTH, _FREE_TEXT_WORDS = 40, 6
_LONG_SHARE = 0.1
_MOST_ESTIMATED = 2_000
"""Distinct values by the statistics, which may be old, beyond which a column is not even read."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the value index may hold and cost.

    Attributes:
        values: distinct values of a column; one with more is left out.
        characters: longest value; a longer one is left out, and its column where one in ten is longer.
        bytes: all values together, in UTF-8.
        rows: rows of one table that are read; of a larger table, a sample of about as many.
        seconds: one statement.
    """

    values: int = 1_000
    characters: int = 80
    bytes: int = 4 * 1024 * 1024
    rows: int = 100_000
    seconds: float = 2.0

    @property
    def bounds(self) -> Bounds:
        """The same for one read."""
        return Bounds(self.rows, self.values, 4 * self.characters, seconds=self.seconds)


def collect_values(db: Database, catalog: Catalog, limits: Limits, deadline: Deadline) -> dict[ColumnName, KnownValues]:
    """The value index of a database, smallest tables first; when the time or the bytes are used up, the rest lacks.

    Args:
        db: a session outside any transaction; with postai in the database or without.
        catalog: a picture of that database.

    Raises:
        Cancelled: the deadline was cancelled.
        ConnectionLost: the session ended.
    """
    found: dict[ColumnName, KnownValues] = {}
    room = limits.bytes
    sampler = Sampler(db, limits.bounds, deadline)
    for table, columns in indexable(db, catalog):
        try:
            read = read_values(sampler, table, columns, limits)
        except DeadlineExceeded:
            break
        for name, known in (read or {}).items():
            size = value_bytes(known)
            if size <= room:
                room -= size
                found[name] = known
    return found


def indexable(db: Database, catalog: Catalog) -> tuple[tuple[Table, tuple[Column, ...]], ...]:
    """The tables with the columns whose values may be indexed, judged by rights, types, names and statistics.

    Smallest tables first: they are read soonest and mean most.
    """
    mine = visible_to(catalog, db, db.query("select current_user")[0][0])
    found = []
    for info in read_tables(mine):
        whole = catalog.table(info.table.schema, info.table.name)
        if whole is None or not readable(whole):
            continue
        columns = tuple(one.column for one in info.columns if _wanted(one, whole))
        if columns:
            found.append((whole, columns))
    return tuple(sorted(found, key=lambda one: (estimate(one[0]) or 0, one[0].schema, one[0].name)))


def read_values(
    sampler: Sampler, table: Table, columns: tuple[Column, ...], limits: Limits
) -> dict[ColumnName, KnownValues] | None:
    """The values of those columns of a table that turn out to have few and speakable ones.

    Returns:
        None = the table cannot be read now.

    Raises:
        DeadlineExceeded: the sampler's time is over.
    """
    samples = sampler.distinct(table, columns)
    if samples is None:
        return None
    numbers = {column.name for column in columns if family(column) != "text"}
    found = {}
    for name, sample in samples.items():
        known = _known(sample, limits)
        if known is not None and (name not in numbers or set(known.values) <= {"0", "1"}):
            found[ColumnName(table.schema, table.name, name)] = known
    return found


def value_bytes(known: KnownValues) -> int:
    """Size of a column's values in UTF-8."""
    return sum(len(value.encode()) for value in known.values)


def looks_secret(name: str, words: tuple[str, ...] = (), comment: str | None = None) -> bool:
    """Whether a column holds secrets or contact data, by its name and comment.

    Args:
        name: the column's name.
        words: the words the name is made of, abbreviations written out, where they are known.
    """
    if comment and _SECRET_COMMENT.search(comment):
        return True
    for said in (tuple(singular(piece) for piece in pieces(name)), words):
        if not said or said[-1] in _LABELS:
            continue
        if _SECRET & set(said) or _SECRET_PAIRS & set(pairwise(said)) or (len(said) > 1 and said[-1] == "pass"):
            return True
    return False


def _wanted(info: ColumnInfo, table: Table) -> bool:
    column = info.column
    if table.column(column.name) is not column or not (family(column) == "text" or column.base_type == "int2"):
        return False
    if looks_secret(column.name, info.words, column.comment):
        return False
    statistics = column.statistics
    if statistics is None:
        return True
    rows = table.row_estimate or 0
    distinct = statistics.n_distinct if statistics.n_distinct >= 0 else -statistics.n_distinct * rows
    return distinct <= _MOST_ESTIMATED


def _known(sample: Sample, limits: Limits) -> KnownValues | None:
    rows = sum(sample.values.values())
    if sample.many or not rows or sample.long > _LONG_SHARE * (rows + sample.long):
        return None
    kept = [
        value for value in sample.values if len(value) <= limits.characters and value.isprintable() and value.strip()
    ]
    said = [value for value in sample.values if value.strip()]
    if not kept or len(kept) < (1 - _LONG_SHARE) * len(said) or _opaque(kept) or _free_text(kept):
        return None
    kept.sort(key=lambda value: (-sample.values[value], value))
    return KnownValues(tuple(kept), sample.whole and not sample.long and len(kept) == len(said))


def _opaque(values: Sequence[str]) -> bool:
    return 2 * sum(bool(_OPAQUE.fullmatch(value)) for value in values) >= len(values)


def _free_text(values: Sequence[str]) -> bool:
    count = len(values)
    return (
        sum(map(len, values)) > _FREE_TEXT_LENGTH * count
        and sum(len(value.split()) for value in values) > _FREE_TEXT_WORDS * count
    )
