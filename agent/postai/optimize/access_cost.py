"""What a scan over an index costs, in the planner's units, where the planner cannot be asked.

HypoPG refuses GIN and GiST. The formulas are those of PostgreSQL's own cost model (costsize.c: cost_index,
cost_bitmap_heap_scan, index_pages_fetched after Mackert and Lohman, ACM TODS 14 (1989); selfuncs.c: gincostestimate,
gistcostestimate, brincostestimate, btcostestimate, hashcostestimate), fed with the sizes of `index_size`.
Measured errors: docs/optimize-models.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from postai.optimize.index_keys import json_keys, json_paths, key_facts, trigrams
from postai.optimize.index_size import BRIN_PAGES_PER_RANGE, IndexShape
from postai.optimize.statistics import ColumnFacts, PlannerSettings
from postai.optimize.types import IndexKey

PAGE_OPERATORS = 50.0
"""cpu_operator_costs for descending through one index page (DEFAULT_PAGE_CPU_MULTIPLIER)."""

PARTIAL_ENTRIES = 100.0
"""Keys that gincostestimate takes for one prefix match."""

_POSTINGS_PER_PAGE = 8192 / 3
_LITERAL = re.compile(r"\\[^\W\d_]|\(\?|\[[^\]]*\]|\{[^}]*\}|[.*+?^$|()]|\\.")


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of a scan in the planner's units.

    Attributes:
        startup: before the first row.
        total: of all rows.
        rows: heap rows that are looked at.
    """

    startup: float
    total: float
    rows: float = 0.0


@dataclass(frozen=True, slots=True)
class Search:
    """What a condition asks of a GIN index (nothing but `clauses` matters to other methods).

    Attributes:
        entries: keys looked up.
        prefixes: how many of them are looked up by prefix.
        whole: there is no key to look up: the whole index is read and every row checked.
        false_share: share of all rows that the index returns although they do not match.
        clauses: conditions that the index answers.
    """

    entries: float = 1.0
    prefixes: float = 0.0
    whole: bool = False
    false_share: float = 0.0
    clauses: int = 1


def search_for(key: IndexKey, operator: str, constant: str | None, facts: ColumnFacts) -> Search:
    """What one condition `key operator constant` asks of a GIN index.

    Args:
        key: of the index.
        operator: as the plan writes it: ~~ ~~* ~ ~* = % @> && <@ ? ?| ?& @@ ...
        constant: text of the constant, without quotes and type; None = a parameter: the planner assumes one key.
        facts: of the key.
    """
    if constant is None:
        return Search()
    opclass = (key.opclass or "").rpartition(".")[2].strip('"')
    if opclass == "gin_trgm_ops":
        return _trigram_search(operator, constant, facts)
    if facts.type_name == "jsonb" and operator == "@>":
        keys = (json_paths if opclass == "jsonb_path_ops" else json_keys)(constant)
        return _keys(keys)
    if facts.type_name == "tsvector":
        words = [one for one in re.split(r"[\s&|!()<>-]+", constant.replace("'", "")) if one]
        prefixes = sum(1 for one in words if re.search(r":[a-dA-D]*\*", one))
        return Search(max(1.0, float(len(words))), float(prefixes)) if words else Search(whole=True)
    if operator in ("?", "@?") or (facts.type_name == "jsonb" and operator == "@@"):
        return Search()
    return _keys(one for one in constant.strip("{}").split(",") if one.strip())


def _keys(keys: Iterable[object]) -> Search:
    number = len(set(keys))
    return Search(float(number)) if number else Search(whole=True)


def _trigram_search(operator: str, constant: str, facts: ColumnFacts) -> Search:
    if operator in ("~~", "~~*"):
        wanted = pattern_trigrams(constant)
    elif operator in ("~", "~*"):
        return _keys(part for run in _LITERAL.split(constant) for part in pattern_trigrams(f"%{run}%"))
    else:
        return _keys(trigrams(constant))
    values = facts.weighted_samples()
    total = sum(share for _, share in values)
    wrong = sum(share for text, share in values if wanted <= trigrams(text) and not _like(text, constant))
    if not wanted:
        return Search(whole=True)
    return Search(float(len(wanted)), false_share=wrong / total * (1.0 - facts.null_fraction) if total > 0 else 0.0)


def _like(text: str, pattern: str) -> bool:
    """Whether a text matches a LIKE pattern, upper and lower case alike; in time linear in the number of wildcards."""
    parts = [_without_escapes(part) for part in re.split(r"(?<!\\)%", pattern.lower())]
    found = [re.compile("".join("." if one == "\0" else re.escape(one) for one in part), re.DOTALL) for part in parts]
    text, place = text.lower(), 0
    if len(parts) == 1:
        return found[0].fullmatch(text) is not None
    for number, part in enumerate(found[:-1]):
        match = part.match(text) if number == 0 else part.search(text, place)
        if match is None:
            return False
        place = match.end()
    last = max(place, len(text) - len(parts[-1]))
    return found[-1].fullmatch(text, last) is not None


def _without_escapes(part: str) -> str:
    """A piece of a LIKE pattern with NUL for the wildcard _ and without backslashes."""
    return re.sub(r"\\(.)|_", lambda match: match[1] or "\0", part, flags=re.DOTALL)


def pattern_trigrams(pattern: str) -> frozenset[str]:
    """The trigrams that every text matching a LIKE pattern holds; none = pg_trgm has to read the whole index.

    A word is padded with blanks only where the pattern shows that it begins or ends there (generate_wildcard_trgm).
    """
    found: set[str] = set()
    text = re.sub(r"\\(.)", r"\1", pattern.lower().replace("\\%", "\0").replace("\\_", "\0"))
    for match in re.finditer(r"[^\W_]+", text):
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        word = match[0]
        padded = (
            ("" if before in ("%", "_") and before else "  ") + word + ("" if after in ("%", "_") and after else " ")
        )
        found.update(padded[i : i + 3] for i in range(len(padded) - 2))
    return frozenset(found)


def scan_cost(
    shape: IndexShape,
    rows: float,
    settings: PlannerSettings,
    *,
    search: Search | None = None,
    loops: float = 1.0,
    operators: float = 1.0,
    index_only: bool = False,
    ordered: bool = False,
) -> Cost:
    """Cost of reading the rows that an index condition selects, through that index.

    GIN and BRIN are read through a bitmap, whose whole cost lies before the first row but for the heap: a LIMIT above
    saves heap pages only. Btree, hash and GiST are read the cheaper way, in index order or through a bitmap.

    Args:
        shape: of the index.
        rows: rows that the index condition selects, by the planner's estimate.
        settings: the planner's prices.
        search: what a GIN index is asked for; None = one key.
        loops: how often the scan is repeated with other values (inner side of a nested loop); the cost is that of one.
        operators: conditions checked on each row that is fetched, in cpu_operator_costs (a function of cost 100: 100).
        index_only: whether no column outside of the index is needed (btree and GiST).
        ordered: whether GiST gives all rows in order of distance (KNN): `rows` then are all rows.

    Returns:
        the cost of one scan.
    """
    asked = search or Search()
    rows = min(max(rows, 1.0), max(shape.rows, 1.0))
    if shape.definition.method == "gin":
        candidates = shape.rows if asked.whole else min(shape.rows, rows + asked.false_share * shape.rows)
        return _bitmap(
            _gin_index(shape, asked, candidates, settings, loops), shape, candidates, settings, loops, operators
        )
    if shape.definition.method == "brin":
        candidates, cost = _brin_index(shape, rows, settings)
        return _bitmap(cost, shape, candidates, settings, loops, operators)
    index = _tree_index(shape, rows, settings, loops, asked.clauses)
    plain = _plain(index, shape, rows, settings, loops, max(0.0, operators - asked.clauses), index_only=index_only)
    if ordered:
        return plain
    bitmap = _bitmap(index, shape, rows, settings, loops, operators)
    return plain if index_only or plain.total <= bitmap.total else bitmap


def pages_fetched(tuples: float, pages: float, index_pages: float, settings: PlannerSettings) -> float:
    """Heap pages read for so many rows in random order, some of them again when the cache is too small.

    The formula of Mackert and Lohman as index_pages_fetched has it; the cache is taken to be shared between the table
    and the index.
    """
    pages = max(pages, 1.0)
    cache = max(1.0, math.ceil(settings.effective_cache_size * pages / (pages + max(index_pages, 0.0))))
    if pages <= cache:
        return min(pages, math.ceil(2.0 * pages * tuples / (2.0 * pages + tuples)))
    limit = 2.0 * pages * cache / (2.0 * pages - cache)
    if tuples <= limit:
        return math.ceil(2.0 * pages * tuples / (2.0 * pages + tuples))
    return math.ceil(cache + (tuples - limit) * (pages - cache) / pages)


def _gin_index(shape: IndexShape, search: Search, rows: float, settings: PlannerSettings, loops: float) -> Cost:
    """gincostestimate of PostgreSQL 16 (15 and older leave out the processor's part of each page)."""
    gin = shape.gin
    assert gin is not None
    entries = max(gin.entries, 1.0)
    operator = settings.cpu_operator_cost
    exact = entries if search.whole else max(search.entries - search.prefixes, 0.0)
    searches = entries if search.whole else max(search.entries, 1.0)
    partial = 0.0 if search.whole else min(1.0, search.prefixes * PARTIAL_ENTRIES / entries)
    entry_pages: float = math.ceil(searches * round(gin.entry_pages**0.15)) + math.ceil(gin.entry_pages * partial)
    early: float = math.ceil(gin.data_pages * partial)
    late: float = max(math.ceil(gin.data_pages * min(1.0, exact / entries)), math.ceil(rows / _POSTINGS_PER_PAGE))
    descent = math.ceil(math.log2(entries)) * operator * searches if entries > 1 else 0.0
    touched = PAGE_OPERATORS * operator
    startup = descent + (entry_pages + early + searches) * touched
    total = startup + late * touched
    if loops > 1:
        entry_pages = pages_fetched(entry_pages * loops, gin.entry_pages, gin.entry_pages, settings) / loops
        early = pages_fetched(early * loops, gin.data_pages, gin.data_pages, settings) / loops
        late = pages_fetched(late * loops, gin.data_pages, gin.data_pages, settings) / loops
    startup += (entry_pages + early) * settings.random_page_cost
    total += (entry_pages + early + late) * settings.random_page_cost
    total += searches * operator * search.clauses + rows * settings.cpu_index_tuple_cost
    return Cost(startup, total, rows)


def _brin_index(shape: IndexShape, rows: float, settings: PlannerSettings) -> tuple[float, Cost]:
    """brincostestimate: block ranges are read whole, fewer the better the column follows the rows' order on disk."""
    table = shape.statistics
    ranges = max(1.0, math.ceil(table.pages / BRIN_PAGES_PER_RANGE))
    facts = [key_facts(one, table) for one in shape.definition.keys]
    order = max((abs(one.correlation or 0.0) for one in facts), default=0.0)
    fewest = math.ceil(ranges * rows / max(shape.rows, 1.0))
    read = ranges if order < 1e-10 else min(fewest / order, ranges)
    revmap = math.floor(ranges / 1360) + 1
    startup = settings.seq_page_cost * revmap
    total = startup + settings.random_page_cost * max(shape.pages - revmap, 0.0)
    total += 0.1 * settings.cpu_operator_cost * read * BRIN_PAGES_PER_RANGE
    candidates = table.rows * read / ranges
    return candidates, Cost(startup, total, candidates)


def _tree_index(shape: IndexShape, rows: float, settings: PlannerSettings, loops: float, clauses: int) -> Cost:
    """genericcostestimate with the descent of btcostestimate and gistcostestimate."""
    tuples = max(shape.rows, 1.0)
    leaf = math.ceil(rows * shape.pages / tuples) if rows > 1 and shape.pages > 1 else 1.0
    if loops > 1:
        leaf = pages_fetched(leaf * loops, shape.pages, shape.pages, settings) / loops
    operator = settings.cpu_operator_cost
    total = leaf * settings.random_page_cost + rows * (settings.cpu_index_tuple_cost + operator * clauses)
    if shape.definition.method == "hash":
        return Cost(0.0, total, rows)
    height = math.floor(math.log(max(shape.pages, 1.0), 100 if shape.definition.method == "gist" else 300))
    startup = math.ceil(math.log2(max(tuples, 2.0))) * operator + (height + 1) * PAGE_OPERATORS * operator
    return Cost(startup, total + startup, rows)


def _bitmap(
    index: Cost, shape: IndexShape, rows: float, settings: PlannerSettings, loops: float, operators: float
) -> Cost:
    """cost_bitmap_heap_scan: heap pages in their order on disk, each once."""
    heap = max(shape.statistics.pages, 1.0)
    if loops > 1:
        pages = pages_fetched(rows * loops, heap, shape.pages, settings) / loops
    else:
        pages = math.ceil(min(heap, 2.0 * heap * rows / (2.0 * heap + rows)))
    entries = settings.work_mem * 1024.0 / 60.0  # tbm_calculate_entries: bytes of one page's entry
    fetched = rows
    if entries < pages:  # part of the bitmap holds whole pages, whose rows are all checked
        lossy = max(0.0, pages - entries / 2.0)
        exact = pages - lossy
        fetched = min(
            shape.statistics.rows, rows * exact / pages + lossy / pages * shape.statistics.rows * min(1.0, pages / heap)
        )
    each = settings.random_page_cost
    if pages >= 2:
        each -= (settings.random_page_cost - settings.seq_page_cost) * math.sqrt(pages / heap)
    startup = index.total + 0.1 * settings.cpu_operator_cost * rows
    work = fetched * (settings.cpu_tuple_cost + settings.cpu_operator_cost * operators)
    return Cost(startup, startup + pages * each + work, fetched)


def _plain(
    index: Cost, shape: IndexShape, rows: float, settings: PlannerSettings, loops: float, operators: float,
    *, index_only: bool,
) -> Cost:  # fmt: skip
    """cost_index: heap pages in index order, between the best case (the order on disk) and the worst (any order)."""
    table = shape.statistics
    heap = max(table.pages, 1.0)
    hidden = 1.0 - table.visible_fraction if index_only else 1.0
    worst = pages_fetched(rows * loops, heap, shape.pages, settings) * hidden * settings.random_page_cost / loops
    nearby = math.ceil(rows / max(table.rows, 1.0) * heap)
    if loops > 1:
        nearby = math.ceil(pages_fetched(nearby * loops, heap, shape.pages, settings) / loops)
        best = math.ceil(nearby * hidden) * settings.random_page_cost
    else:
        nearby = math.ceil(nearby * hidden)
        best = settings.random_page_cost + (nearby - 1) * settings.seq_page_cost if nearby > 0 else 0.0
    order = 0.0
    if shape.definition.method == "btree":
        order = key_facts(shape.definition.keys[0], table).correlation or 0.0
        order *= 0.75 if len(shape.definition.keys) > 1 else 1.0
    pages = worst + order * order * (best - worst)
    work = rows * (settings.cpu_tuple_cost + settings.cpu_operator_cost * operators)
    return Cost(index.startup, index.total + pages + work, rows)
