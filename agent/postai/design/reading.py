"""Reads sentences that say what there is: things, what they have, how they belong together."""

from __future__ import annotations

import re

from postai.design.attributes import Attribute, read_attribute, split_list
from postai.design.draft import Table
from postai.design.ground import PERSON_ROLES, PERSONS, ROLE_WORDS, Ground
from postai.design.kinds import kind_of
from postai.design.nouns import Noun, read_noun
from postai.design.relations import MANY_MANY, NOMINALS, Relation, key_column, nominals
from postai.design.rules import read_rule, read_subject_rule
from postai.design.sentences import STORING, Clause, Verb, clauses, find_verb, sentences, words_of

_SPEAKERS = frozenset(
    [
        "we",
        "i",
        "the",
        "over",
        "nobody",
        "it",
        "they",
        "one",
        "you",
        "people",
        "there",
        "system",
        "app",
        "application",
        "database",
        "schema",
        "platform",
        "software",
        "site",
        "website",
        "service",
        "tool",
        "nobody",
        "everyone",
        "somebody",
    ]
)
_CONTAIN = frozenset({"contain", "include", "consist", "comprise", "hold", "feature"})
_TO_ONE = frozenset(
    {"belong", "refer", "reference", "depend", "correspond", "point", "link", "relate", "concern", "describe"}
)
_INTRO = re.compile(
    r"^(?:please\s+)?(?:design|create|build|make|model|draw up|track|manage|give me|set up|i (?:need|want|would "
    r"like)|we (?:need|want|would like|are building|build|run|have|operate)|this is|it is|schema for|database for|"
    r"tables for|help)\b",
    re.I,
)
_LISTED = re.compile(
    r"^(?:we (?:have|need|store|keep|track|manage|record|collect|want|sell|own|offer)|there (?:are|is|will be|"
    r"should be)|(?:the )?(?:tables?|entities)(?: are| is)?:?|track|store|keep|record|manage|i (?:need|want|have)|"
    r"create (?:the )?tables?(?: for)?)\b\s*:?\s*(?:to (?:store|track|keep|record|manage|know|save)\s+)?",
    re.I,
)


def read_text(ground: Ground, text: str) -> None:
    """Read a whole description into the ground."""
    found = sentences(text)
    discover(ground, found)
    for number, sentence in enumerate(found):
        read_sentence(ground, sentence, found[number + 1 :], first=number == 0)


def discover(ground: Ground, found: list[str]) -> None:
    """Find the things that sentences speak of before any is read: what is a thing cannot be an attribute."""
    for number, sentence in enumerate(found):
        text = _headless(ground, sentence)
        for each in re.finditer(
            r"^for (?:each|every|an?|any) (?P<a>\w+(?: \w+)??)(?:,| (?:in|and|of|at|on|per|for|we|i|store|keep|"
            r"record|track|save|note|there|you)\b)",
            text,
            re.I,
        ):
            noun = read_noun(each["a"])
            if noun and ground.find_table(noun) is None and not ground.existing:
                ground.candidates.add(noun.words)
        for clause in clauses(text, ground.heads()):
            if clause.verb is None or (number == 0 and _is_system(ground, clause, found)):
                continue
            noun, verb = _subject_noun(clause.subject), clause.verb
            if (
                noun is None
                or set(noun.words) & _NO_NAME
                or _speaks(noun)
                or len(noun.words) > 3
                or clause.subject.lower().startswith(("no ", "when ", "if "))
            ):
                continue
            if verb.passive and verb.lemma in STORING:
                continue
            active = (
                verb.lemma in NOMINALS
                or verb.lemma in _CONTAIN | _TO_ONE
                or verb.passive
                or bool(verb.preposition)
                or noun.plural
            )
            if verb.lemma == "have" or (verb.lemma != "be" and active):
                if re.match(r".*\b(?:of|per)\s+(?:an?|the|each)\b", clause.subject, re.I) and verb.lemma != "have":
                    continue
                if ground.find_table(noun) is None and not (
                    ground.existing and ground.place(clause.subject, fuzzy=False)
                ):
                    ground.candidates.add(noun.words)
    # A role of a thing ("home team") is no thing of its own; "order items" and "items" are one.
    for words in list(ground.candidates):
        if len(words) > 1 and words[0] in ROLE_WORDS and any(one == words[1:] for one in ground.candidates):
            ground.candidates.discard(words)


def _speaks(noun: Noun) -> bool:
    """Whether a subject is who speaks or the whole that is modelled: "we", "the app"."""
    return noun.head in _SPEAKERS and (
        noun.head not in _WHOLE or (noun.determiner in ("the", "our", "this", "my", "") and not noun.plural)
    )


_WHOLE = frozenset(
    ["system", "app", "application", "database", "schema", "platform", "software", "site", "website", "service", "tool"]
)


def _subject_noun(text: str) -> Noun | None:
    text = re.sub(r"^(?:for|in|of|while)\s+", "", text, flags=re.I)
    text = re.sub(r"\s+(?:that|which|who)\b.*$", "", text)
    text = re.split(r"\s+(?:of|in|for|from|with|at|to)\s+", text)[0]
    return read_noun(text.split(",")[-1])


def _headless(ground: Ground, sentence: str) -> str:
    """The sentence without a title before its colon."""
    if not ground.existing:
        sentence = (
            re.sub(
                r"^(?:in|at|on|within)\s+(?:our|the|an?|this|my|every|each)\s+\w+,?\s+(?=(?:each|every|all|an?|"
                r"the)\s+\w+\s+(?!\w+s\s+\w+\s+one\b))",
                "",
                sentence,
                flags=re.I,
            )
            if not re.match(r"^(?:at|in|on)\s+(?:each|every)", sentence, re.I)
            else sentence
        )
    found = re.match(r"^(?P<head>[^:§]{1,70}):\s+(?P<rest>.+)$", sentence)
    if found is None:
        return sentence
    if (
        find_verb(words_of(found["rest"])) is None
        and len(found["head"].split()) <= 3
        and not _SYSTEMLIKE.search(found["head"])
    ):
        return sentence
    said = find_verb(words_of(found["head"]), ground.heads())
    if said is not None and not re.match(r"(?:i|we|it|there|you)\b", found["head"], re.I):
        return sentence
    if re.search(r"\b(?:one of|either|be|is|are|values?|these|following)$", found["head"], re.I):
        return sentence
    return found["rest"]


_SYSTEMLIKE = re.compile(
    r"\b(?:system|app|application|database|schema|platform|website|site|software|tool|tracker|shop|store|need|want|"
    r"tables|entities)\b",
    re.I,
)


def _is_system(ground: Ground, clause: Clause, found: list[str]) -> bool:
    """Whether the first sentence's subject is the whole thing that is modelled ("a blog has users and posts")."""
    noun = _subject_noun(clause.subject)
    if (
        noun is None
        or noun.plural
        or clause.verb is None
        or ground.existing
        or clause.subject.lower().startswith(("each", "every"))
    ):
        return False
    if clause.verb.lemma not in (
        "have",
        "manage",
        "track",
        "consist",
        "contain",
        "include",
        "store",
        "sell",
        "run",
        "offer",
        "organize",
        "organise",
        "operate",
        "own",
        "employ",
    ):
        return False
    rest = " ".join(found[1:]) + " " + " ".join(found[0].split()[len(clause.subject.split()) + 1 :])
    said = {read.head for word in re.findall(r"[A-Za-z]+", rest) if (read := read_noun(word))}
    if noun.head in said:
        return False
    items = [
        read_noun(re.split(r"\s(?:with|that|which|who)\s", one)[0]) for one in split_list(clause.rest, ground.shelter)
    ]
    whole = (
        len(items) > 1
        or bool(_SYSTEMLIKE.search(noun.name))
        or noun.head in ("blog", "company", "school", "library")
        or clause.verb.lemma in ("store", "track", "sell", "run")
    )
    return whole and bool(items) and all(one is not None and one.plural for one in items)


# Sentences --------------------------------------------------------------------------------------------------------


def read_sentence(ground: Ground, sentence: str, others: list[str], *, first: bool = False) -> None:
    """Read one sentence, and say so where nothing was made of it."""
    text = _headless(ground, sentence)
    head = sentence[: len(sentence) - len(text)].strip(" :")
    if head and sentence.startswith(f"{head}:") and (named := read_noun(head)) and ground.is_thing(named):
        ground.subject = ground.thing(named).name
    before = ground.understood
    if _read_notation(ground, text) or read_rule(ground, text):
        ground.understood += 1
        return
    for clause in clauses(text, ground.heads()):
        if clause.verb is not None and first and _is_system(ground, clause, [sentence, *others]):
            _things(ground, clause.rest)
            ground.understood += 1
            continue
        if (
            clause.verb is None
            and first
            and re.match(r"(?:an?|the|my|our)\s+[\w ]+?\s+(?:with|for|of)\s", clause.text, re.I)
        ) and _read_intro(ground, clause.text):
            continue
        if _read_clause(ground, clause):
            ground.understood += 1
        elif not (first and before == ground.understood and _read_intro(ground, clause.text)):
            ground.not_understood(clause.text)


def _read_intro(ground: Ground, text: str) -> bool:
    """The first sentence, which may say no more than what it is all about, or list what there is."""
    if found := re.search(r"\b(?:with|of|for|has|have|:)\s+(?P<list>.+)$", text, re.I):
        items = [
            read_noun(re.split(r"\s(?:with|that|which|who)\s|§", one)[0])
            for one in split_list(found["list"], ground.shelter)
        ]
        if items and all(one is not None and one.plural and len(one.words) <= 3 for one in items) and len(items) > 1:
            _things(ground, found["list"])
            ground.understood += 1
            return True
    return bool(_INTRO.match(text)) or (
        len(text.split()) <= 6 and find_verb(words_of(text)) is None and not ground.existing
    )


def _read_notation(ground: Ground, text: str) -> bool:
    """Short notations: "projects(name, deadline), tags", "tasks <-> tags many to many", "Book: title, ISBN"."""
    if found := re.search(
        r"^(?:there is )?(?:an? )?(?P<kind>many.to.many|n:m|m:n|one.to.many|1:n|one.to.one|1:1)(?: "
        r"relation(?:ship)?)?\s+(?:between|from|links?)\s+(?P<a>[\w ]+?)\s+(?:and|to)\s+(?P<b>[\w ]+)$",
        text,
        re.I,
    ) or re.search(
        r"^(?P<a>[\w ]+?)\s*(?:<->|<-->|<=>|↔|--|and|to|:|with)\s*(?P<b>[\w ]+?)\s*(?:\b(?:is|are|have|has|:|in)\b\s*"
        r")?(?:an?\s+)?§?\s*(?P<kind>many.to.many|n:m|m:n|one.to.one|1:1)\b",
        text,
        re.I,
    ):
        a, b = read_noun(found["a"]), read_noun(found["b"])
        if a and b:
            one, other = ground.thing(a).name, ground.thing(b).name
            many = not found["kind"].lower().startswith(("one.to.one", "one to one", "one-to-one", "1:1"))
            ground.relations.append(Relation(one, other, many))
            if not re.match(r"one.to.many|1:n", found["kind"], re.I):
                ground.relations.append(Relation(other, one, many, owner=True))
            return True
    if found := re.match(r"^(?P<a>[\w ]+?)\s*(?:->|→|=>)\s*(?P<b>[\w ]+?)$", text):
        a, b = read_noun(found["a"]), read_noun(found["b"])
        if a and b:
            ground.relations.append(Relation(ground.thing(a).name, ground.thing(b).name, many=False))
            return True
    if found := re.match(r"^(?P<head>[\w ]{2,40}):\s+(?P<list>.+)$", text):
        noun = read_noun(found["head"])
        if (
            noun
            and find_verb(words_of(found["list"])) is None
            and len(noun.words) <= 3
            and noun.head not in ("table", "entity")
        ):
            listed = [read_noun(one) for one in split_list(found["list"], ground.shelter)]
            if (
                not ground.is_thing(noun)
                and not noun.plural
                and all(one is not None and one.plural for one in listed)
                and not ground.existing
            ):
                _things(ground, found["list"])
                return True
            table = ground.thing(noun)
            ground.subject = table.name
            for item in split_list(found["list"], ground.shelter):
                _has_item(ground, table, item, Verb("have"))
            return True
    if not ground.existing and find_verb(words_of(text), ground.heads()) is None and re.search(r"\w\s?§\d+§", text):
        items = [one for one in re.split(r"\s*,\s*|\s+and\s+", _LISTED.sub("", text)) if one]
        nouns = [read_noun(ground.shelter.bare(one)) for one in items]
        if all(one is not None and len(one.words) <= 3 for one in nouns) and not re.match(r"\s*(?:add|remove)", text):
            _things(ground, ", ".join(items))
            return True
    return False


def _things(ground: Ground, text: str) -> None:
    """A list of things, each perhaps with its attributes: "books with title and ISBN, authors, and members"."""
    last: Table | None = None
    for item in split_list(text, ground.shelter):
        core, _, tail = re.sub(
            r",?\s+(?:each\s+)?(?:with|having|which have|that have|who have)\s+", "\x00", item, count=1
        ).partition("\x00")
        if not _ and item.lower().startswith("with "):
            core, tail = "", item[5:]
        details = ground.shelter.raw_marks(core)
        noun = read_noun(re.sub(r"\s+(?:that|which|who|from|in|for|by|to|of)\s.*$", "", ground.shelter.bare(core)))
        if noun is not None and (last is None or noun.plural or ground.is_thing(noun)) and (noun.head not in _SPEAKERS):
            last = ground.thing(noun)
            ground.topic[last.name] += 0
            if found := re.search(
                r"\s(?:from|of|for|in)\s+(?P<of>(?:the |an? |our )?[\w]+)$", ground.shelter.bare(core)
            ):
                other = read_noun(found["of"])
                if other and (ground.is_thing(other) or other.plural):
                    ground.relations.append(Relation(last.name, ground.thing(other).name, many=False))
            for detail in details:
                for each in split_list(detail, ground.shelter):
                    _has_item(ground, last, each, Verb("have"))
            if tail:
                _has_item(ground, last, tail, Verb("have"))
        elif last is not None:
            _has_item(ground, last, item, Verb("have"))


# Clauses ----------------------------------------------------------------------------------------------------------


def _read_clause(ground: Ground, clause: Clause) -> bool:
    verb = clause.verb
    if verb is None:
        found = _LISTED.match(clause.text)
        if found and clause.text[found.end() :].strip():
            return _stored(ground, clause.text[found.end() :])
        items = [read_noun(ground.shelter.bare(one)) for one in split_list(clause.text, ground.shelter)]
        if (
            len(items) > 1
            and not ground.existing
            and all(one is not None and one.plural and len(one.words) <= 3 for one in items)
        ):
            _things(ground, clause.text)
            return True
        noun = read_noun(ground.shelter.bare(clause.text))
        if noun and not ground.existing and noun.plural and len(noun.words) <= 3 and len(clause.text.split()) <= 4:
            ground.thing(noun)
            return True
        if not ground.existing and re.search(r"\swith\s", clause.text):
            return _read_intro_with(ground, clause.text)
        return False
    subject_text = clause.subject
    if clause.inherited and ground.subject and subject_text == clause.subject and not _subject_noun(subject_text):
        return False
    said = f"{clause.subject} {clause.text}" if clause.inherited else clause.text
    if read_rule(ground, said) or read_subject_rule(ground, clause):
        return True
    noun = _subject_noun(ground.shelter.bare(subject_text))
    if noun is None:
        return False
    if noun.words[0] in ("we", "i", "you") and len(noun.words) > 1:
        return False
    if _speaks(noun) or (noun.head in ("data",)):
        if noun.head == "it" and ground.subject and verb.lemma not in STORING:
            return _act(ground, ground.draft.tables[ground.subject], verb, clause.rest)
        if verb.lemma in STORING or verb.lemma in ("have", "be"):
            return _stored(ground, clause.rest)
        return False
    table = _subject_table(ground, noun, verb)
    if table is None:
        return False
    ground.subject = table.name
    ground.topic[table.name] += 1
    return _act(ground, table, verb, clause.rest)


def _read_intro_with(ground: Ground, text: str) -> bool:
    core = re.split(r"\s+with\s+", text, maxsplit=1)[0]
    noun = read_noun(ground.shelter.bare(core))
    if noun is None or not (noun.plural or ground.is_thing(noun)):
        return False
    _things(ground, text)
    return True


def _subject_table(ground: Ground, noun: Noun, verb: Verb) -> Table | None:
    found = ground.find_table(noun) or (ground.alias(noun) if noun.words not in ground.candidates else None)
    if found is not None:
        return found
    if ground.existing:
        return ground.find_table(noun, fuzzy=True) or (ground.thing(noun) if ground.is_thing(noun) else None)
    if verb.lemma == "be" and not ground.is_thing(noun):
        return None
    return ground.thing(noun)


def _act(ground: Ground, table: Table, verb: Verb, rest: str) -> bool:
    """What a thing does or has."""
    if verb.lemma in _HAVING or (
        verb.lemma in STORING
        and not verb.passive
        and verb.lemma
        not in MANY_MANY | {"own", "sell", "offer", "manage", "organize", "organise", "hold", "handle", "collect"}
    ):
        return _has(ground, table, rest, verb)
    if verb.lemma in STORING and not verb.passive and verb.lemma not in MANY_MANY and not _known_objects(ground, rest):
        return _has(ground, table, rest, verb)
    if (
        verb.lemma in ("get", "require", "show", "carry", "bear")
        and not verb.passive
        and not _known_objects(ground, rest)
    ):
        return _has(ground, table, rest, verb)
    if (
        verb.lemma in ("be", "nest")
        and re.match(r"(?:nested|hierarchical|in a hierarchy)?$", rest.strip(), re.I)
        and (rest.strip() or verb.lemma == "nest")
    ):
        ground.relations.append(Relation(table.name, table.name, many=False, optional=True, role=("parent",)))
        return True
    if (
        verb.optional
        and not verb.negated
        and verb.lemma == "be"
        and kind_of(tuple(rest.lower().split()[:1]) or ("x",)).type == "boolean"
        and len(rest.split()) == 1
    ):
        ground.add(
            table,
            Attribute(Noun(("is", rest.lower())), ("is", rest.lower()), "boolean", default="false", required=True),
        )
        return True
    if verb.lemma == "be":
        return _is(ground, table, rest, verb)
    return _relates(ground, table, verb, rest)


_HAVING = frozenset(["have", "name", "state", "mention", "specify"])


def _known_objects(ground: Ground, rest: str) -> list[Noun]:
    found = []
    for item in split_list(rest, ground.shelter):
        noun = read_noun(
            re.split(r"\s(?:with|that|which|who|in|on|at|for|from|of|to|but)\s", ground.shelter.bare(item))[0]
        )
        if noun and ground.is_thing(noun):
            found.append(noun)
    return found


def _has(ground: Ground, table: Table, rest: str, verb: Verb) -> bool:
    if verb.negated:
        return False
    if found := re.match(
        r"^(?P<head>(?:many|several|multiple|one or more|any number of|some|zero or more|a number of)\s+[\w ]+?)\s+"
        r"with\s+(?P<tail>.+)$",
        rest,
        re.I,
    ) or re.match(r"^(?P<head>[\w]+s)\s+with\s+(?P<tail>.+)$", rest, re.I):
        noun = read_noun(found["head"])
        if noun and (noun.plural or noun.quantity == "many"):
            relation = Relation(table.name, ground.thing(noun).name, many=True)
            _with(ground, relation, found["tail"])
            ground.relations.append(relation)
            return True
    if (
        (
            found := re.match(
                r"^(?P<head>(?:exactly one|one|a single|at most one|up to one)\s+[\w ]+?)\s+with\s+(?P<tail>.+)$",
                rest,
                re.I,
            )
        )
        and (noun := read_noun(found["head"]))
        and not ground.existing
    ):
        relation = Relation(
            table.name, ground.thing(noun).name, many=False, exact=True, owned=True, optional=verb.optional
        )
        _with(ground, relation, found["tail"])
        ground.relations.append(relation)
        return True
    done = False
    items = split_list(rest, ground.shelter)
    for item in items:
        done = _has_item(ground, table, item, verb) or done
    return done


def has_items(ground: Ground, table: Table, text: str) -> bool:
    """A list of what the rows of a table have."""
    return any([_has_item(ground, table, item, Verb("have")) for item in split_list(text, ground.shelter)])


def _has_item(ground: Ground, table: Table, item: str, verb: Verb) -> bool:
    """One thing that a table's rows have: an attribute, a reference with a role, or rows of another table."""
    if " and " in item or (
        "," in item
        and not re.search(
            r",\s*(?:which|that|who|both|one of|unique|optional|required|default|at|must|may|not|can|if|\w+ed\b)", item
        )
    ):
        parts = split_list(item, ground.shelter)
        if len(parts) > 1:
            return any([_has_item(ground, table, one, verb) for one in parts])
    core = ground.shelter.bare(
        re.split(r",|\s(?:which|that|who|with|whose|from \d|in|for|at least|at most|per|to|but)\s", item)[0]
    )
    noun = read_noun(core)
    attribute = read_attribute(item, ground.shelter)
    if noun is None or attribute is None or {"the", "we", "nobody", "they"} & set(attribute.name):
        return False
    counted = bool(
        re.match(r"(?:an?|the|its|their)?\s*(?:maximum |minimum |total |max )?number of\b", core, re.I)
    ) and not ground.is_thing(noun)
    if re.match(r"(?:the|its|their)?\s*(?:maximum |minimum |total |max )?number of\b", core, re.I):
        counted = True
    many = (noun.quantity == "many" or (noun.plural and noun.quantity != "one")) and not counted
    target = None if counted else _target(ground, table, noun, attribute, many=many)
    if target is not None:
        other, role = target
        relation = Relation(
            table.name, other.name, many, optional=verb.optional or attribute.required is False or "at most" in item.lower() or "up to one" in item.lower() or "zero or one" in item.lower(),  # noqa: E501
            lemma="have", role=role, exact=noun.quantity == "one",
        )  # fmt: skip
        if many and ground.shelter.marks(core):
            for each in split_list(ground.shelter.raw_marks(core)[0], ground.shelter):
                _has_item(ground, other, each, Verb("have"))
        tail = re.search(r"\swith\s+(?P<tail>.+)$", item)
        if tail:
            _with(ground, relation, tail["tail"])
        if not many and attribute.unique:
            key = key_column(other, role)
            ground.defer(lambda: table.add_unique((key,)), item)
        ground.relations.append(relation)
        ground.object = other.name
        if many and (details := ground.shelter.raw_marks(re.split(r"\swith\s", item)[0])):
            for each in split_list(details[0], ground.shelter):
                _has_item(ground, other, each, Verb("have"))
        return True
    if many and noun.plural and _is_thing_list(ground, noun, attribute):
        other = ground.thing(noun)
        ground.object = other.name
        ground.relations.append(Relation(table.name, other.name, many=True, optional=verb.optional))
        for detail in ground.shelter.raw_marks(item):
            for each in split_list(detail, ground.shelter):
                _has_item(ground, other, each, Verb("have"))
        return True
    if verb.optional and attribute.required is None:
        attribute.required = False
    elif verb.modal in ("must",) and attribute.required is None:
        attribute.required = True
    if ground.existing and attribute.required is None and noun.quantity == "one":
        attribute.required = False
    ground.add(table, attribute)
    return True


_PLURAL_ATTRIBUTES = frozenset(
    [
        "notes",
        "remarks",
        "comments",
        "seats",
        "points",
        "goals",
        "pages",
        "hours",
        "minutes",
        "seconds",
        "days",
        "credits",
        "settings",
        "preferences",
        "calories",
        "attributes",
        "coordinates",
        "details",
        "instructions",
        "kilometers",
        "miles",
        "terms",
        "opening",
        "sales",
        "stars",
        "views",
        "likes",
    ]
)


def _is_thing_list(ground: Ground, noun: Noun, attribute: Attribute) -> bool:
    from postai.design.nouns import plural

    if plural(noun.head) in _PLURAL_ATTRIBUTES and noun.quantity != "many" and not ground.is_thing(noun):
        return False
    if noun.quantity == "many":
        return len(noun.words) <= 3
    return (
        attribute.type in ("text", "double precision", "date", "integer", "numeric", "numeric(12,2)")
        and len(noun.words) <= 3
    )


def _target(
    ground: Ground, table: Table, noun: Noun, attribute: Attribute, *, many: bool
) -> tuple[Table, tuple[str, ...]] | None:
    """The table that an object of "has" refers to, and the role that the reference plays."""
    if attribute.role_of:
        other = read_noun(attribute.role_of)
        if other and (not ground.existing or ground.is_thing(other) or ground.find_table(other, fuzzy=ground.existing)):
            return ground.find_table(other, fuzzy=ground.existing) or ground.thing(other), noun.words
    if ground.is_thing(noun) and (
        found := ground.find_table(noun)
        or (ground.thing(noun) if noun.words in ground.candidates or not ground.existing else None)
    ):
        if found.name == table.name and not many:
            return found, ("parent",)
        if len(found.noun) > len(noun.words) and not many and attribute.type != "text":
            return None
        return found, ()
    if noun.words[0] == "sub" or (noun.head.startswith("sub") and len(noun.head) > 5):
        base = Noun((noun.head.removeprefix("sub"),))
        if ground.is_thing(base):
            return ground.thing(base), ("parent",)
    if len(noun.words) > 1:
        last = Noun(noun.words[-1:])
        if ground.is_thing(last) and (
            noun.words[0] in ROLE_WORDS or last.words in ground.candidates or ground.find_table(last) is not None
        ):
            named = ground.thing(last)
            plays = attribute.type in ("text", "double precision") or noun.words[0] in ROLE_WORDS
            if plays and named.noun == last.words:
                return named, ("parent",) if noun.words[0] == "parent" else noun.words
    if noun.head in PERSON_ROLES and len(noun.words) == 1 and not many:
        persons = [
            one
            for name in PERSONS
            if (one := ground.find_table(Noun((name,))))
            or ((name,) in ground.candidates and (one := ground.thing(Noun((name,)))))
        ]
        if (
            len(persons) == 1
            or (persons and persons[0].name == table.name)
            or (persons and noun.head in ("owner", "author", "creator", "sender", "receiver", "recipient", "assignee"))
        ):
            ground.note(f"Assumed: the {noun.head} of {table.name} is one of {persons[0].name}.")
            return persons[0], noun.words
    if (
        noun.words in _USUAL_THINGS
        and not many
        and not ground.existing
        and attribute.type == "text"
        and noun.words != table.noun
        and not attribute.values
    ):
        ground.note(f"Assumed: the {noun.head} of {table.name} is a row of its own table.")
        return ground.thing(noun), ()
    if noun.head == "parent" and len(noun.words) == 1:
        return table, ("parent",)
    return None


_USUAL_THINGS = frozenset(
    (one,)
    for one in [
        "customer",
        "client",
        "user",
        "employee",
        "supplier",
        "vendor",
        "student",
        "teacher",
        "patient",
        "doctor",
        "department",
        "company",
        "organization",
        "organisation",
        "project",
        "team",
        "driver",
    ]
)


def _with(ground: Ground, relation: Relation, tail: str) -> None:
    """Attributes behind "with": of the related rows, or of the relation where it is many-to-many."""
    tail = re.sub(r"\s+in each$|\s+(?:there|in it|of it)$", "", tail)
    for item in split_list(tail, ground.shelter):
        noun = read_noun(ground.shelter.bare(item))
        if noun and ground.is_thing(noun) and not noun.plural and noun.determiner in ("a", "an", "one", "the", "their"):
            holder = relation.b if relation.many else relation.a
            ground.relations.append(Relation(holder, ground.thing(noun).name, many=False))
            continue
        attribute = read_attribute(item, ground.shelter)
        if attribute is None:
            continue
        relation.attributes.append(attribute)


def _is(ground: Ground, table: Table, rest: str, verb: Verb) -> bool:
    """ "An order is pending, paid or shipped", "a user is a member of several clubs", "a course is taught by ..."."""
    low = rest.lower()
    if found := re.match(
        r"(?:an?\s+)?(?P<what>members?|part|parts?|owners?|friends?|followers?|participants?|fans?|authors?|"
        r"parents?|child|children|managers?)\s+(?:of|in)\s+(?P<rest>.+)$",
        rest,
        re.I,
    ):
        word = found["what"].lower().rstrip("s")
        lemma = {
            "member": "member",
            "part": "belong",
            "friend": "befriend",
            "follower": "follow",
            "participant": "participate",
            "fan": "follow",
        }.get(word, "have")
        return _relates(ground, table, Verb(lemma, optional=verb.optional, preposition="of"), found["rest"])
    if found := re.match(r"(?:either\s+|one of\s+|exactly one of\s+)?(?P<v>.+?\s+or\s+.+)$", rest, re.I):
        from postai.design.shelter import values_of

        values = values_of(ground.shelter.open(re.sub(r"^(?:either|one of)\s*:?\s*", "", rest, flags=re.I)))
        if len(values) > 1 and all(len(one.split()) <= 2 for one in values) and not verb.negated:
            nouns = bool(re.match(r"(?:either\s+)?an?\s", rest, re.I))
            existing = next(
                (one for name in ("status", "state", "type", "kind") if (one := ground.find_column(table, (name,)))),
                None,
            )
            name = existing.name if existing else "type" if nouns else "status"
            made = Attribute(Noun((name,)), (name,), "text", values=values, required=True)
            ground.add(table, made)
            return True
    if (
        found := re.match(r"(?:for|of|in|on|at|about|from|part of|under|by)\s+(?P<rest>.+)$", rest, re.I)
    ) and not verb.negated:
        return _relates(ground, table, Verb("belong", optional=verb.optional, preposition="in"), found["rest"])
    if re.match(r"(?:not\s+)?(?:an?\s+)?\w+\s+(?:when|at|on|by default|initially|unless|until)\b", low):
        return False
    if found := re.match(r"(?P<adj>located|based|made|born|due|free|full)\b", low):
        return False
    return False


def _relates(ground: Ground, table: Table, verb: Verb, rest: str) -> bool:
    """A verb between two things."""
    core = re.sub(r"^(?:of|to|by|in|on|at|for|with)\s+", "", rest)
    not_self = bool(
        re.search(
            r"\b(?:but )?not (?:themselves|itself|himself|oneself)\b|\bcannot \w+ (?:themselves|itself)", core, re.I
        )
    )
    core = re.sub(r",?\s*(?:but|and)\s+(?:not|never)\s+(?:themselves|itself|themself|himself)\b", "", core, flags=re.I)
    once = re.search(r"\b(?:only once|at most once|just once|once only|not twice)\b", core, re.I)
    again = re.search(r"\b(?:more than once|several times|many times|multiple times|repeatedly|again)\b", core, re.I)
    core = re.sub(
        r",?\s*\b(?:only once|at most once|just once|once only|more than once|several times|many times|multiple "
        r"times|repeatedly|for the second time)\b.*$",
        "",
        core,
        flags=re.I,
    )
    ordered = re.search(
        r"\s*,?\s+in (?:a (?:certain|specific|given|fixed|particular|defined)|an?|their own|its own) (?:order|"
        r"sequence|position)\b|\s+in order\b",
        core,
        re.I,
    )
    if ordered:
        core = core[: ordered.start()]
    head, sep, tail = re.sub(r",?\s+with\s+", "\x00", core, count=1).partition("\x00")
    if (
        (
            found := re.search(
                r"\bfrom\s+(?:one|an?|the)\s+(?P<a>[\w ]+?)\s+to\s+(?:another|an?|the|one)(?:\s+(?P<b>[\w ]+?"
                r"))?(?=$|,)",
                head,
                re.I,
            )
        )
        and (noun := read_noun(found["a"]))
        and ground.is_thing(noun)
    ):
        other = ground.thing(noun)
        for role in ("from", "to"):
            ground.relations.append(Relation(table.name, other.name, many=False, role=(role, *other.noun)))
        return True
    done = False
    made: list[Relation] = []
    scores = re.search(r"\s+(?:from|on a scale (?:of|from))\s+(?P<a>\d+)\s+to\s+(?P<b>\d+)(?:\s+stars)?$", head, re.I)
    if scores:
        head = head[: scores.start()]
    nominal = verb.lemma in NOMINALS
    for item in split_list(head, ground.shelter):
        first: Relation | None = None
        for part in re.split(
            r"\s+(?:on|in|at|to|for|from|of|by)\s+(?=(?:an?|the|one|each|exactly|several|many|his|her|their|its|"
            r"another|other|some|multiple|at most|up to)\s|\w+s$)",
            item,
        ):
            relation = _one_relation(ground, table, verb, part)
            if relation is None:
                attribute = _plain_object(ground, table, verb, item, part) or _dated(ground, table, part)
                done = done or attribute
                continue
            relation.not_self = not_self
            if (
                first is not None
                and first.many
                and relation.b not in (first.b, first.a)
                and not (nominal and ground.has_nominal(verb.lemma))
            ):
                ground.relations.append(
                    Relation(first.b, relation.b, many=False)
                )  # "tenants sign leases for apartments"
                continue
            first = first or relation
            if scores:
                relation.attributes.append(
                    Attribute(
                        Noun(("rating",)),
                        ("rating",),
                        "integer",
                        required=True,
                        checks=[f"{{c}} BETWEEN {scores['a']} AND {scores['b']}"],
                    )
                )
            made.append(relation)
    for relation in made:
        pair = frozenset((relation.a, relation.b))
        if once:
            ground.pairing.once.add(pair)
        if again:
            ground.pairing.repeated.add(pair)
        if ordered:
            relation.attributes.append(Attribute(Noun(("position",)), ("position",), "integer", required=True))
        if sep and relation is made[0]:
            _with(ground, relation, tail)
        ground.relations.append(relation)
    return bool(made) or done


def _dated(ground: Ground, table: Table, part: str) -> bool:
    """A moment of what is done: "made from an arrival date to a departure date"."""
    attribute = read_attribute(re.sub(r"^(?:from|to|until|on|at|by)\s+", "", part), ground.shelter)
    if attribute is None or attribute.type not in ("date", "timestamptz") or len(attribute.name) < 2:
        return False
    ground.add(table, attribute)
    return True


def _plain_object(ground: Ground, table: Table, verb: Verb, item: str, part: str) -> bool:
    """An object that is no thing: an attribute of the subject, said with another verb than have."""
    if (
        part != item
        or verb.passive
        or verb.lemma
        not in (
            "contain",
            "include",
            "get",
            "require",
            "need",
            "carry",
            "receive",
            "hold",
            "give",
            "store",
            "keep",
            "record",
        )
    ):
        return False
    attribute = read_attribute(part, ground.shelter)
    if attribute is None:
        return False
    ground.add(table, attribute)
    return True


_NO_NAME = frozenset(
    [
        "it",
        "they",
        "them",
        "before",
        "after",
        "starts",
        "than",
        "then",
        "we",
        "not",
        "no",
        "longer",
        "i",
        "you",
        "more",
        "less",
        "when",
        "if",
    ]
)


def _one_relation(ground: Ground, table: Table, verb: Verb, text: str) -> Relation | None:
    if (
        re.fullmatch(r"(?:exactly |only |at most )?(?:one of )?(?:them|these|those|it)", text.strip(), re.I)
        and ground.object in ground.draft.tables
    ):
        text = "one " + " ".join(ground.draft.tables[ground.object].noun)
    bare = ground.shelter.bare(
        re.split(r"\s(?:that|which|who|whose|as|per|over|during|after|before|when|if|until|while)\s", text)[0]
    )
    noun = read_noun(bare.split(",")[0])
    if noun is None or set(noun.words) & _NO_NAME:
        return None
    if (
        (
            played := re.search(
                r"\b(?:who|which|that)\s+(?:is|are)\s+(?:also\s+)?(?:an?|another)\s+(?P<who>\w+(?: \w+)?)", text, re.I
            )
        )
        and (who := read_noun(played["who"]))
        and ground.is_thing(who)
    ):
        target = ground.thing(who)
        return Relation(
            table.name,
            target.name,
            many=False,
            optional=verb.optional or target is table,
            lemma=verb.lemma,
            role=noun.words,
        )
    many = noun.quantity == "many" or (noun.plural and noun.quantity != "one")
    if many and verb.passive and verb.preposition == "by" and noun.quantity != "many":
        many = False
    if not verb.passive and verb.lemma in MANY_MANY and re.search(r"\sper\s", text):
        many = True
    if not verb.passive and noun.quantity != "one" and ground.has_nominal(verb.lemma):
        many = True  # every time it is done is a row of its own
    self_said = bool(
        re.match(
            r"(?:an)?other\b|each other\b|one another\b|others\b|(?:him|her|it)self|themselves", bare.strip(), re.I
        )
    )
    if noun.words in (("other",), ("each", "other")) or bare.lower() in ("each other", "one another", "others"):
        other: Table | None = table
        many = True
    else:
        other = ground.find_table(noun) or ground.alias(noun)
        if other is None and ground.existing:
            other = ground.find_table(noun, fuzzy=True)
        if other is None and (
            ground.is_thing(noun)
            or (
                (
                    not verb.passive
                    or (
                        noun.determiner in ("a", "an")
                        and verb.lemma
                        in (
                            "assign",
                            "link",
                            "attach",
                            "allocate",
                            "sell",
                            "deliver",
                            "ship",
                            "send",
                            "give",
                            "connect",
                        )
                    )
                    or verb.preposition == "by"
                    or noun.quantity
                )
                and _may_be_thing(noun, verb, many=many)
            )
        ):
            other = ground.thing(noun)
    if other is None:
        return None
    role = noun.words if len(noun.words) > len(other.noun) and noun.words[0] in ROLE_WORDS else ()
    for detail in ground.shelter.raw_marks(text):
        for each in split_list(detail, ground.shelter):
            _has_item(ground, other, each, Verb("have"))
    if other.name == table.name and not self_said and not many:
        role = role or ("parent",)
    if other.name == table.name and not many:
        return Relation(
            table.name, other.name, many=False, optional=True, lemma=verb.lemma, role=_self_role(verb, role)
        )
    owner = verb.lemma in _TO_ONE or verb.passive
    if (
        verb.passive
        and ground.has_nominal(verb.lemma)
        and other.noun[-1] not in nominals(verb.lemma)
        and table.noun[-1] not in nominals(verb.lemma)
    ):
        return Relation(table.name, other.name, many=True, lemma=verb.lemma)
    if verb.lemma in _TO_ONE or verb.passive:
        return Relation(
            table.name,
            other.name,
            many,
            optional=verb.optional and not many,
            lemma=verb.lemma,
            role=role,
            owner=owner,
            exact=noun.quantity == "one",
            shared=many,
            must=verb.modal == "must",
        )
    if not many and noun.quantity != "many":
        return Relation(
            table.name,
            other.name,
            many=False,
            optional=verb.optional,
            lemma=verb.lemma,
            role=role,
            exact=noun.quantity == "one",
        )
    return Relation(table.name, other.name, many=True, lemma=verb.lemma, optional=verb.optional)


def _self_role(verb: Verb, role: tuple[str, ...]) -> tuple[str, ...]:
    if verb.lemma in ("report",) or verb.form in ("managed", "supervised", "led"):
        return ("manager",) if verb.form != "supervised" else ("supervisor",)
    if verb.lemma == "replace":
        return ("replaced_by",) if verb.passive else ("replaces",)
    return role or ("parent",)


def _may_be_thing(noun: Noun, verb: Verb, *, many: bool) -> bool:
    if kind_of(noun.words).type != "text" and noun.quantity != "many":
        return False
    return len(noun.words) <= 3 and (
        many
        or verb.lemma in _TO_ONE
        or noun.quantity == "one"
        or verb.preposition == "by"
        or bool(noun.determiner in ("a", "an") and verb.lemma not in ("start", "end", "default"))
    )


def _stored(ground: Ground, text: str) -> bool:
    """What "we store ..." names: attributes of something, or things."""
    text = re.sub(
        r"^(?:to (?:store|track|keep|record|know|save|remember)\s+|track of\s+|know\s+)", "", text, flags=re.I
    )
    if found := re.match(
        r"^(?P<q>several|many|multiple|any number of|one or more|a number of)\s+(?P<b>[\w ]+?)\s+of\s+(?P<a>(?:an?|"
        r"each|every|the same|the|one)\s+[\w ]+)$",
        text,
        re.I,
    ):
        a, b = read_noun(re.sub(r"\bsame\b", "", found["a"])), read_noun(found["b"])
        if a and b:
            ground.relations.append(Relation(ground.thing(a).name, ground.thing(b).name, many=True))
            return True
    if found := re.match(
        r"^(?P<list>.+?)\s+(?:for|of|about)\s+(?P<t>(?:each|every|all|our|an?|the)\s+[\w ]+)$", text, re.I
    ):
        noun = read_noun(found["t"])
        table = (
            (ground.find_table(noun, fuzzy=ground.existing) or (ground.thing(noun) if ground.is_thing(noun) else None))
            if noun
            else None
        )
        if table is not None:
            return any(
                [_has_item(ground, table, item, Verb("have")) for item in split_list(found["list"], ground.shelter)]
            )
    items = split_list(text, ground.shelter)
    if (
        ground.relations
        and (last := ground.relations[-1]).many
        and not re.match(r"(?:an?\s+)?(?:many|several)\b", text)
    ):
        both = any((one.a, one.b) == (last.b, last.a) and one.many for one in ground.relations)
        named = [read_noun(re.split(r"\s(?:of|per|in|for)\s", ground.shelter.bare(one))[0]) for one in items]
        if both and not any(one is None or ground.is_thing(one) for one in named):
            found_attributes = [read_attribute(one, ground.shelter) for one in items]
            last.attributes += [one for one in found_attributes if one is not None]
            return True
    nouns = [
        read_noun(re.split(r"\s(?:with|that|which|who|from|of|for|in)\s", ground.shelter.bare(one))[0]) for one in items
    ]
    if ground.existing and not any(one and (ground.is_thing(one) or one.plural) for one in nouns):
        return False
    if nouns and nouns[0] is not None and (nouns[0].plural or ground.is_thing(nouns[0])):
        _things(ground, text)
        return True
    if nouns and all(one is not None for one in nouns) and ground.subject and not ground.existing:
        return any([_has_item(ground, ground.draft.tables[ground.subject], item, Verb("have")) for item in items])
    return False
