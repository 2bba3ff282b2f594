"""What an index would store: facts of its key expressions, and the keys that GIN takes out of a value."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.errors import Refused
from postai.optimize.statistics import VARLENA_WIDTH, ColumnFacts, TableStatistics
from postai.optimize.types import IndexKey
from postai.sql.nodes import messages
from postai.sql.parse import parse_one

_FIXED = {
    "bool": (1, "c"), "int2": (2, "s"), "int4": (4, "i"), "int8": (8, "d"), "float4": (4, "i"), "float8": (8, "d"),
    "date": (4, "i"), "timestamp": (8, "d"), "timestamptz": (8, "d"), "time": (8, "d"), "uuid": (16, "c"),
    "interval": (16, "d"),
}  # fmt: skip
_RESULTS = {
    "to_tsvector": "tsvector", "array_to_tsvector": "tsvector", "jsonb_to_tsvector": "tsvector", "date": "date",
    "date_trunc": "timestamp", "length": "int4", "char_length": "int4", "octet_length": "int4", "extract": "numeric",
    "date_part": "float8", "year": "int4", "jsonb_array_length": "int4", "array_length": "int4", "cardinality": "int4",
    "hashtext": "int4", "abs": "", "round": "numeric", "floor": "", "ceil": "", "timezone": "timestamp",
}  # fmt: skip
_STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being but by can could did do does for from
    had has have he her here him his how i if in into is it its just me more most my no nor not now of off on once only
    or other our out over own same she should so some such than that the their them then there these they this those
    through to too under until up very was we were what when where which while who why will with would you
    your""".split()  # noqa: SIM905
)
"""Common English words that the text search configuration `english` leaves out."""

_WORD = re.compile(r"[^\W_]+")
OF_TEXT = "\0text"
TAIL_GROUPS = 6
TRIGRAM_DEFAULT = 3000
"""Distinct trigrams that are taken for a column of which no value is known."""


@dataclass(frozen=True, slots=True)
class Elements:
    """The keys that GIN takes out of the values of one index key.

    Attributes:
        per_value: distinct keys of a value that is not null, on average.
        groups: pairs (keys, share): so many keys, each found in that share of the values that are not null.
        width: bytes of one key.
    """

    per_value: float
    groups: tuple[tuple[float, float], ...]
    width: float

    @property
    def distinct(self) -> float:
        """Number of different keys."""
        return sum(keys for keys, _ in self.groups)


def key_facts(key: IndexKey, table: TableStatistics) -> ColumnFacts:
    """Facts of an index key: the column's own, or what can be concluded for an expression."""
    if key.column is not None:
        return table.columns.get(key.column) or ColumnFacts(key.column, "text")
    try:
        tree: Any = parse_one(f"SELECT ({key.expression})").tree
    except Refused:
        return ColumnFacts(key.expression, "text")
    return replace(_facts(tree.target_list[0].res_target.val, table), name=key.expression, correlation=None)


def _facts(node: Any, table: TableStatistics) -> ColumnFacts:
    kind = node.WhichOneof("node")
    own = getattr(node, kind) if kind else None
    if own is None or kind == "a_const":
        return ColumnFacts("", "text", average_width=5.0, n_distinct=1.0)
    if kind == "column_ref":
        name = own.fields[-1].string.sval
        return table.columns.get(name) or ColumnFacts(name, "text")
    if kind == "type_cast":
        return _cast(_facts(own.arg, table), own.type_name.names[-1].string.sval)
    if kind == "collate_clause":
        return _facts(own.arg, table)
    if kind == "coalesce_expr":
        return replace(_facts(own.args[0], table), null_fraction=0.0)
    if kind in ("bool_expr", "null_test", "boolean_test"):
        return ColumnFacts(" ", "bool", "B", 1, "c", n_distinct=2.0)
    if kind == "func_call":
        return _call(own.funcname[-1].string.sval, [_facts(one, table) for one in own.args])
    if kind == "a_expr" and own.name:
        return _operator(own, table)
    names = [one.fields[-1].string.sval for one in messages(own) if type(one).__name__ == "ColumnRef"]
    return next((table.columns[one] for one in names if one in table.columns), ColumnFacts("", "text"))


def _cast(facts: ColumnFacts, type_name: str) -> ColumnFacts:
    if type_name in _FIXED:
        length, align = _FIXED[type_name]
        return replace(facts, type_name=type_name, category="N", length=length, align=align, common=(), samples=())
    if type_name in ("text", "varchar", "bpchar") and facts.category != "S":
        width = facts.width + 1 if facts.length < 0 else {16: 37.0, 1: 6.0}.get(facts.length, 9.0)
        return replace(facts, type_name="text", category="S", length=-1, align="i", average_width=width)
    return replace(facts, type_name=type_name, average_width=facts.width, length=-1, align="i")


def _call(name: str, arguments: Sequence[ColumnFacts]) -> ColumnFacts:
    known = [one for one in arguments if one.name] or list(arguments)
    facts = known[0] if known else ColumnFacts("", "text")
    if name == "md5":
        return replace(facts, type_name="text", category="S", length=-1, average_width=33.0, common=(), samples=())
    if name in ("concat", "concat_ws"):
        return _joined(known)
    result = _RESULTS.get(name)
    if not result:
        return replace(facts, common=tuple(map(str.lower, facts.common)), samples=tuple(map(str.lower, facts.samples)))
    if result == "tsvector":
        return replace(facts, type_name="tsvector", category="U", length=-1, element_freqs=())
    reduced = _cast(facts, result)
    if name == "date_trunc":
        return replace(reduced, n_distinct=0.0 if facts.n_distinct < 0 else facts.n_distinct, common_freqs=())
    return reduced


def _operator(own: Any, table: TableStatistics) -> ColumnFacts:
    name = own.name[-1].string.sval
    sides = [_facts(one, table) for one in (own.lexpr, own.rexpr) if one.WhichOneof("node")]
    if name in ("->>", "->", "#>>", "#>"):
        key = own.rexpr.a_const.sval.sval if own.rexpr.WhichOneof("node") == "a_const" else ""
        return _member(
            sides[0], key.strip("{}").split(",") if name.startswith("#") else [key], text=name.endswith(">>")
        )
    if name in ("=", "<>", "<", ">", "<=", ">="):
        return ColumnFacts(" ", "bool", "B", 1, "c", n_distinct=2.0)
    if name == "||":
        return _joined([one for one in sides if one.name] or sides)
    return next((one for one in sides if one.name), sides[0])


def _joined(parts: Sequence[ColumnFacts]) -> ColumnFacts:
    """Texts one after the other; the samples are put together by place."""
    texts = [[*one.common, *one.samples] for one in parts]
    rows = max(map(len, texts), default=0)
    samples = tuple(" ".join(one[i % len(one)] for one in texts if one) for i in range(rows))
    width = sum(one.width for one in parts)
    most = max(parts, key=lambda one: one.distinct(1e6))
    return ColumnFacts(
        " ", "text", "S", -1, "i", width, min(one.null_fraction for one in parts), most.n_distinct, samples=samples
    )


def _member(facts: ColumnFacts, path: Sequence[str], *, text: bool) -> ColumnFacts:
    """One member of JSON documents, as the sampled documents have it."""
    values: list[tuple[str, float]] = []
    for document, share in facts.weighted_samples():
        value = _parsed(document)
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            values.append((value if isinstance(value, str) and text else json.dumps(value), share))
    kind, category = ("text", "S") if text else ("jsonb", "U")
    if not values:
        return ColumnFacts(facts.name, kind, category, average_width=min(facts.width, VARLENA_WIDTH), n_distinct=-0.5)
    weight = sum(share for _, share in values)
    width = sum(len(value.encode()) * share for value, share in values) / weight + (1 if text else 9)
    distinct = estimate_distinct(Counter(value for value, _ in values), len(values), 1e9)
    return ColumnFacts(
        facts.name, kind, category, average_width=width,
        null_fraction=max(0.0, 1.0 - weight * (1.0 - facts.null_fraction)),
        n_distinct=-1.0 if distinct > 1e8 else distinct,
        samples=tuple(value for value, _ in values),
    )  # fmt: skip


def null_tests(predicate: str, column: str) -> bool | None:
    """Whether a predicate asks for nulls of a column; None when it does not name the column."""
    try:
        tree: Any = parse_one(f"SELECT 1 WHERE {predicate}").tree
    except Refused:
        return None
    nodes = list(messages(tree))
    if not any(type(one).__name__ == "ColumnRef" and one.fields[-1].string.sval == column for one in nodes):
        return None
    tests = [one for one in nodes if type(one).__name__ == "NullTest" and one.nulltesttype == pb.IS_NULL]
    return any(one.arg.column_ref.fields and one.arg.column_ref.fields[-1].string.sval == column for one in tests)


def _parsed(document: str) -> Any:
    try:
        return json.loads(document)
    except (ValueError, RecursionError):
        return None


def estimate_distinct(counts: Counter[Any], drawn: float, total: float) -> float:
    """How many different values there are in `total`, judged by how often each came in `drawn` of them.

    The estimator Duj1 of Haas and Stokes, which ANALYZE uses too (analyze.c).
    """
    once = sum(1 for count in counts.values() if count == 1)
    divisor = drawn - once + once * drawn / max(total, drawn)
    return min(total, max(float(len(counts)), drawn * len(counts) / divisor if divisor > 0 else total))


def gin_elements(key: IndexKey, facts: ColumnFacts, rows: float) -> Elements:
    """The keys that GIN would hold for one index key.

    Args:
        key: for its operator class.
        facts: of the key.
        rows: rows that the index covers.
    """
    opclass = (key.opclass or "").rpartition(".")[2].strip('"')
    filled = max(rows * (1.0 - facts.null_fraction), 1.0)
    if opclass == "gin_trgm_ops":
        default = Elements(facts.width, ((TRIGRAM_DEFAULT, min(1.0, facts.width / TRIGRAM_DEFAULT)),), 4.0)
        return _sketch(facts, filled, _trigram_sets, 4.0) or default
    if opclass == "jsonb_path_ops":
        return _sketch(facts, filled, _path_sets, 4.0) or _unknown(facts.width / 14, filled, 4.0)
    if facts.type_name == "jsonb":
        return _sketch(facts, filled, _key_sets, 8.0) or _unknown(facts.width / 9, filled, 8.0)
    if facts.type_name == "tsvector" and not facts.element_freqs:
        return _sketch(facts, filled, _word_sets, 7.0) or _unknown(facts.width / 9, filled, 7.0)
    return _members(facts, filled)


def _members(facts: ColumnFacts, rows: float) -> Elements:
    """Elements of arrays and lexemes of tsvectors, from the frequencies that ANALYZE keeps of them."""
    freqs = facts.element_freqs
    if facts.type_name == "tsvector":
        per_value, width = max((facts.width - 5) / 14.0, sum(freqs)), 7.0
    else:
        fixed = _FIXED.get(facts.type_name.removeprefix("_"), (0, ""))[0]
        per_value = facts.elements_per_value or max(1.0, (facts.width - 21) / (fixed or 12))
        width = float(fixed or max(2.0, (facts.width - 21) / max(per_value, 1.0) - 5.0))
    head = tuple((1.0, freq) for freq in freqs if freq > 0)
    return Elements(per_value, (*head, *_tail(per_value - sum(freqs), [freq for _, freq in head], rows)), width)


def _tail(rest: float, freqs: Sequence[float], rows: float) -> tuple[tuple[float, float], ...]:
    """Keys rarer than the known ones (`freqs`, falling), which together stand for `rest` keys of a value.

    Frequencies go on as 1/rank, as they do in texts: from rank m with frequency f, `rest` = f m ln(D / m). Where the
    known ones are about equally frequent, so are the others; ANALYZE keeps the luckiest of its sample.
    """
    if rest <= 0.01:
        return ()
    if not freqs:
        each = max(1.0, 3.0 * rows / min(rows, 30000.0))  # ANALYZE drops what it met fewer than about 6 times
        return ((max(1.0, rest * rows / each), each / rows),)
    last, known = freqs[-1], len(freqs)
    if freqs[0] < 4.0 * last:
        share = max(0.6 * last, 1.0 / rows)
        return ((max(1.0, rest / share), share),)
    most = known * last * rows  # where the frequency falls to one row
    distinct = min(most, known * math.exp(min(rest / (last * known), 50.0))) - known
    return tuple(_long_tail(max(distinct, rest / last), rest, known))


def _unknown(per_value: float, rows: float, width: float) -> Elements:
    per_value = max(1.0, per_value)
    keys = max(1.0, per_value * rows / 20.0)
    return Elements(per_value, ((keys, per_value / keys),), width)


Extract = Callable[[str], Iterable[tuple[str, str]]]


def _sketch(facts: ColumnFacts, rows: float, extract: Extract, width: float) -> Elements | None:
    """Keys of the sampled values: pairs (kind, key), the number of different ones estimated for each kind alone.

    None when no value is known. Values longer than ANALYZE keeps (1 kB) are missing among the samples: the number of
    keys grows with the average width.
    """
    values = facts.weighted_samples()
    total = sum(share for _, share in values)
    if not values or total <= 0:
        return None
    counts: dict[str, Counter[str]] = {}
    weights: dict[tuple[str, str], float] = defaultdict(float)
    length = size = 0.0
    for text, share in values:
        keys = set(extract(text))
        for kind, key in keys:
            counts.setdefault(kind, Counter())[key] += 1
            weights[kind, key] += share / total
        length += len(text.encode()) * share / total
        size += sum(len(key.encode()) for _, key in keys) * share / total
    scale = 1.0
    if facts.category == "S" and facts.average_width and length > 0 and facts.average_width > 1.3 * length:
        scale = facts.average_width / length
    groups: list[tuple[float, float]] = []
    for kind, seen in counts.items():
        groups += _kind_groups(kind, seen, weights, rows, scale)
    per_value = sum(weights.values()) * scale
    return Elements(
        per_value, tuple(groups), width if width == 4.0 else max(width, 2 + size * scale / max(per_value, 1))
    )


def _kind_groups(
    kind: str, seen: Counter[str], weights: Mapping[tuple[str, str], float], rows: float, scale: float
) -> list[tuple[float, float]]:
    """Keys met more than once as they are, the rest with the number of them that is estimated."""
    drawn = float(seen.total())
    total = sum(weights[kind, key] for key in seen) * scale * rows
    rare = [key for key, count in seen.items() if count == 1]
    head = [(1.0, min(1.0, weights[kind, key] * scale)) for key, count in seen.items() if count > 1]
    if not rare:
        return head
    mass = sum(weights[kind, key] for key in rare) * scale
    keys = max(estimate_distinct(seen, drawn, max(drawn, total)) - len(head), float(len(rare)))
    if kind != OF_TEXT:
        return [*head, (keys, min(1.0, mass / keys))]
    twice = sum(1 for count in seen.values() if count == 2)
    unseen = len(rare) ** 2 / (2.0 * max(twice, 1))  # Chao's estimator, for the long tail of words
    return [*head, *_long_tail(min(max(keys, len(rare) + unseen), mass * rows), mass, len(head))]


def _long_tail(keys: float, mass: float, known: int) -> Iterable[tuple[float, float]]:
    """Keys with frequencies as 1/rank, from rank `known` on, in groups of like frequency."""
    first = max(float(known), 1.0)
    growth = math.log1p(keys / first) / TAIL_GROUPS
    for number in range(TAIL_GROUPS):
        low, high = first * math.exp(growth * number), first * math.exp(growth * (number + 1))
        yield high - low, min(1.0, mass / TAIL_GROUPS / (high - low))


def trigrams(text: str) -> frozenset[str]:
    """The trigrams that pg_trgm takes out of a value: of each word with two blanks before and one after it."""
    found: set[str] = set()
    for word in _WORD.findall(text.lower()):
        padded = f"  {word} "
        found.update(padded[i : i + 3] for i in range(len(padded) - 2))
    return frozenset(found)


def _trigram_sets(text: str) -> Iterable[tuple[str, str]]:
    return ((OF_TEXT, one) for one in trigrams(text))


def _word_sets(text: str) -> Iterable[tuple[str, str]]:
    return ((OF_TEXT, one) for one in _WORD.findall(text.lower()) if one not in _STOP_WORDS)


def _path_sets(document: str) -> Iterable[tuple[str, str]]:
    """jsonb_path_ops: a hash of each scalar together with its path."""
    return _leaves(_parsed(document), "")


def _leaves(document: Any, path: str) -> Iterable[tuple[str, str]]:
    """Scalars with their paths; without recursion, a document may be nested deeply."""
    waiting = [(document, path)]
    while waiting:
        value, where = waiting.pop()
        if isinstance(value, dict):
            waiting += [(member, f"{where}/{key}") for key, member in value.items()]
        elif isinstance(value, list):
            waiting += [(member, f"{where}/") for member in value]
        else:
            yield where, json.dumps(value)


def _key_sets(document: str) -> Iterable[tuple[str, str]]:
    """jsonb_ops: each member's name and each scalar, wherever it stands."""
    for path, value in _leaves(_parsed(document), ""):
        yield path, value.strip('"')
        for name in filter(None, path.split("/")):
            yield "\0names", name


def json_paths(document: str) -> frozenset[tuple[str, str]]:
    """The keys that jsonb_path_ops takes out of a document."""
    return frozenset(_path_sets(document))


def json_keys(document: str) -> frozenset[tuple[str, str]]:
    """The keys that jsonb_ops takes out of a document."""
    return frozenset(_key_sets(document))
