"""How large an index will be, from what ANALYZE knows of its columns.

Layouts follow PostgreSQL's sources: nbtree (nbtsort.c, nbtdedup.c), hash (hashpage.c), BRIN (brin_tuple.c), GIN
(ginentrypage.c, ginpostinglist.c), GiST (gistutil.c). Formulas and measured errors: docs/optimize-models.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from postai.optimize.index_keys import gin_elements, key_facts, null_tests
from postai.optimize.statistics import ColumnFacts, TableStatistics
from postai.optimize.types import IndexDefinition

BLOCK = 8192
POINTER = 4  # ItemIdData
TUPLE_HEADER = 8  # IndexTupleData
BTREE_PAGE = BLOCK - 24 - 16  # page header, btree's special space
BTREE_FILL = 0.90
BTREE_INNER_FILL = 0.70
LENGTHS = 24
POSTING_LIMIT = 812  # BTMaxItemSize during CREATE INDEX: a tenth of a page, less its line pointer
TID = 6
HASH_FILL = 0.75
HASH_PER_PAGE = (BLOCK - 24 - 16) // 20
BRIN_PAGES_PER_RANGE = 128
GIN_INLINE_LIMIT = 2704  # GinMaxItemSize: longer posting lists get a tree of their own
POSTING_HEADER = 8  # GinPostingList: the first pointer in full, and the length
GIN_LEAF = 8120
GIN_ENTRY_FILL = 0.60
GIST_FILL = 0.65
GIST_ORDERED_FILL = 0.45  # rows that come in the order of the key leave half-full pages behind

_ALIGN = {"c": 1, "s": 2, "i": 4, "d": 8}
_NO_DEDUPLICATION = frozenset(
    {"numeric", "float4", "float8", "jsonb", "interval", "tsvector", "tsquery", "record", "int4range", "int8range",
     "numrange", "daterange", "tsrange", "tstzrange", "bpchar"}
)  # fmt: skip
"""Types whose equal values may differ in their bytes (no equalimage support function in pg_amproc), and char(n), which
has one, but 300,000 equal values take as much room as different ones."""


@dataclass(frozen=True, slots=True)
class IndexShape:
    """An index that does not exist yet, as large as it would be.

    Attributes:
        definition, statistics: the index and its table.
        fraction: share of the rows that it covers.
        rows: rows that it covers.
        pages: its size in blocks.
        gin: parts of a GIN index; None for the other methods.
    """

    definition: IndexDefinition
    statistics: TableStatistics
    fraction: float
    rows: float
    pages: float
    gin: GinSize | None = None

    @property
    def bytes(self) -> int:
        return int(self.pages) * BLOCK


@dataclass(frozen=True, slots=True)
class GinSize:
    """Parts of a GIN index, as its meta page counts them, and how many keys a row has on average."""

    entries: float
    entry_pages: float
    data_pages: float
    keys_per_row: float

    @property
    def pages(self) -> float:
        return 2.0 + self.entry_pages + self.data_pages


def estimate_bytes(definition: IndexDefinition, statistics: TableStatistics, fraction: float = 1.0) -> int:
    """Size of an index right after CREATE INDEX, in bytes; arguments as of `index_shape`."""
    return index_shape(definition, statistics, fraction).bytes


def index_shape(definition: IndexDefinition, statistics: TableStatistics, fraction: float = 1.0) -> IndexShape:
    """How large an index is right after CREATE INDEX.

    Args:
        definition: the index.
        statistics: of its table.
        fraction: share of the rows that satisfies the predicate of a partial index, 0 to 1.

    Returns:
        the shape; of a partitioned table the indexes of all leaves together.
    """
    leaves, covered = max(statistics.leaves, 1), min(max(fraction, 0.0), 1.0)
    rows = statistics.rows * covered / leaves
    gin: GinSize | None = None
    if definition.method == "brin":
        pages = _brin(definition, statistics, statistics.pages / leaves)
    elif rows < 1:
        pages = 2.0
    elif definition.method == "gin":
        one = gin_size(definition, statistics, rows, statistics.pages / leaves)
        gin, pages = (
            replace(
                one,
                entries=one.entries * leaves,
                entry_pages=one.entry_pages * leaves,
                data_pages=one.data_pages * leaves,
            ),
            one.pages,
        )
    elif definition.method == "hash":
        pages = _hash(key_facts(definition.keys[0], statistics), rows)
    elif definition.method == "gist":
        pages = _gist(definition, statistics, rows)
    else:
        pages = _btree(definition, statistics, rows)
    return IndexShape(definition, statistics, covered, rows * leaves, float(math.ceil(pages) * leaves), gin)


def _aligned(size: float, to: int = 8) -> float:
    return math.ceil(size / to - 1e-9) * to


def _widths(facts: ColumnFacts) -> list[float]:
    """Stored widths of values that are not null, LENGTHS of them spread as the values' widths are.

    pg_stats.avg_width is cut off to whole bytes. A value of up to 126 bytes has one byte of header, a longer one four.
    """
    if facts.length > 0:
        return [float(facts.length)]
    values = facts.weighted_samples()
    total = sum(share for _, share in values)
    if facts.category != "S" or not values or total <= 0:
        return [facts.width + 0.5 + off for off in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    sizes = sorted((len(text.encode()), share / total) for text, share in values)
    chosen: list[float] = []
    passed = 0.0
    for size, share in sizes:
        passed += share
        while len(chosen) < LENGTHS and passed >= (len(chosen) + 0.5) / LENGTHS - 1e-9:
            chosen.append(size + (1.0 if size <= 126 else 4.0))
    factor = facts.width / (sum(chosen) / len(chosen)) if facts.average_width else 1.0
    return [one * factor for one in chosen] if factor > 1.3 else chosen


def tuple_bytes(columns: Sequence[ColumnFacts]) -> float:
    """An index tuple without nulls, on average: header, aligned values, rounded up to 8 bytes.

    Values of variable length are aligned from 127 bytes on only.
    """
    widths = [_widths(one) for one in columns]
    total = 0.0
    for number in range(LENGTHS):
        size = float(TUPLE_HEADER)
        for place, (one, lengths) in enumerate(zip(columns, widths, strict=True)):
            width = lengths[(number * (2 * place + 1)) % len(lengths)]
            if one.length > 0 or width > 127:
                size = _aligned(size, _ALIGN[one.align if one.length > 0 else "i"])
            size += width
        total += _aligned(size)
    return total / LENGTHS


def _null_share(columns: Sequence[ColumnFacts]) -> float:
    filled = math.prod(1.0 - one.null_fraction for one in columns)
    return 1.0 - filled


def _btree(definition: IndexDefinition, statistics: TableStatistics, rows: float) -> float:
    keys = [_covered(key_facts(one, statistics), definition) for one in definition.keys]
    included = [statistics.columns.get(one) or ColumnFacts(one, "text") for one in definition.include]
    columns = [*keys, *included]
    full = tuple_bytes(columns)
    nulls = _null_share(columns)
    bare = _aligned(16 + sum(one.width * (1.0 - one.null_fraction) for one in columns)) if nulls else full
    if len(columns) == 1:
        bare = 16.0
    size = full * (1.0 - nulls) + bare * nulls
    dedup = not included and not any(_unequal(one) for one in keys)
    content = _deduplicated(keys, statistics.rows, rows, full, bare) if dedup else rows * (size + POINTER)
    usable = BTREE_PAGE - BLOCK * (1.0 - BTREE_FILL) - (size + POINTER) / 2
    leaf = max(1.0, math.ceil(content / usable))
    pages, level = leaf, leaf
    pivot = max(16.0, tuple_bytes(keys[:1])) + POINTER
    fanout = max(2.0, (BTREE_PAGE - BLOCK * (1.0 - BTREE_INNER_FILL)) / pivot)
    while level > 1:
        level = math.ceil(level / fanout)
        pages += level
    return pages + 1


def _covered(facts: ColumnFacts, definition: IndexDefinition) -> ColumnFacts:
    """The facts among the rows of a partial index: a predicate that names the column leaves its nulls out."""
    if not definition.where or not facts.null_fraction:
        return facts
    tests = null_tests(definition.where, facts.name)
    return facts if tests is None or tests else replace(facts, null_fraction=0.0)


def _unequal(facts: ColumnFacts) -> bool:
    return facts.type_name in _NO_DEDUPLICATION or facts.category == "A"


def _deduplicated(keys: Sequence[ColumnFacts], table_rows: float, rows: float, full: float, bare: float) -> float:
    """Bytes of the leaf tuples where rows of equal keys share posting lists."""
    groups: list[tuple[float, float, float]] = []  # (number of groups, rows of each, bytes of the key's tuple)
    rest, distinct = rows, math.prod(one.distinct(table_rows) for one in keys)
    if len(keys) == 1:
        nulls = rows * keys[0].null_fraction
        if nulls >= 1:
            groups.append((1.0, nulls, bare))
        groups += [(1.0, rows * freq, full) for freq in keys[0].common_freqs]
        rest = max(0.0, rows - nulls - rows * sum(keys[0].common_freqs))
        distinct = max(1.0, distinct - len(keys[0].common_freqs))
    else:
        # Columns that are independent meet again by chance; those of a key never do. Half way between.
        distinct = max(1.0, (distinct * -math.expm1(-rows / distinct) + min(distinct, rows)) / 2.0)
    if rest >= 1:
        groups.append((min(distinct, rest), max(1.0, rest / distinct), full))
    return sum(count * _posting_bytes(each, size) for count, each, size in groups)


def _posting_bytes(rows: float, size: float) -> float:
    """Leaf bytes of one key that `rows` rows have, on average around that number."""
    most = max(2.0, math.floor((POSTING_LIMIT - size) / TID))
    if rows > 12:
        lists, left = divmod(rows, most)
        whole = lists * (_aligned(size + most * TID) + POINTER)
        return whole + (_aligned(size + left * TID) + POINTER if left >= 1 else 0.0)
    spread, total, weight = max(rows - 1.0, 0.0), 0.0, 1.0
    chance = math.exp(-spread)
    for more in range(40):
        count = 1 + more
        own = size if count == 1 else _aligned(size + count * TID)
        total += chance * (own + POINTER)
        weight -= chance
        chance *= spread / (more + 1)
    return total


def _hash(facts: ColumnFacts, rows: float) -> float:
    per_bucket = math.floor(BLOCK * HASH_FILL / 20)
    buckets = _hash_buckets(max(2.0, math.ceil(rows / per_bucket)))  # made for all rows before any is looked at
    rows *= 1.0 - facts.null_fraction
    overflow = 0.0
    for freq in facts.common_freqs:
        overflow += max(0.0, math.ceil((rows * freq + rows / buckets) / HASH_PER_PAGE) - 1)
    overflow += buckets * _overfull(rows * (1.0 - sum(facts.common_freqs)) / buckets, facts.distinct(rows) / buckets)
    return buckets + overflow + 2 + math.ceil(overflow / (BLOCK * 4))


def _hash_buckets(wanted: float) -> float:
    """Buckets are made in powers of two, from 512 on in quarters of one (_hash_spareindex)."""
    power = 2.0 ** math.ceil(math.log2(wanted))
    if power <= 1024:
        return power
    quarter = power / 8
    return power / 2 + math.ceil((wanted - power / 2) / quarter) * quarter


def _overfull(rows: float, keys: float) -> float:
    """Overflow pages of a bucket, where rows fall into it in lumps of equal keys (normal approximation)."""
    if rows <= 0:
        return 0.0
    lump = max(1.0, rows / max(keys, 1e-9))
    deviation = math.sqrt(rows * lump)
    return sum(0.5 * math.erfc((number * HASH_PER_PAGE - rows) / (deviation * math.sqrt(2))) for number in range(1, 20))


def _brin(definition: IndexDefinition, statistics: TableStatistics, heap: float) -> float:
    ranges = max(1.0, math.ceil(heap / BRIN_PAGES_PER_RANGE))
    width = sum(2 * key_facts(one, statistics).width for one in definition.keys)
    summary = _aligned(_aligned(5 + math.ceil(len(definition.keys) / 4)) + width) + POINTER
    return 1 + math.ceil(ranges / 1360) + math.ceil(ranges * summary / (BLOCK - 32))


def gin_size(definition: IndexDefinition, statistics: TableStatistics, rows: float, heap: float) -> GinSize:
    """The parts of a GIN index over `rows` rows that lie in `heap` blocks."""
    entries = entry_bytes = data = per_row = 0.0
    column = 2.0 if len(definition.keys) > 1 else 0.0
    for key in definition.keys:
        facts = key_facts(key, statistics)
        elements = gin_elements(key, facts, rows)
        filled = rows * (1.0 - facts.null_fraction)
        per_row += elements.per_value * (1.0 - facts.null_fraction)
        for count, share in elements.groups:
            each = max(1.0, share * filled)
            inline = _aligned(TUPLE_HEADER + column + elements.width, 2)
            inline += POSTING_HEADER + (each - 1) * posting_bytes(each, heap)
            entries += count
            if inline <= GIN_INLINE_LIMIT:
                entry_bytes += count * (_aligned(inline) + POINTER)
            else:
                entry_bytes += count * (_aligned(TUPLE_HEADER + column + elements.width) + POINTER)
                data += count * _tree_pages(each, heap)
    entry_pages = max(1.0, math.ceil(entry_bytes / (GIN_LEAF * GIN_ENTRY_FILL)))
    return GinSize(entries, entry_pages + math.ceil(entry_pages / 200), data, per_row)


def _tree_pages(postings: float, heap: float) -> float:
    leaves = math.ceil(postings * posting_bytes(postings, heap) * 1.03 / GIN_LEAF)
    return leaves + 1 if leaves > 1 else 1.0


def posting_bytes(postings: float, heap: float) -> float:
    """Bytes of one row pointer in a posting list of `postings` pointers spread over `heap` blocks.

    A list holds differences in 7-bit groups, 2048 to a block (ginpostinglist.c): 1 byte for the next row of a block, 2
    for one less than 8 blocks away, 3 below 1,024 blocks, 4 beyond.
    """
    density = postings / max(heap, 1.0)
    hit = -math.expm1(-density)
    same = 1.0 - hit / density if density > 1e-9 else 0.0
    near = 1.0 - (1.0 - hit) ** 7
    middle = 1.0 - (1.0 - hit) ** 1023
    return same + (1.0 - same) * (2 * near + 3 * (middle - near) + 4 * (1.0 - middle))


def _gist(definition: IndexDefinition, statistics: TableStatistics, rows: float) -> float:
    size, fill = float(TUPLE_HEADER), GIST_FILL
    for key in definition.keys:
        facts = key_facts(key, statistics)
        opclass = (key.opclass or "").rpartition(".")[2].strip('"')
        if opclass == "gist_trgm_ops":
            size += 5 + 3 * gin_elements(replace(key, opclass="gin_trgm_ops"), facts, rows).per_value
        elif facts.type_name == "tsvector":
            size += min(124.0, 5 + 4 * gin_elements(key, facts, rows).per_value)
        elif facts.type_name == "point":
            size += 32
        elif facts.type_name in ("inet", "cidr"):
            size += 8
        else:
            size += facts.width if facts.length < 0 else 2 * facts.length
            fill = GIST_ORDERED_FILL if facts.category == "R" or abs(facts.correlation or 0.0) > 0.9 else fill
    content = rows * (_aligned(size) + POINTER)
    pages = max(1.0, math.ceil(content / (BTREE_PAGE * fill)))
    return pages + math.ceil(pages / 60)
