"""Checks of encodings and collations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from postai.database.identifiers import quote_ident, quote_literal
from postai.replicate.checks.check import Check, Ground, blocker, counted, note, warning
from postai.replicate.types import Finding, Level, Side

FILE = "locale"
_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}


@dataclass(frozen=True)
class Locale:
    """How a database orders and stores text."""

    encoding: str
    collate: str
    ctype: str
    provider: str
    locale: str
    version: str

    @property
    def name(self) -> str:
        """For people: `libc en_US.UTF-8`."""
        return f"{_PROVIDERS.get(self.provider, self.provider)} {self.locale or self.collate}"

    @property
    def plain(self) -> bool:
        """Whether text is ordered by its bytes, which is the same everywhere."""
        return self.provider == "b" or (self.provider == "c" and self.collate in ("C", "POSIX"))


def _locale(ground: Ground, side: Side) -> Locale:
    return Locale(*ground.query(side, FILE, "database")[0])


def _same(name: str) -> str:
    """A locale's name as two systems write it differently: en_US.UTF-8, en_US.utf8."""
    return name.lower().replace("-", "")


def _make_like(ground: Ground, want: Locale) -> str:
    """The statement that makes a database like that on the target."""
    literal = quote_literal
    text = f"CREATE DATABASE {quote_ident(ground.probe.target.server.database + '_2')} TEMPLATE template0 ENCODING "
    text += f"{literal(want.encoding)} LC_COLLATE {literal(want.collate)} LC_CTYPE {literal(want.ctype)}"
    if want.provider == "i":
        text += f" LOCALE_PROVIDER icu ICU_LOCALE {literal(want.locale)}"
    elif want.provider == "b":
        text += f" LOCALE_PROVIDER builtin BUILTIN_LOCALE {literal(want.locale)}"
    elif ground.probe.target.server.major >= 15:
        text += " LOCALE_PROVIDER libc"
    return text


def encoding(ground: Ground) -> Iterator[Finding]:
    source, target = _locale(ground, Side.SOURCE), _locale(ground, Side.TARGET)
    if source.encoding == target.encoding:
        return
    what = f"the source is {source.encoding}, the target {target.encoding}"
    fix = (_make_like(ground, source), "name that database as the target")
    if source.encoding == "SQL_ASCII":
        yield blocker(Side.TARGET, f"{what}: bytes of SQL_ASCII have no known meaning and may not be valid there", (),
                      fix)  # fmt: skip
    elif target.encoding == "UTF8":
        yield warning(Side.TARGET, f"{what}: text is converted; verification compares what it means", (), fix)
    else:
        yield blocker(Side.TARGET, f"{what}, which may lack characters", (), fix)


def collation(ground: Ground) -> Iterator[Finding]:
    source, target = _locale(ground, Side.SOURCE), _locale(ground, Side.TARGET)
    same = source.provider == target.provider and _same(source.locale) == _same(target.locale)
    if not same or _same(source.collate) != _same(target.collate) or _same(source.ctype) != _same(target.ctype):
        yield warning(Side.TARGET, f"the source orders text by {source.name}, the target by {target.name}: ORDER BY, "
                      "ranges, upper() and what counts as a letter may differ", (),
                      (_make_like(ground, source), "name that database as the target"))  # fmt: skip
    elif source.version and target.version and source.version != target.version and not source.plain:
        yield note(Side.TARGET, f"version {source.version} of the collation on the source, {target.version} on the "
                   "target: indexes are built anew there, so only the order of some texts may differ")  # fmt: skip


def collation_version(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        if ground.facts(side).server.major < 15:
            continue
        here = _locale(ground, side)
        ((actual,),) = ground.query(side, FILE, "actual_version")
        if not here.version or not actual or here.version == actual:
            continue
        ((indexes,),) = ground.query(side, FILE, "text_indexes")
        name = ground.facts(side).database
        yield warning(side, f"the database was made with version {here.version} of its collation and runs with "
                            f"{actual}: {counted(indexes, 'index', 'indexes')} of text may be out of order and hide "
                            "duplicates", (),
                      (f"REINDEX DATABASE {name}", f"ALTER DATABASE {name} REFRESH COLLATION VERSION"))  # fmt: skip


def named_collations(ground: Ground) -> Iterator[Finding]:
    names = [name for (name,) in ground.query(Side.SOURCE, FILE, "named")]
    missing = [name for (name,) in ground.query(Side.TARGET, FILE, "missing", (names,))] if names else []
    if missing:
        yield blocker(Side.TARGET, f"{counted(len(missing), 'collation')} of columns or indexes "
                      "not there", missing,
                      ("install the operating system's locales (locale-gen), then: "
                       "SELECT pg_import_system_collations('pg_catalog')",))  # fmt: skip


_B, _W, _N = Level.BLOCKER, Level.WARNING, Level.NOTE
LOCALE: tuple[Check, ...] = (
    Check("encoding", "Encodings", "Text that the target's encoding has not cannot be stored there.",
          "Make the target with the source's encoding, or UTF8.", (_B, _W), encoding),
    Check("collation", "Collations", "Provider, locale and version of the C library or ICU decide on the order of "
                                     "text. Indexes are built on the target, so they are right there; results of "
                                     "queries may come in another order.",
          "Make the target with the source's locale where it has it.", (_W, _N), collation),
    Check("collation_version", "Collations that changed", "After an update of the operating system indexes of text may "
          "be out of order and hide duplicates, at which the building of a unique index on the target stops.",
          "REINDEX, then REFRESH COLLATION VERSION.", (_W,), collation_version),
    Check("named_collations", "Collations of columns", "COLLATE \"de_DE.utf8\" needs that locale on the target's "
          "operating system.", "Install it and import it.", (_B,), named_collations),
)  # fmt: skip
