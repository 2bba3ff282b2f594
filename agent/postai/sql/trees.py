"""Reading PostgreSQL's stored expression trees (pg_node_tree): which functions, operators, types, relations they use.

Views, policies, index expressions, constraints and generated columns are stored as analysed trees. They name every
function by its oid, also those that the definition as text hides (implicit casts, operators, coercions), and also
built-in ones, which pg_depend does not record. The format is PostgreSQL's nodeToString (src/backend/nodes/outfuncs.c):
"{NODE :field value ...}", with every special character inside a string escaped by a backslash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NODE = re.compile(r"(?<!\\)\{([A-Z][A-Z0-9_]*)")
_NUMBER = re.compile(r":(\w+) (\d+)(?= |\}|$)")
_LIST = re.compile(r":(\w+) \(o ([0-9 ]+)\)")
_NOT_FUNCTIONS = frozenset(
    {"funcformat", "funccollid", "funccolcount", "funcresulttype", "funcresulttypmod", "funccoltypes",
     "funccoltypmods", "funccolcollations"}
)  # fmt: skip
_SUPPORT = frozenset({"opfuncid", "hashfuncid", "negfuncid", "startInRangeFunc", "endInRangeFunc", "tsmhandler"})
_OPERATORS = frozenset({"opno", "opnos", "eqop", "sortop", "cycle_mark_neop"})

_KNOWN = """
AGGREF ALIAS ARRAY ARRAYCOERCEEXPR ARRAYEXPR BOOLEANTEST BOOLEXPR CASE CASEEXPR CASETESTEXPR CASEWHEN COALESCE
COALESCEEXPR COERCETODOMAIN COERCETODOMAINVALUE COERCEVIAIO COLLATEEXPR COMMONTABLEEXPR CONST CONVERTROWTYPEEXPR
CTECYCLECLAUSE CTESEARCHCLAUSE DISTINCTEXPR FIELDSELECT FROMEXPR FUNCEXPR GROUPINGFUNC GROUPINGSET JOINEXPR
JSONBEHAVIOR JSONCONSTRUCTOREXPR JSONEXPR JSONFORMAT JSONISPREDICATE JSONRETURNING JSONTABLEPATH
JSONTABLEPATHSCAN JSONTABLESIBLINGJOIN JSONVALUEEXPR MINMAX MINMAXEXPR NAMEDARGEXPR NULLIFEXPR NULLTEST OPEXPR
PARAM QUERY RANGETBLENTRY RANGETBLFUNCTION RANGETBLREF RELABELTYPE ROW ROWCOMPARE ROWCOMPAREEXPR ROWEXPR RTE
RTEPERMISSIONINFO SCALARARRAYOPEXPR SETOPERATIONSTMT SORTGROUPCLAUSE SQLVALUEFUNCTION SUBLINK SUBSCRIPTINGREF
TABLEFUNC TABLESAMPLECLAUSE TARGETENTRY VAR WHEN WINDOWCLAUSE WINDOWFUNC XMLEXPR
"""

KNOWN_NODES = frozenset(_KNOWN.split())
"""Nodes of a query that only reads. Row locks (ROWMARKCLAUSE), sequences (NEXTVALUEEXPR) and what newer servers may
invent are not among them."""


@dataclass(frozen=True)
class TreeUses:
    """Oids that a stored tree names.

    Attributes:
        functions: functions, aggregates, window functions.
        support: functions behind operators, window frames and sampling methods.
        operators: operators.
        types: types of every value in it.
        relations: relations that it reads.
        strange: node names that are not known, "command" when a query in it does more than SELECT.
    """

    functions: frozenset[int]
    support: frozenset[int]
    operators: frozenset[int]
    types: frozenset[int]
    relations: frozenset[int]
    strange: frozenset[str]


def tree_uses(text: str) -> TreeUses:
    """What a pg_node_tree, given as text, uses."""
    functions: set[int] = set()
    support: set[int] = set()
    operators: set[int] = set()
    types: set[int] = set()
    relations: set[int] = set()
    strange = set(_NODE.findall(text)) - KNOWN_NODES
    found: list[tuple[str, tuple[int, ...]]] = [(label, (int(number),)) for label, number in _NUMBER.findall(text)]
    found += [(label, tuple(map(int, numbers.split()))) for label, numbers in _LIST.findall(text)]
    for label, numbers in found:
        lowered = label.lower()
        if label == "relid":
            relations.update(numbers)
        elif label in _OPERATORS:
            operators.update(numbers)
        elif label in _SUPPORT:
            support.update(numbers)
        elif label in ("aggfnoid", "winfnoid") or ("func" in lowered and label not in _NOT_FUNCTIONS):
            functions.update(numbers)
        elif ("type" in lowered or "typid" in lowered) and not lowered.endswith("mod"):
            types.update(numbers)
        elif label == "commandType" and numbers != (1,):
            strange.add("command")
    for oids in (functions, support, operators, types, relations):
        oids.discard(0)
    return TreeUses(
        frozenset(functions), frozenset(support), frozenset(operators), frozenset(types), frozenset(relations),
        frozenset(strange),
    )  # fmt: skip
