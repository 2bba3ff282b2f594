"""Lists of attributes: "a required, unique SKU, an optional description and a quantity (at least 1)"."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from postai.design.kinds import MONEY, TYPE_WORDS, kind_of, with_unit
from postai.design.nouns import OPTIONAL_FLAGS, UNIQUE_FLAGS, Noun, plural, read_noun, singular
from postai.design.shelter import ENUMERATION, Shelter, values_of
from postai.design.verbs import RELATIVE, is_participle
from postai.language.numbers import NUMBER_WORDS

_NUMBER = r"-?\d[\d,]*(?:[.·]\d+)?|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True))
_TYPES = "|".join(sorted(map(re.escape, TYPE_WORDS), key=len, reverse=True))
_FLAG_ONLY = re.compile(
    r"^(?:(?:an?|the|is|must be|,|and|but|globally|always)\s*)*(?:required|optional|mandatory|unique|distinct|"
    r"filled(?: in)?|not empty|"
    r"not null|never empty)(?:\s+and\s+"
    r"(?:required|optional|unique|mandatory))?$",
    re.I,
)
_TAIL = re.compile(
    r"\s(?=(?:unique (?:per|within|in|for|among|across|throughout|to)|which|that|who|whose|where|whether|between|"
    r"greater|less than|"
    r"more than|over \d+|under \d+|up to|if|unless|until|defaults?|defaulting|starting (?:at|from|with|as)|"
    r"starts (?:at|with|as)|measured|given|stored|expressed|written|per|no (?:more|less)|of at (?:least|most)|"
    r"of (?:up to|exactly) \d+|when|as|initially|must|may|can|is|are|cannot|within|among|with|yes/no|true/false|"
    r"without|plus|longer|not|never|during|across|including|above|below|after|before|once|since|represented|chosen|"
    r"taken|identifying|has to|have to|"
    r"being)\b"
    r"|(?:in|at|by|on|to|from|for)\s+(?!§)\w|§\d+§|[<>=≥≤]|- "
    r"|(?:optional|required|unique|mandatory|not null)\b(?:$|\s(?:and|but|not null|integer|int|text|numeric|boolean|"
    r"date|§)))",
    re.I,
)
_OPTIONAL = re.compile(
    r"\b(?:optional(?:ly)?|nullable|may be (?:empty|missing|null|blank|left (?:empty|blank|out)|unknown|absent)|"
    r"can be (?:empty|missing|null|blank|left (?:empty|blank|out)|unknown|omitted)|if (?:known|any|there is one|"
    r"(?:it|they|he|she) (?:did|does|has|was|is|have)|"
    r"given|available|applicable|present)"
    r"|not (?:required|mandatory|always)|(?:is|are|stays?|remains?) (?:empty|null|blank|unknown|not set|unset) "
    r"(?:until|while|as long|for|if|when|before|unless)|empty until|unknown until|until then|need not|does not "
    r"have to|do not have to|only known|only (?:set|filled)|(?:comes?|follows?|known|set|filled(?: in)?|added|"
    r"given|recorded) (?:only )?(?:later|afterwards)|"
    r"(?:until|before) (?:then|that)|as long as|once (?:it|they|the)|only (?:once|after|when)|not (?:yet )?known)",
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


def split_list(text: str, shelter: Shelter) -> list[str]:
    """The items of a list, each with what is said about it behind."""
    text = shelter.protect_lists(text)
    pieces = [
        one.strip()
        for one in re.split(
            r"\s*,\s*(?:and\s+|as well as\s+|plus\s+)?|\s+(?:and|as well as|plus|&)\s+(?:also\s+)?", text
        )
        if one.strip()
    ]
    items: list[str] = []
    prefix = ""
    for piece in pieces:
        first = piece.split()[0].lower()
        if (
            _FLAG_ONLY.match(piece)
            and not re.match(r"(?:always )?(?:filled|not|never)", piece, re.I)
            and piece is not pieces[-1]
            and not prefix
            and (not items or re.match(r"(?:an?|the)\s", piece, re.I))
        ):
            # "a required, unique SKU": an adjective that waits for its noun
            prefix = piece + " "
            continue
        if items and re.match(
            r"(?:empty|unknown|null|blank|missing|not (?:yet )?known|initially|once|none|zero unless)\b", piece, re.I
        ):
            items[-1] += ", " + piece
            continue
        if items and re.match(
            r"(?!an?\s|the\s)(?:normally |usually )?[\w.-]+ (?:by default|when (?:created|new)|at first|initially|"
            r"to (?:begin|start) with|at the "
            r"(?:beginning|start)|unless .*)$|(?:exactly |max\.? |maximum |up to |at most |at least )?\d+ "
            r"(?:characters?|chars|letters|digits)\b|"
            r"(?:pk|primary key|not null|null|"
            r"nullable|indexed|auto[- ]?increment|generated|identity)$",
            piece,
            re.I,
        ):
            items[-1] += ", " + piece
            continue
        several = re.match(r"at (?:least|most) (?:\w+) [a-z]+s$", piece, re.I) and not re.search(
            r"characters|digits|letters", piece
        )
        if (
            items
            and not several
            and (
                (first in RELATIVE and first not in ("whether", "when"))
                or first
                in (
                    "with",
                    "default",
                    "defaults",
                    "defaulting",
                    "at",
                    "not",
                    "must",
                    "may",
                    "can",
                    "unless",
                    "if",
                    "but",
                    "or",
                    "is",
                    "are",
                    "up",
                    "between",
                    "starting",
                    "initially",
                    "both",
                )
                or _FLAG_ONLY.match(piece)
                or re.match(
                    r"(?:unique|required|optional|mandatory)\s+(?:per|within|for|in|among|if|when|until|across)\b",
                    piece,
                    re.I,
                )
                or piece.startswith("§")
            )
        ):
            items[-1] += ", " + piece
            continue
        items.append(prefix + piece)
        prefix = ""
    if prefix and items:
        items[-1] += ", " + prefix.strip()
    return items


def definition_items(text: str, shelter: Shelter) -> list[str]:
    """The items of a definition: "title, price > 0", or parted by semicolons, "email, unique; name"."""
    text = text.strip(" .,;")
    if ";" not in text:
        return [one for one in split_list(text, shelter) if one]
    found = []
    for one in text.split(";"):
        core, comma, details = one.strip().partition(",")
        found.append(f"{core} {shelter.keep(details.strip())}" if comma else core)
    return [one for one in found if one.strip()]


def read_attribute(text: str, shelter: Shelter) -> Attribute | None:
    """One item of a list as an attribute; None where it names nothing."""
    said = re.sub(
        r"^(?:an?|the)\s+(?:flag|boolean|marker|indicator)\s+(?=whether\b|if\b)|^(?:an?|the) flag (?:that (?:says|"
        r"tells|shows)|indicating) (?=whether|if)",
        "",
        text.strip(" ,"),
    )
    if found := _BACK.match(said):
        kind_word = "at" if found["kind"].lower() in ("time", "moment") else "on"
        return Attribute(
            Noun(("returned", kind_word)),
            ("returned", kind_word),
            "timestamptz" if kind_word == "at" else "date",
            text=said,
            optional_by_nature=True,
        )
    if found := _WHICH_DONE.match(said):
        return _when_done(said, found, shelter)
    if found := re.match(r"^(?:the\s+)?(?:whether|if)\s+(?:or not\s+)?(?P<what>.+)$", said, re.I):
        what, _, behind = found["what"].partition(",")
        flag = _flag(said, what, shelter)
        if flag is not None and re.search(r"\b(?:true|yes)\b", behind):
            flag.default = "true"
        return flag
    if found := re.match(
        r"^(?:the\s+)?(?P<kind>time|date|day|moment|timestamp)?\s*(?:when|(?:on|at) which|that|(?=(?:it|they|he|"
        r"she) (?:was|were|is|are)\b))\s*(?P<what>.+)$",
        said,
        re.I,
    ):
        moment = _moment(said, found["kind"] or "", found["what"], shelter)
        if moment is not None:
            return moment
    said = re.sub(
        r"^(?:an?|the)\s+(?:flag|boolean|marker|indicator)\s+(?:that (?:says|tells|shows)|saying|telling|"
        r"indicating|showing|for)\s+",
        "",
        said,
    )
    found = _TAIL.search(said)
    if "," in said and (found is None or found.start() > said.index(",")):
        found = re.search(",", said)
    core, tail = (said[: found.start()], said[found.start() :]) if found else (said, "")
    core = core.strip(" ,")
    if not shelter.bare(core) and not core:
        return None
    quoted = re.sub(
        r"^(?P<a>(?:an?|the|its|their)\s+)?(?P<b>(?:maximum|minimum|max|min|total|maximal)\s+)?number of (?P<c>[\w "
        r"]+)$",
        lambda m: _counted(m["b"] or "", m["c"]),
        shelter.without_details(core),
        flags=re.I,
    )
    quoted, long = _lettered(quoted)
    typed = (
        re.match(rf"^(?P<core>.+?)\s*[:=]?\s+\b(?P<type>{_TYPES})$", quoted, re.I)
        if not re.search(r"\bof\b", quoted)
        else None
    )
    type_said = ""
    if (
        typed
        and read_noun(typed["core"]) is not None
        and not re.fullmatch(r"(?:an?|the|its|their)", typed["core"], re.I)
        and typed["type"].lower()
        not in (
            "number",
            "date",
            "time",
            "amount",
            "flag",
            "numbers",
            "money",
            "moment",
            "timestamp",
            "datetime",
            "uuid",
        )
    ) or (typed and ":" in quoted):
        quoted, type_said = typed["core"], typed["type"].lower()
    noun = read_noun(quoted.rstrip(":"))
    if noun is None:
        return None
    kind = kind_of(noun.words)
    made = Attribute(
        noun,
        kind.name,
        kind.type,
        text=said,
        unique_by_nature=kind.unique,
        optional_by_nature=kind.optional,
        default=kind.default,
    )
    if made.name[0] in ("max", "min") and made.name[-1] == "count" and len(made.name) > 2:
        made.name = (*made.name[:-2], plural(singular(made.name[-2])))
    made.checks += long
    words = shelter.bare(core).lower().split()
    if noun.plural and words and words[-1] in KEPT_PLURAL:
        made.name = (*made.name[:-1], words[-1])
        made.type = kind_of(made.name).type
    if type_said:
        made.type, made.type_said = TYPE_WORDS[type_said], True
    if noun.flags & OPTIONAL_FLAGS:
        made.required = False
    elif noun.flags - UNIQUE_FLAGS:
        made.required = True
    if noun.flags & UNIQUE_FLAGS:
        made.unique = True
    for detail in (
        shelter.open(re.sub(r"§\s+§", "§ ; §", tail.replace("§", " §", 1))) if "§" in tail else tail,
        *(shelter.marks(core)),
    ):
        if detail.strip(" ,"):
            before = repr(made)
            apply_details(made, detail.strip(" ,"))
            if (
                repr(made) == before
                and not (made.default and "default" in detail)
                and not re.match(r"\s*per (?:hour|day|night|week|month|year)", detail)
                and re.match(
                    r"\s*,?\s*(?:which|that|must|may|can|cannot|unless|if|not|at least|at most|between|unique|per|"
                    r"for)\b",
                    detail,
                    re.I,
                )
            ):
                made.ignored.append(detail.strip(" ,"))
    return made


KEPT_PLURAL = frozenset(
    [
        "notes",
        "instructions",
        "remarks",
        "details",
        "terms",
        "preferences",
        "settings",
        "hours",
        "coordinates",
        "calories",
        "dimensions",
        "directions",
        "contents",
        "symptoms",
        "credits",
        "points",
        "goals",
    ]
)


def _counted(limit: str, what: str) -> str:
    """ "Number of pages" as page count, "maximum number of guests" as max guests."""
    noun = read_noun(what)
    if limit.strip().lower() in ("maximum", "max", "maximal", "minimum", "min"):
        return f"{limit.strip().lower()[:3]} {what} count"
    return f"{limit}{' '.join(noun.words) if noun else what} count"


def _lettered(text: str) -> tuple[str, list[str]]:
    """ "Two-letter code" as a code of two characters."""
    found = re.search(rf"\b(?P<n>{_NUMBER})[- ](?:letter|character|digit)s?\s+(?=\w)", text, re.I)
    if found is None:
        return text, []
    return text[: found.start()] + text[found.end() :], [f"char_length({{c}}) = {number(found['n'])}"]


_BACK = re.compile(
    r"^(?:the\s+)?(?P<kind>day|date|time|moment)\s+(?:when\s+|on which\s+|at which\s+)?(?:it|they|he|she)\s+"
    r"(?:came back|comes back|was returned|"
    r"was brought back|is back)\b",
    re.I,
)
_WHICH_DONE = re.compile(
    r"^(?:the\s+|an?\s+)?(?P<kind>year|month|order|sequence|position|day|date|time|moment)\s+(?:in|on|at) which\s+"
    r"(?P<who>[\w ]*?)\s*"
    r"\b(?:was|were|is|are|has been|had been)\s+(?:first\s+|last\s+)?(?P<verb>\w+)(?P<tail>.*)$",
    re.I,
)


def _when_done(said: str, found: re.Match[str], shelter: Shelter) -> Attribute:
    """ "The year in which it was built", "the order in which they are shown", "the date on which it was sent"."""
    kind, verb = found["kind"].lower(), found["verb"].lower()
    who = read_noun(found["who"])
    of = (
        who.words
        if who and who.words[-1] not in ("it", "they", "he", "she") and who.determiner in ("its", "their")
        else ()
    )
    if kind in ("order", "sequence", "position"):
        made = Attribute(Noun(("position",)), ("position",), "integer", text=said)
    else:
        name = (
            *of,
            "birth" if verb == "born" else verb,
            {"day": "on", "date": "on", "moment": "at", "time": "at"}.get(kind, kind),
        )
        kind_type = {"year": "integer", "month": "integer", "day": "date", "date": "date"}.get(kind, "timestamptz")
        made = Attribute(Noun(name), name, kind_type, text=said)
    for detail in (shelter.open(found["tail"]), *shelter.marks(found["tail"])):
        if detail.strip(" ,"):
            apply_details(made, detail.strip(" ,"))
    return made


def _flag(said: str, what: str, shelter: Shelter) -> Attribute | None:
    words = shelter.bare(what).lower().split()
    for at, word in enumerate(words):
        if word in ("is", "was", "are", "has", "have", "can", "be", "been") and at + 1 < len(words):
            rest = [
                one
                for one in words[at + 1 :]
                if one not in ("been", "already", "still", "currently", "a", "an", "the", "be")
            ][:3]
            if rest and rest[-1] in ("not", "or"):
                rest = rest[:-1]
            prefix = (
                ()
                if is_participle(rest[0]) and word in ("has", "have")
                else ("is",)
                if word in ("is", "was", "are", "has", "have", "been", "be")
                else ("can",)
            )
            if word in ("has", "have") and not is_participle(rest[0]):
                prefix = ("has",)
            name = (*(prefix or ("is",)), *rest)
            return Attribute(
                Noun(name),
                name,
                "boolean",
                default="true" if re.search(r"\btrue by default|default(?:s to|:)? (?:true|yes)", what) else "false",
                text=said,
            )
    return None


def _moment(said: str, kind: str, what: str, shelter: Shelter) -> Attribute | None:
    words = shelter.bare(what).lower().split()
    verbs = [
        one
        for one in words
        if is_participle(one)
        or one in ("begins", "starts", "ends", "expires", "happened", "made", "sent", "started", "joined")
    ]
    if not verbs:
        return None
    verb = verbs[-1]
    suffix, type_ = ("on", "date") if kind in ("date", "day") else ("at", "timestamptz")
    name = (verb, suffix)
    found = kind_of(name)
    default = found.default if verb in ("created", "registered", "joined", "added") else None
    return Attribute(Noun(name), name, type_, default=default, optional_by_nature=found.optional, text=said)


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
        r"\b(?:both|who are|which are)\b (?:of (?:whom|which|them) )?(?:are |being |refer(?:ring)? to |pointing to "
        r")?(?:also )?(?P<who>[\w "
        r"]+?)(?: as well| too)?$",
        low,
    ):
        made.role_of = found["who"].strip()
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
    if low in TYPE_WORDS or (
        found := re.search(rf"\b(?:as|is|are|being|stored as|of type)\s+(?:an?\s+)?(?P<t>{_TYPES})\b", low)
    ):
        made.type, made.type_said = TYPE_WORDS[low if low in TYPE_WORDS else found["t"]], True  # type: ignore[index]
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
    whole = made.type in ("integer", "bigint", "smallint")
    if found := re.search(
        rf"\b(?:up to|at most|max(?:imum)?(?: of)?|no more than|not (?:be )?longer than|no longer than|of at most|"
        rf"limited to|not exceed)\s+(?P<n>{_NUMBER})\s+(?:characters|chars|letters|signs)",
        low,
    ):
        made.checks.append(f"char_length({{c}}) <= {number(found['n'])}")
        return
    if found := re.search(
        rf"\b(?:exactly|of)?\s*(?P<n>{_NUMBER})\s+(?:characters|chars|letters|digits)(?: long)?", low
    ):
        made.checks.append(f"char_length({{c}}) = {number(found['n'])}")
        return
    if found := re.search(
        rf"(?:between|from)\s+(?P<a>{_NUMBER})%?\s+(?:and|to|through|up to)\s+(?P<b>{_NUMBER})|^(?:\w+ "
        rf")??(?P<a2>-?\d+(?:\.\d+)?)\s*(?:-|–|to|\.\.)\s*(?P<b2>\d+(?:\.\d+)?)\b",
        low,
    ):
        a, b = number(found["a"] or found["a2"]), number(found["b"] or found["b2"])
        made.checks.append(f"{{c}} BETWEEN {a} AND {b}")
        if made.type == "text" or (made.type == "double precision" and "." not in a + b and not found["a2"] and False):
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
                rf"not (?:be )?below)\s*[€$£]?(?P<n>{_NUMBER})\b",
                ">=",
            ),
            (rf"(?P<n>{_NUMBER})\s+or (?:more|greater|higher|above)", ">="),
            (
                rf"(?<!no )(?<!not )(?<!not be )(?:greater than|more than|larger than|higher than|bigger than|"
                rf"above|over|exceeds?|>)\s*[€$£]?(?P<n>{_NUMBER})\b",
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
            rf"more than|limited to)\s*[€$£]?(?P<n>{_NUMBER})\b",
            "<=",
        ),
        (rf"(?P<n>{_NUMBER})\s+or (?:less|fewer|lower|below)", "<="),
        (
            rf"(?<!no )(?<!not )(?<!not be )(?:less than|fewer than|smaller than|lower than|below|under|<)\s*"
            rf"[€$£]?(?P<n>(?!zero|0\b)(?:{_NUMBER}))\b",
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
        or {one.lower() for one in values} & {"optional", "required", "unique", "yes", "zero", "more", "null", "empty"}
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
        return number(low) if re.fullmatch(_NUMBER, low) else None
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
