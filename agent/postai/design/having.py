"""Reads what a thing has: attributes, references with a role, rows of another table."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.attributes import read_attribute
from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.ground import PERSON_ROLES, PERSONS, ROLE_WORDS, Ground
from postai.design.kinds import is_unit
from postai.design.lists import split_list
from postai.design.nouns import Noun, read_noun
from postai.design.relations import Relation, key_column
from postai.design.rule_compare import compare
from postai.design.verbs import Verb
from postai.language.relating import does


def known_objects(ground: Ground, rest: str) -> list[Noun]:
    found = []
    for item in split_list(rest, ground.shelter):
        noun = read_noun(
            re.split(r"\s(?:with|that|which|who|in|on|at|for|from|of|to|but)\s", ground.shelter.bare(item))[0]
        )
        if noun and ground.is_thing(noun):
            found.append(noun)
    return found


def has(ground: Ground, table: Table, rest: str, verb: Verb) -> bool:
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
            with_attributes(ground, relation, found["tail"])
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
        with_attributes(ground, relation, found["tail"])
        ground.relations.append(relation)
        return True
    if not ground.existing and (found := _EACH_WITH.match(rest)) and (noun := read_noun(found["head"])) and noun.plural:
        relation = Relation(table.name, ground.thing(noun).name, many=True, optional=verb.optional)
        with_attributes(ground, relation, found["tail"])
        ground.relations.append(relation)
        ground.object = relation.b
        return True
    done = False
    items = split_list(rest, ground.shelter)
    if len(items) > 1 and (every := _EVERY.search(items[-1])):
        items[-1] = items[-1][: every.start()]
        items = [_amount(ground, one, f"must be {every['v']}") for one in items]
    if len(items) > 1 and (
        none := re.fullmatch(
            r"(?:none of (?:them|these|which)|neither of them|neither)(?: is| are| can be| may be)? (?P<v>negative|"
            r"empty)",
            items[-1].split(", ")[-1],
            re.I,
        )
    ):
        cut = items[-1].rpartition(", ")[0]
        items = [*items[:-1], *([cut] if cut else [])]
        items = [
            _amount(ground, one, "cannot be negative") if none["v"].lower() == "negative" else f"{one}, required"
            for one in items
        ]
    if len(items) > 1 and (
        both := re.search(
            r",?\s*(?:both (?:of (?:whom|which|them) )?(?:are|being|refer)|(?:who|which) are)\b(?! not\b).*$",
            items[-1],
            re.I,
        )
    ):
        items = [one if one is items[-1] or one is not items[-2] else one + both[0] for one in items]
    perhaps = False
    for item in items:
        if item.lower() in ("later", "afterwards", "optionally"):
            perhaps = True
            continue
        if found := re.match(r"(?:later|afterwards|optionally|possibly|perhaps)\s*,?\s+(?P<item>.+)$", item, re.I):
            perhaps, item = True, found["item"]
        done = has_item(ground, table, item, replace(verb, optional=True) if perhaps else verb) or done
    return done


_EACH_WITH = re.compile(
    r"^(?P<head>(?:many |several |multiple |one or more |any number of |some |its |their |numbered )?\w+(?: \w+"
    r")?s),?\s+(?:each )?(?:with|having|which "
    r"have|that have|who have|each of which has)\s+(?P<tail>.+)$",
    re.I,
)


def has_items(ground: Ground, table: Table, text: str) -> bool:
    """A list of what the rows of a table have."""
    return any([has_item(ground, table, item, Verb("have")) for item in split_list(text, ground.shelter)])


def has_item(ground: Ground, table: Table, item: str, verb: Verb) -> bool:
    """One thing that a table's rows have: an attribute, a reference with a role, or rows of another table."""
    if re.match(
        r"(?:the|its|their|an?)?\s*(?:\w+ )?(?:coordinates?|position|location)\b.*\blatitude\b.*\blongitude\b",
        item,
        re.I,
    ):
        return all([has_item(ground, table, one, verb) for one in ("a latitude", "a longitude")])
    if " and " in item or (
        "," in item
        and not re.search(
            r",\s*(?:which|that|who|both|one of|unique|optional|required|default|at|must|may|not|can|if|\w+ed\b)", item
        )
    ):
        parts = split_list(item, ground.shelter)
        if len(parts) > 1:
            return any([has_item(ground, table, one, verb) for one in parts])
    if re.fullmatch(
        r"(?:an?\s|the\s)?(?:\w+ )?(?:id|identifier|primary key|pk|surrogate key)", ground.shelter.bare(item), re.I
    ):
        noun = read_noun(ground.shelter.bare(item))
        if noun and (noun.words[:-1] in ((), table.noun, table.noun[-1:], ("primary",), ("surrogate",), ("unique",))):
            return True
    if both := _of_both(ground, table, item):
        for one in both:
            attribute = read_attribute(one, ground.shelter)
            if attribute is not None:
                said = tuple(re.sub(r"^the ", "", one.split(",")[0]).lower().split())
                amount = "integer" if attribute.type == "text" and said[-1].endswith("s") else attribute.type
                ground.add(table, replace(attribute, name=said, type=amount))
        return True
    if numbered := re.match(r"(?:(?:many|several|a number of|any number of) )?numbered (?P<what>[\w ]+s)$", item, re.I):
        done = has_item(ground, table, f"several {numbered['what']}", verb)
        return (
            has_item(ground, ground.draft.tables[ground.object], "a number", Verb("have"))
            if done and ground.object
            else done
        )
    core = ground.shelter.bare(
        re.split(r",|\s(?:which|that|who|with|whose|from \d|in|for|at least|at most|per|to|but)\s", item)[0]
    )
    noun = read_noun(core)
    attribute = read_attribute(item, ground.shelter)
    for mark in ground.shelter.raw_marks(item):
        marked = read_noun(mark)
        if (
            attribute
            and marked
            and not marked.plural
            and len(mark.split()) <= 4
            and (re.match(r"(?:an?|the|anmarked|one)\s", mark, re.I) and ground.is_thing(marked))
        ):
            attribute.role_of = " ".join(marked.words)
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
        few = bool(re.search(r"at most|up to one|zero or one", item, re.I))
        relation = Relation(
            table.name,
            other.name,
            many,
            optional=verb.optional or attribute.required is False or few,
            lemma="have",
            role=role,
            exact=noun.quantity == "one",
        )
        if many and ground.shelter.marks(core):
            for each in split_list(ground.shelter.raw_marks(core)[0], ground.shelter):
                has_item(ground, other, each, Verb("have"))
        tail = re.search(r"\swith\s+(?P<tail>.+)$", item)
        if tail:
            with_attributes(ground, relation, tail["tail"])
        if not many and attribute.unique:
            key = key_column(other, role)
            ground.defer(lambda: table.add_unique((key,)), item)
        ground.relations.append(relation)
        ground.object = other.name
        if many and (details := ground.shelter.raw_marks(re.split(r"\swith\s", item)[0])):
            for each in split_list(details[0], ground.shelter):
                has_item(ground, other, each, Verb("have"))
        return True
    if many and noun.plural and _is_thing_list(ground, noun, attribute):
        other = ground.thing(noun)
        ground.object = other.name
        ground.relations.append(Relation(table.name, other.name, many=True, optional=verb.optional))
        for detail in ground.shelter.raw_marks(item):
            for each in split_list(detail, ground.shelter):
                has_item(ground, other, each, Verb("have"))
        return True
    if verb.optional and attribute.required is None:
        attribute.required = False
    elif verb.modal in ("must",) and attribute.required is None:
        attribute.required = True
    if ground.existing and attribute.required is None and noun.quantity == "one":
        attribute.required = False
    told = None if ground.existing else _COMPARED.search(item)
    if told:
        attribute.optional_by_nature = False  # what must be after something is known when that is
        attribute.ignored = [one for one in attribute.ignored if not _COMPARED.search(one)]
    column = ground.add(table, attribute)
    if told:
        compare(
            ground,
            f"the {column.name.replace('_', ' ')} must {'not ' if told['no'] else ''}be {told['op']} {told['right']}",
        )
    return True


_EVERY = re.compile(
    r",\s*(?:both|all|each)(?: of (?:them|which|these))?(?: (?:are|is|must be|have to be))? (?P<v>positive|not "
    r"negative|greater than \w+|at least \w+)$",
    re.I,
)


def _amount(ground: Ground, item: str, rule: str) -> str:
    """An item with a rule that only amounts can have."""
    attribute = read_attribute(item, ground.shelter)
    amount = attribute is not None and attribute.type.startswith(("numeric", "integer", "double"))
    return f"{item}, {rule}" if amount else item


_COMPARED = re.compile(
    r"(?:that|which|always|it)?\s*(?:is|must|cannot|can|comes?|lies|may|has to|should)?\s*(?P<no>not |never )?(?:be )?"
    r"(?P<op>before|after|later than|earlier than|greater than|less than|more than|at least|at most|on or after|on "
    r"or before) (?P<right>(?:the|its|their) [a-z][\w ]*)$",
    re.I,
)
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
    if is_unit(noun.head):
        return False
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
    for said in ground.relations:
        if said.a == said.b == table.name and said.many and not many and does(noun.head, said.lemma):
            ground.relations.remove(said)  # "members can sponsor others; a member has at most one sponsor"
            return table, noun.words
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


def with_attributes(ground: Ground, relation: Relation, tail: str) -> None:
    """Attributes behind "with": of the related rows, or of the relation where it is many-to-many."""
    if relation.many and relation.lemma != "have" and ground.draft.tables[relation.b].noun in ground.described:
        relation.shared = True  # what is described elsewhere is no part of this
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


def _of_both(ground: Ground, table: Table, item: str) -> list[str]:
    """ "The goals of both sides" as one attribute for each of two references: "home goals", "away goals"."""
    found = re.match(
        r"(?:the )?(?P<what>\w+(?: \w+)?) (?:of|for|by|from) (?:both|the two|each of the)(?: \w+)?(?P<tail>.*)$",
        ground.shelter.bare(item),
        re.I,
    )
    roles = [one.role[0] for one in ground.relations if one.a == table.name and not one.many and len(one.role) > 1]
    if found is None or len(roles) != 2:
        return []
    behind = item.split(",", 1)[1] if "," in item else ""
    return (
        [f"the {role} {found['what']}{', ' + behind.strip() if behind else ''}" for role in roles]
        if split_list(item, ground.shelter)
        else []
    )
