"""What is said about one attribute: required, unique, ranges, values, defaults, units."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from postai.design.kinds import MONEY, TYPE_WORDS, with_unit
from postai.design.nouns import OPTIONAL_FLAGS, UNIQUE_FLAGS, Noun
from postai.design.shelter import ENUMERATION, values_of
from postai.language.numbers import NUMBER_WORDS

NUMBER = r"-?\d[\d,]*(?:[.·]\d+)?|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))


TYPES = "|".join(sorted(map(re.escape, TYPE_WORDS), key=len, reverse=True))


_OPTIONAL = re.compile(
    r"\b(?:optional(?:ly)?|nullable|may be (?:empty|missing|null|blank|left (?:empty|blank|out)|unknown|absent)|"
    r"can be (?:empty|missing|null|blank|left (?:empty|blank|out)|unknown|omitted)|if (?:known|any|there is one|"
    r"(?:it|they|he|she) (?:did|does|has|was|is|have)|"
    r"given|available|applicable|present)"
    r"|not (?:required|mandatory|always)|(?:is|are|stays?|remains?) (?:empty|null|blank|unknown|not set|unset) "
    r"(?:until|while|as long|for|if|when|before|unless)|empty until|unknown until|until then|need not|does not "
    r"have to|do not have to|only known|only (?:set|filled)|(?:comes?|follows?|known|set|filled(?: in)?|added|"
    r"given|recorded) (?:only )?(?:later|afterwards)|"
    r"(?:until|before) (?:then|that)|as long as|once (?:it|they|the)|only (?:once|after|when)|not (?:yet )?known|"
    r"if (?:it (?:is|was|has been) )?\w+ed|(?:empty|null|blank) (?:while|until|as long|before|when|if))",
    re.I,
)


_REQUIRED = re.compile(
    r"\b(?:(?<!not )required|(?<!not )mandatory|compulsory|must (?:always )?be (?:given|filled|present|set|"
    r"provided|known|entered|"
    r"specified)|must (?:always )?(?:have|not be (?:empty|null|blank|missing))|never (?:be )?(?:empty|null|missing|"
    r"blank)|cannot be (?:empty|null|missing|blank)|not null|not empty|always (?:be )?(?:filled|given|set|present|"
    r"known|required)|filled in|must not be (?:empty|null|blank|missing|left)|has to be (?:filled|given|present|set|"
    r"provided)|have to be (?:filled|given|present|set|provided))",
    re.I,
)


_UNIQUE = re.compile(
    r"\bunique(?:ly)?\b|\bno other\b|\b(?:nobody|no ?one) else\b|\bno two\b|\b(?:not|never) (?:be )?(?:shared|"
    r"repeated|used twice|duplicated|"
    r"reused)|\bdistinct\b|\bno duplicates?\b|\bidentifies\b|\bonly (?:be used )?once\b|\bdifferent for (?:each|"
    r"every)\b",
    re.I,
)


_SCOPE = re.compile(
    r"\b(?:unique|only once|once|distinct|no duplicates?)\b\s*(?:\w+\s)?(?:within|per|for each|for every|for|in "
    r"each|inside|in|among|across|of each)\s+(?P<scope>(?:its|the|their|a|an|one|each|every)?\s*[\w ]+?)(?=$|,|\.|"
    r"\band\b)",
    re.I,
)


_NOBODY_ELSE = re.compile(
    r"\b(?:no other [\w ]+?|nobody else|no one else|noone else)\s+(?:in|of|on|at|within|from)\s+(?:that|the same|"
    r"the|its|their|this)\s+(?P<scope>\w+)"
)


_UNITS = re.compile(
    r"\b(?:measured |stored |given |kept |counted |expressed )?in (?:whole |full )?(?P<unit>[a-z]+)(?=$|[\s,.;)])", re.I
)


_DEFAULT = re.compile(
    r"\b(?:defaults? to|default(?:ing to)?(?: is| value(?: is| of)?|:|=)?|by default(?: it is)?|initially|starts? "
    r"(?:as|at|with|out as)|starting (?:as|at|from|with)|which is|is)\s+(?P<value>\"[^\"]*\"|[\w.+-]+(?: [\w.+-]+"
    r"){0,1}?)(?P<after>\s+by default|\s+initially|\s+unless\b.*|\s+at first|\s+when\b.*)?(?=$|,|;|\.|\s+and\b)",
    re.I,
)


@dataclass
class Attribute:
    """One attribute as it was said.

    Attributes:
        ignored: what was said about it and not understood.
        noun: what it is called.
        type: as SQL writes it.
        required: None = not said.
        unique: said to be unique; `scope` within what, "" = in the whole table.
        checks: expressions with {c} for the column.
        values: of an enumeration.
        default: SQL expression.
        role_of: what it is "also", where it names another row: "who is also an employee".
        optional_by_nature: often empty, as a description is.
    """

    noun: Noun
    name: tuple[str, ...]
    type: str
    required: bool | None = None
    unique: bool = False
    unique_by_nature: bool = False
    scope: str = ""
    checks: list[str] = field(default_factory=list)
    values: tuple[str, ...] = ()
    default: str | None = None
    role_of: str = ""
    optional_by_nature: bool = False
    type_said: bool = False
    text: str = ""
    ignored: list[str] = field(default_factory=list)

    def heed(self, flags: frozenset[str]) -> None:
        """Take over what adjectives say: unique, optional, required."""
        if flags & OPTIONAL_FLAGS:
            self.required = False
        elif flags - UNIQUE_FLAGS:
            self.required = True
        if flags & UNIQUE_FLAGS:
            self.unique = True


def apply_details(made: Attribute, detail: str) -> None:
    """Take over what is said about an attribute behind it or in brackets."""
    parts = [one for one in re.split(r"\s*;\s*|\s+-{1,2}\s+", detail) if one.strip(" ,")]
    if len(parts) > 1:
        for one in parts:
            apply_details(made, one.strip(" ,"))
        return
    detail = detail.replace("·", ".").removeprefix("- ")
    low = detail.lower()
    if found := re.search(
        r"\b(?:who|which|that|they|he|she)\s+(?:is|are|must be)\s+(?:also\s+)?(?P<who>(?:an?|another|other)\s+[\w "
        r"]+?)(?:$|,| too| as well)",
        low,
    ):
        made.role_of = re.sub(r"^(?:an?|another|other)\s+", "", found["who"]).strip()
    if found := re.search(
        r"\b(?:both|who are|which are)\b (?:of (?:whom|which|them) )?(?:are |being |refer(?:ring)? to |pointing to )?"
        r"(?:also )?(?P<who>(?:other )?(?:\w+s|people))(?: as well| too)?$",
        low,
    ):
        made.role_of = found["who"].strip()
    if made.type == "text" and (
        usual := re.fullmatch(r"\W*(?:usually|normally|mostly|by default) (not|no|yes)\W*", low)
    ):
        made.type, made.default, made.required = "boolean", "true" if usual[1] == "yes" else "false", True
        return
    if _OPTIONAL.search(low):
        made.required = False
    elif _REQUIRED.search(low):
        made.required = True
    if _UNIQUE.search(low):
        made.unique = "not unique" not in low and "need not be unique" not in low
        if (found := _NOBODY_ELSE.search(low) or _SCOPE.search(low)) and made.unique:
            made.scope = found["scope"].strip()
    if found := _UNITS.search(low):
        made.name, made.type = with_unit(made.name, found["unit"], made.type)
    elif re.fullmatch(r"[a-z]+", low):
        name, type_ = with_unit(made.name, low, made.type)
        if name != made.name or type_ != made.type:
            made.name, made.type = name, type_
    if "," in low and (typed := next((one for one in re.split(r"\s*,\s*", low) if one in TYPE_WORDS), None)):
        made.type, made.type_said = TYPE_WORDS[typed], True
    said = re.search(rf"\b(?:as|is|are|being|stored as|of type)\s+(?:an?\s+)?(?P<t>{TYPES})\b", low)
    word = low if low in TYPE_WORDS else said and said["t"]
    if word:
        made.type, made.type_said = TYPE_WORDS[word], True
    if re.search(r"\b(?:yes|true)\s*(?:/|or)\s*(?:no|false)\b", low):
        made.type, made.type_said = "boolean", True
    if re.search(r"\bpercent(?:age)?s?\b", low):
        made.type = "numeric(5,2)"
    _ranges(made, low)
    _values(made, detail)
    _default(made, detail)


def number(text: str) -> str:
    """A number or number word as SQL writes it."""
    text = text.strip().lower()
    if text in NUMBER_WORDS:
        return str(NUMBER_WORDS[text])
    return text.replace(",", "").replace("·", ".")


def _ranges(made: Attribute, low: str) -> None:
    low = re.sub(r"\b(?:(?:can|may|must|should|will) )?never\b", "not", low)
    whole = made.type in ("integer", "bigint", "smallint")
    if found := re.search(
        rf"\b(?:up to|at most|max(?:imum)?(?: of)?|no more than|not (?:be )?longer than|no longer than|of at most|"
        rf"limited to|not exceed)\s+(?P<n>{NUMBER})\s+(?:characters|chars|letters|signs)",
        low,
    ):
        made.checks.append(f"char_length({{c}}) <= {number(found['n'])}")
        return
    if found := re.search(rf"\b(?:exactly|of)?\s*(?P<n>{NUMBER})\s+(?:characters|chars|letters|digits)(?: long)?", low):
        made.checks.append(f"char_length({{c}}) = {number(found['n'])}")
        return
    if found := re.search(
        rf"(?:between|from)\s+(?P<a>{NUMBER})%?\s+(?:and|to|through|up to)\s+(?P<b>{NUMBER})|^(?:\w+ "
        rf")??(?P<a2>-?\d+(?:\.\d+)?)\s*(?:-|–|to|\.\.)\s*(?P<b2>\d+(?:\.\d+)?)\b",
        low,
    ):
        a, b = number(found["a"] or found["a2"]), number(found["b"] or found["b2"])
        made.checks.append(f"{{c}} BETWEEN {a} AND {b}")
        if made.type == "text":
            made.type = "integer" if "." not in a + b else "numeric"
        return
    bounds: list[tuple[str, str]] = []
    if re.search(
        r"\b(?:not|never|cannot|can never|non)(?: be| become| go| fall| drop|-)?\s*(?:negative|below (?:zero|0)|"
        r"less than (?:zero|0)|under (?:zero|0))|\bnon-?negative\b|\b(?:zero|0) or (?:more|greater|higher|"
        r"positive)",
        low,
    ):
        bounds.append((">=", "0"))
    elif re.search(
        r"\b(?:strictly )?positive\b|\bgreater than (?:zero|0)\b|\bmore than (?:zero|0)\b|\babove (?:zero|0)\b", low
    ):
        bounds.append((">", "0"))
    else:
        for pattern, operator in (
            (
                rf"(?:at least|min(?:imum)?(?: of| is)?:?|no less than|not (?:be )?(?:less|lower|smaller) than|>=|"
                rf"not (?:be )?below)\s*[€$£]?(?P<n>{NUMBER})\b",
                ">=",
            ),
            (rf"(?P<n>{NUMBER})\s+or (?:more|greater|higher|above)", ">="),
            (
                rf"(?<!no )(?<!not )(?<!not be )(?:greater than|more than|larger than|higher than|bigger than|"
                rf"above|over|exceeds?|>)\s*[€$£]?(?P<n>{NUMBER})\b",
                ">",
            ),
        ):
            if found := re.search(pattern, low):
                bounds.append((operator, number(found["n"])))
                break
    for pattern, operator in (
        (
            rf"(?:at most|max(?:imum)?(?: of| is)?:?|no (?:more|greater|higher) than|not (?:be )?(?:more|greater|"
            rf"higher|larger|above|over)(?: than)?|<=|up to|(?:must |may |can)?not exceed|never exceed|never be "
            rf"more than|limited to)\s*[€$£]?(?P<n>{NUMBER})\b",
            "<=",
        ),
        (rf"(?P<n>{NUMBER})\s+or (?:less|fewer|lower|below)", "<="),
        (
            rf"(?<!no )(?<!not )(?<!not be )(?:less than|fewer than|smaller than|lower than|below|under|<)\s*"
            rf"[€$£]?(?P<n>(?!zero|0\b)(?:{NUMBER}))\b",
            "<",
        ),
    ):
        if found := re.search(pattern, low):
            bounds.append((operator, number(found["n"])))
            break
    for operator, value in bounds:
        if made.type == "text":
            made.type = "numeric" if "." in value else "integer"
        made.checks.append(f"{{c}} {operator} {value}")
    if whole:
        return


def _values(made: Attribute, detail: str) -> None:
    if made.checks or made.type in ("boolean",):
        return
    text = detail.strip(" ,")
    listed = re.search(r"\b(?:one of|either|any of|values?:?|be|is|are|like|in)\s*:?\s+(?P<v>.+)$", text, re.I)
    plain = re.fullmatch(r"(?:[\w\"'/ -]+[,/|]\s*)+(?:or\s+)?[\w\"' -]+|[\w\"' -]+ or [\w\"' -]+", text)
    if ENUMERATION.search(text) or (
        listed and ("," in listed["v"] or "/" in listed["v"]) and re.search(r"one of|either|values", text, re.I)
    ):
        source = (
            listed["v"]
            if listed
            and (
                re.search(r"one of|either|any of|values", listed[0], re.I)
                or "," in listed["v"]
                or " or " in listed["v"]
            )
            else text
        )
    elif plain:
        source = text
    else:
        return
    source = re.sub(
        r",?\s*(?:and\s+)?(?:defaults?|initially|optional|required|unless|by default|which|starting).*$",
        "",
        source,
        flags=re.I,
    )
    values = values_of(source)
    if (
        len(values) < 2
        or any(re.match(r"(?:unique\b|in (?:its|the|an?|each|that|their)\b)", one, re.I) for one in values)
        or any(
            len(one.split()) > 4
            or re.match(
                r"(?:of|on|at|for|by|with|which|that|it|when|in (?:minutes|seconds|hours|days|euros?|percent|"
                r"metres|meters|km|kg))\s",
                one,
            )
            for one in values
        )
        or any(re.search(r"\b(?:when created|by default|at first|initially)\b", one) for one in values)
        or any(one.lower() in ("integer", "boolean") or re.match(r"(?:can|may|must) be\b", one) for one in values)
        or {one.lower() for one in values} & {"optional", "required", "unique", "zero", "more", "null", "empty"}
    ):
        return
    if all(re.fullmatch(r"-?\d+", one) for one in values):
        made.type = "integer" if made.type == "text" else made.type
    made.values = values


def _default(made: Attribute, detail: str) -> None:
    if found := re.search(
        r"(?:^|,\s*|\band\s+)(?:(?:which|it|that) is )?(?:normally |usually |always )?(?P<value>[\w.+-]+(?: [\w-]+"
        r")?) (?:by default|when (?:created|new)|at first|"
        r"initially|to (?:begin|start) with|at the (?:beginning|start)|unless .*|if nothing .*|if not .*)$",
        detail,
        re.I,
    ):
        expression = default_expression(found["value"].strip('"'), made)
        if expression is not None:
            made.default = expression
            return
    for found in _DEFAULT.finditer(detail):
        lead = found[0].lower()
        if not (lead.startswith(("default", "by default", "initially", "start")) or found["after"]):
            continue
        value = found["value"].strip()
        expression = default_expression(value.strip('"'), made)
        if expression is not None:
            made.default = expression
            return


def default_expression(value: str, made: Attribute) -> str | None:
    """A value in words as the SQL expression of a default; None where it does not fit the type."""
    from postai.database.identifiers import quote_literal

    low = value.lower().strip().strip("'")
    low = re.sub(r"^(?:the|an?)\s+", "", low)
    if made.values:
        match = next((one for one in made.values if one.lower() == low), None)
        return quote_literal(match) if match is not None else None
    if made.type == "boolean":
        if low in ("false", "no", "off", "not", "unset", "inactive", "disabled", "0") or low.startswith("not "):
            return "false"
        if low in ("true", "yes", "on", "1", *made.name[-1:]):
            return "true"
        return None
    if made.type in ("timestamptz", "date") or made.type.startswith("timestamp"):
        if low.split()[0] in ("now", "current", "today", "moment", "time", "creation", "insertion"):
            return "current_date" if made.type == "date" else "now()"
        return quote_literal(value) if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else None
    if made.type.startswith(("numeric", "integer", "bigint", "smallint", "double", "real")):
        return number(low) if re.fullmatch(NUMBER, low) else None
    if made.type == "uuid" and "random" in low:
        return "gen_random_uuid()"
    return quote_literal(value)


def merged(one: Attribute, other: Attribute) -> Attribute:
    """What two sentences say about the same attribute."""
    return replace(
        one,
        required=other.required if other.required is not None else one.required,
        unique=one.unique or other.unique,
        scope=other.scope or one.scope,
        checks=[*one.checks, *(check for check in other.checks if check not in one.checks)],
        values=other.values or one.values,
        default=other.default or one.default,
        type=other.type if other.type_said or (other.type not in ("text", MONEY) and one.type == "text") else one.type,
        role_of=other.role_of or one.role_of,
    )
