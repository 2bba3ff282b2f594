"""What is said of one value, of what is looked up and of what goes with what is deleted."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.frames.arguments import prepositional
from postai.design.frames.binding import Values
from postai.design.frames.clauses import Clause
from postai.design.frames.once import column_for
from postai.design.frames.phrases import items_of
from postai.design.frames.tokens import Tokens, comma_parts, text_of
from postai.design.frames.traits import condition
from postai.design.frames.world import World
from postai.design.kinds import is_value, kind_of
from postai.design.nouns import Noun, read_noun, singular
from postai.language.word_set import word_set

_LOOK = word_set(
    "ask look search query list find load filter sort show fetch browse read retrieve display order access request "
    "want need get see select"
)
_LAST = re.compile(
    r"\b(?:latest|newest|most recent|recent|by (?:time|date)|chronological|last|first|time range|period)\b"
)


# Values --------------------------------------------------------------------------------------------------------------


def _owner_of(world: World, tokens: Tokens) -> tuple[Table, Noun] | None:
    """The table and the value that a subject names: "a truck's plate number", "ingredient names", "the end"."""
    text = text_of(tokens)
    if found := re.match(r"^(?:(?:an?|the|each|every)\s+)?(?P<o>[\w ]+?)'s?\s+(?P<v>[\w ]+)$", text):
        table, noun = world.table(read_noun(found["o"])), read_noun(found["v"])
        return (table, noun) if table and noun else None
    noun = read_noun(text)
    if noun is None:
        return None
    if "of" in noun.words:
        cut = noun.words.index("of")
        table, noun = (
            world.table(read_noun(" ".join(noun.words[cut + 1 :]))),
            Noun((*noun.words[: cut - 1], singular(noun.words[cut - 1]))),
        )
        if table is None or world.table(noun) is not None:
            return None
        return table, noun
    if tokens[0].lower() in ("its", "their") and world.subject is not None and world.table(noun) is None:
        return world.subject, noun
    if noun.words in world.names.known:
        return None
    for at in range(1, len(noun.words)):
        front, behind = Noun(noun.words[:at]), Noun(noun.words[at:])
        table = world.table(front) or next(
            (
                world.ground.make_table(Noun(one))
                for one in dict.fromkeys(world.names.known.values())
                if one[-1].endswith(front.words[-1]) and len(front.words[-1]) > 3
            ),
            None,
        )
        if (
            table is not None
            and (is_value(behind.words) or column_for(world, table, behind))
            and world.table(noun) in (None, table, world.table(behind))
        ):
            if (
                world.subject is not None
                and column_for(world, world.subject, noun)
                and world.ground.find_column(world.subject, noun.words)
            ):
                return world.subject, noun
            return table, behind
    tables = list(world.ground.draft.tables.values())
    tables.sort(key=lambda one: one is not world.subject)
    if world.table(noun) is not None:
        return None
    for table in tables:
        if "_".join(noun.words) in table.columns or "_".join(kind_of(noun.words).name) in table.columns:
            return table, noun
    for table in tables[:1]:
        if len(noun.words) == 1 and _side(world, table, noun) is not None:
            return table, noun
    return None


def _key_of(world: World, tokens: Tokens) -> tuple[Table, tuple[str, ...]] | None:
    """The table whose last told key has a role that a phrase names: "the end station"."""
    noun = read_noun(text_of(tokens))
    target = world.table(noun)
    if noun is None or target is None or tokens[0].lower() != "the" or not world.role_of(noun, target):
        return None
    role = world.role_of(noun, target)
    held = next((one for one in reversed(world.links) if one.b == target.name and one.role[: len(role)] == role), None)
    return None if held is None else (world.ground.draft.tables[held.a], held.role)


def _key_missing(world: World, clause: Clause) -> bool:
    """ "The end station is not known while the ride goes on": the key may be empty."""
    found = _key_of(world, list(clause.subject))
    if found is None or not re.search(
        r"\b(?:unknown|empty|missing|optional)\b|\bnot (?:yet )?known\b", clause.text.lower()
    ):
        return False
    for one in world.links:
        if one.a == found[0].name and one.role == found[1]:
            one.optional = True
    return True


def of_value(world: World, clause: Clause) -> bool:
    """ "Crop names are unique", "the end is unknown at first", "stroke is freestyle or butterfly"."""
    verb = clause.verb
    assert verb is not None
    subject = list(clause.subject)
    if verb.lemma not in (
        "be",
        "default",
        "start",
        "have",
        "know",
        "require",
        "set",
        "fill",
        "need",
        "exceed",
        "lie",
        "range",
    ) or (subject[0].lower() in ("it", "they", "each") and len(subject) == 1):
        return False
    pieces = comma_parts(subject)
    if len(pieces) > 1:
        whole = [replace(clause, subject=tuple(one)) for one in pieces]
        if all(_owner_of(world, list(one.subject)) or _key_of(world, list(one.subject)) for one in whole):
            return all([_key_missing(world, one) or of_value(world, one) for one in whole])
        keys = [_key_of(world, list(one.subject)) for one in whole]
        held = next((one for one in keys if one), None)
        if held is not None:
            for one, key in zip(whole, keys, strict=True):
                if key is not None:
                    _key_missing(world, one)
                elif (value := read_noun(text_of(list(one.subject)))) is not None:
                    kind = kind_of(value.words)
                    world.put(
                        held[0],
                        Attribute(
                            value,
                            kind.name,
                            kind.type,
                            required=not re.search(r"unknown|empty|not (?:yet )?known", clause.text),
                        ),
                    )
            return True
    if _key_missing(world, clause):
        return True
    found = _owner_of(world, subject)
    if found is None:
        return False
    table, noun = found
    rest = list(clause.rest)
    if verb.lemma == "be" and compared(world, table, noun, rest, negated=verb.negated):
        return True
    kind = kind_of(noun.words)
    known = column_for(world, table, noun)
    name = tuple(known.split("_")) if known in table.columns else kind.name
    column = table.columns.get(known) if known else None
    made = Attribute(
        noun, name, column.type if column else kind.type, unique_by_nature=kind.unique, optional_by_nature=kind.optional
    )
    said = [
        *([verb.modal] if verb.modal else []),
        *(["not"] if verb.negated and verb.modal != "cannot" else []),
        "be" if verb.lemma in ("be", "lie", "range") else verb.form,
        *rest,
    ]
    if verb.lemma == "require" and verb.passive and rest:
        said = ["required", *rest]
        verb = replace(verb, lemma="be")
    if verb.lemma in ("know", "set", "fill", "require"):
        made.required = not (verb.negated or re.search(r"\b(?:not|while|until|later|once|only)\b", clause.text.lower()))
        world.put(table, made)
        return True
    if isinstance(rest[0], Values) if rest else False:
        said = rest
    if (
        verb.lemma == "be"
        and verb.form != "required"
        and not verb.modal
        and not verb.negated
        and not isinstance(rest[0] if rest else "", Values)
    ):
        said = rest
    before = repr(made)
    parts: list[Tokens] = [[]]
    for word in said:
        if word in (",", "but") or (word == "and" and "between" not in [x.lower() for x in parts[-1]]):
            parts.append([])
        else:
            parts[-1].append(word)
    for part in parts:
        condition(made, part)
    if repr(made) == before:
        return False
    if verb.may and made.required is None and re.search(r"empty|missing|null", clause.text.lower()):
        made.required = False
    world.put(table, made)
    return True


_COMPARE = re.compile(
    r"^(?:always )?(?:strictly )?(?P<op>after|later than|before|earlier than|greater than|above|below|less than|at "
    r"least|smaller than|higher than|"
    r"more than|over|under|at most|lower than|longer than|shorter than|bigger than|no (?:less|lower|smaller|"
    r"earlier) than|no (?:more|greater|higher|later) than|the same as|different from)\s+(?P<b>(?:the |its |their "
    r")?[\w -]+)$"
)
_OPERATORS = {
    "after": ">", "later than": ">", "greater than": ">", "above": ">", "higher than": ">", "more than": ">",
    "over": ">", "longer than": ">", "bigger than": ">", "before": "<", "earlier than": "<", "below": "<",
    "less than": "<", "smaller than": "<", "under": "<", "lower than": "<",
    "shorter than": "<", "at least": ">=", "at most": "<=", "different from": "<>",
}  # fmt: skip
_NOT = {">": "<=", "<": ">=", ">=": "<", "<=": ">", "<>": "="}


def compared(world: World, table: Table, noun: Noun, rest: Tokens, *, negated: bool) -> bool:
    """ "The maximum is not below the minimum"."""
    text = text_of(rest).lower().replace("_", " ")
    found = _COMPARE.match(text)
    if found is None:
        return False
    op = _OPERATORS.get(found["op"]) or (">=" if re.search("less|lower|smaller|earlier", found["op"]) else "<=")
    op = _NOT[op] if negated else op
    other = read_noun(found["b"])
    if other is None or other.words[0][0].isdigit() or other.words in (("zero",), ("one",)):
        return False

    def run() -> None:
        a, b = _side(world, table, noun), _side(world, table, other)
        if a and b and a != b:
            table.add_check((a, b), f"{a} {op} {b}")
        else:
            world.ground.not_understood(f"{' '.join(noun.words)} {found['op']} {' '.join(other.words)}")

    world.late.append(run)
    return True


def _side(world: World, table: Table, noun: Noun) -> str | None:
    column = column_for(world, table, noun)
    if column is not None:
        return column
    names = [one for one in table.columns if set(noun.words) & set(one.split("_"))]
    exact = [one for one in names if set(noun.words) <= set(one.split("_"))]
    short = {"minimum": "min", "maximum": "max"}
    brief = [one for one in table.columns if set(short.get(word, word) for word in noun.words) <= set(one.split("_"))]
    chosen = exact or brief or names
    return chosen[0] if chosen else None


# Looking up ----------------------------------------------------------------------------------------------------------


def looked_up(world: World, clause: Clause) -> bool:
    """ "We look orders up by customer and date": an index."""
    verb = clause.verb
    assert verb is not None
    text = clause.text.lower()
    if verb.lemma not in _LOOK or (clause.rest and clause.rest[0].lower() == "after"):
        return False
    passive = verb.passive and re.search(r"\bby\b", text) is not None
    first = clause.subject[0].lower() if clause.subject else ""
    ours = (
        first
        in ("we", "i", "people", "users", "reports", "report", "staff", "queries", "everybody", "you", "one", "most")
        or not clause.subject
    )
    if not (passive or ours) or (
        verb.lemma in ("want", "need", "get", "see", "read", "request", "order", "select", "show", "list")
        and not re.search(r"\bby\b|\bof\b|latest|newest", text)
    ):
        return False
    if first == "users" and verb.lemma == "ask" and not re.search(r"\b(?:by|of|for)\b|latest|newest", text):
        return False
    if verb.lemma in ("want", "need") and not re.search(r"\b(?:find|look|search|list|query|filter|sort)\b", text):
        return False
    nouns: list[Noun] = []
    tokens = [*clause.subject] if passive else []
    for source in (tokens, list(clause.rest)):
        for _, part in prepositional(source):
            for item in items_of(part):
                for piece in text_of(item.core).split(" of "):
                    noun = read_noun(re.sub(r"\b(?:latest|newest|most recent|recent|last|all)\b", "", piece))
                    if noun is not None:
                        nouns.append(noun)
    table = next((found for noun in nouns if (found := world.table(noun)) is not None), None)
    if table is None:
        return False
    target = table

    def run() -> None:
        columns: list[str] = []
        for noun in nouns:
            if world.table(noun) is target:
                continue
            column = column_for(world, target, noun)
            if column is not None and column not in columns:
                columns.append(column)
        moments = [one.name for one in target.columns.values() if one.type.startswith(("timestamp", "date"))]
        if _LAST.search(text) and moments and not set(columns) & set(moments):
            columns.append(moments[0])
        if columns:
            world.ground.index(target, tuple(columns), f"serves: {clause.text}")
        else:
            world.ground.not_understood(clause.text)

    world.late.append(run)
    return True


# Deleting ------------------------------------------------------------------------------------------------------------

_GONE = re.compile(r"\b(?:delet|remov|eras)")
_KEPT = re.compile(
    r"\b(?:stay|stays|kept|keep|keeps|remain|remains|survive|survives|lose|loses|set to null|unassigned|without|"
    r"becomes? empty|are empty)\b"
)


def removed(world: World, clause: Clause) -> bool:
    """ "When a zone is deleted, its records go with it", "the photos are removed together with the property"."""
    lead = text_of(list(clause.lead)).lower()
    text = clause.text.lower()
    if not _GONE.search(text):
        return False
    if lead and _GONE.search(lead):
        owners = _things(world, list(clause.lead))
        named = _things(world, [*clause.subject, *clause.rest])
        others: list[Table | None] = [one for one in named if one not in owners[:1]] or [None]
        if not owners:
            return False
        action = "SET NULL" if _KEPT.search(text) else "CASCADE"
        if clause.verb is not None and clause.verb.negated:
            action = "SET NULL"
        for one in others:
            _on_delete(world, owners[0], one, action, clause.text)
        return True
    if clause.verb is None or clause.verb.lemma not in ("delete", "remove", "erase"):
        return False
    if clause.verb.negated or clause.verb.modal == "cannot":
        found = _things(world, [*clause.subject, *clause.rest])
        if len(found) < 2:
            return False
        _on_delete(world, found[0], found[1], "RESTRICT", clause.text)
        return True
    dependants, owners = _things(world, list(clause.subject)), _things(world, list(clause.rest))
    if [one.lower() for one in clause.subject] == ["they"] and world.object is not None:
        dependants = [world.object]
    if not clause.verb.passive:
        return False
    if dependants and owners and re.search(r"\b(?:with|together|when|along)\b", text):
        _on_delete(world, owners[0], dependants[0], "CASCADE", clause.text)
        return True
    return False


_AROUND = word_set("when if is are also too while there")


def _things(world: World, tokens: Tokens) -> list[Table]:
    found: list[Table] = []
    for _, part in prepositional(
        [one for one in tokens if not _GONE.match(one.lower()) and one.lower() not in _AROUND]
    ):
        for item in items_of(part):
            table = world.table(read_noun(text_of(item.core)))
            if table is not None and table not in found:
                found.append(table)
    return found


def _on_delete(world: World, owner: Table, dependant: Table | None, action: str, text: str) -> None:
    def run() -> None:
        done = False
        for table in list(world.ground.draft.tables.values()):
            if dependant is not None and table is not dependant:
                continue
            for rule in table.keys_to(owner.name):
                if dependant is None and table.pair:
                    continue
                rule.on_delete = action
                done = True
                if action == "SET NULL":
                    table.columns[rule.columns[0]].required = False
                if dependant is None:
                    return
        if not done:
            world.ground.not_understood(text)

    world.late.append(run)
