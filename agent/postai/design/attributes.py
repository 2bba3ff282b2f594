"""Lists of attributes: "a required, unique SKU, an optional description and a quantity (at least 1)"."""

from __future__ import annotations

import re

from postai.design.details import NUMBER, TYPES, Attribute, apply_details, number
from postai.design.kinds import TYPE_WORDS, kind_of
from postai.design.nouns import Noun, plural, read_noun, singular
from postai.design.shelter import Shelter
from postai.design.verbs import is_participle

_TAIL = re.compile(
    r"\s(?=(?:unique (?:per|within|in|for|among|across|throughout|to)|which|that|who|whose|where|whether|between|"
    r"greater|less than|"
    r"more than|over \d+|under \d+|up to|if|unless|until|defaults?|defaulting|starting (?:at|from|with|as)|"
    r"starts (?:at|with|as)|(?:measured|given|stored|expressed|written|represented|chosen|taken) (?:in|as|by|at|on|"
    r"from|with|to)|per|no (?:more|less)|of at (?:least|most)|"
    r"of (?:up to|exactly) \d+|when|as|initially|must|may|can|is|are|cannot|within|among|with|yes/no|true/false|"
    r"without|plus|longer|not|never|during|across|including|above|below|after|before|once|since|represented|chosen|"
    r"taken|identifying|has to|have to|"
    r"being)\b"
    r"|(?:in|at|by|on|to|from|for)\s+(?!§)\w|§\d+§|[<>=≥≤]|- "
    r"|(?:optional|required|unique|mandatory|not null)\b(?:$|\s(?:and|but|not null|integer|int|text|numeric|boolean|"
    r"date|§)))",
    re.I,
)


_NO_NAME = re.compile(r"(?:an?|the|its|their)(?: (?:optional|required|unique|mandatory))*", re.I)
"""What stands before the name of an attribute: "an optional text"."""


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
    found = next((one for one in _TAIL.finditer(said) if not _NO_NAME.fullmatch(said[: one.start()])), None)
    if "," in said and (found is None or found.start() > said.index(",")):
        found = re.search(",", said)
    core, tail = (said[: found.start()], said[found.start() :]) if found else (said, "")
    core = core.strip(" ,")
    if not shelter.bare(core) and not core:
        return None
    quoted = re.sub(
        r"^(?P<a>(?:an?|the|its|their)\s+)?(?P<b>(?:maximum|minimum|max|min|total|maximal)\s+)?number of (?P<c>[\w "
        r"]+)$",
        lambda m: counted(m["b"] or "", m["c"]),
        shelter.without_details(core),
        flags=re.I,
    )
    quoted, long = _lettered(quoted)
    typed = (
        re.match(rf"^(?P<core>.+?)\s*[:=]?\s+\b(?P<type>{TYPES})$", quoted, re.I)
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
    made.heed(noun.flags)
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


def counted(limit: str, what: str) -> str:
    """ "Number of pages" as page count, "maximum number of guests" as max guests."""
    noun = read_noun(what)
    if limit.strip().lower() in ("maximum", "max", "maximal", "minimum", "min"):
        return f"{limit.strip().lower()[:3]} {what} count"
    return f"{limit}{' '.join(noun.words) if noun else what} count"


def _lettered(text: str) -> tuple[str, list[str]]:
    """ "Two-letter code" as a code of two characters."""
    found = re.search(rf"\b(?P<n>{NUMBER})[- ](?:letter|character|digit)s?\s+(?=\w)", text, re.I)
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
