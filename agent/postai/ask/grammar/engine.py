"""Puts the parts together: items → constructs → coverage → statement → answer."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import cached_property

from postai.ask.finder import Finder
from postai.ask.grammar.assemble import assemble
from postai.ask.grammar.constructs import CONSTRUCTS
from postai.ask.grammar.draft import Measure, Predicate, Ref, Unsure
from postai.ask.grammar.exclusions import keep_as_told
from postai.ask.grammar.explain import explain
from postai.ask.grammar.glossing import defined_in, spans, wordings
from postai.ask.grammar.items import Item, cut
from postai.ask.grammar.leniency import pass_over
from postai.ask.grammar.matching import compare_as_told
from postai.ask.grammar.missing import count_missing
from postai.ask.grammar.notes import Definition, Notes, read_notes, told_in_question
from postai.ask.grammar.phrasing import rephrased
from postai.ask.grammar.query import name, render
from postai.ask.grammar.refusal import asks_for_change, asks_for_judgement
from postai.ask.grammar.sql_terms import is_prose, place, read_sql
from postai.ask.grammar.state import State
from postai.ask.grammar.told import place_told, rewritten, without_made_up
from postai.ask.grammar.value_nouns import with_nouns
from postai.ask.types import Answer, AskRequest, Reading
from postai.database.catalog import Catalog
from postai.database.visibility import narrowed
from postai.language.computed import in_words, made_of
from postai.language.dates import find_period
from postai.language.epochs import real_name
from postai.language.json_keys import parts, readable, shown
from postai.language.lexicon import Lexicon
from postai.language.tokens import tokenize
from postai.language.vocabulary import CURRENCIES, UNITS
from postai.language.words import singular, stem

_MIN_CONFIDENCE = 0.6
_MAX_TOKENS = 120


class Grammar:
    """The engine for one catalog; builds its index once, then `read` is fast and has no side effects.

    Confidence is the lowest of the steps that had to be trusted: 0.97 nothing assumed, 0.85 a stem or a usual meaning
    ("rating" is its average), 0.8 only a part of a name was said, about 0.9 down to 0.8 joins guessed from names.
    Below 0.6 the reading is shown, not answered.

    Args:
        catalog: only what the caller may read.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog = _sayable(catalog)
        self._derived = frozenset(derived_views(catalog))
        self.lexicon = Lexicon.build(_without(catalog, self._derived))

    @cached_property
    def finder(self) -> Finder:
        """Which tables a text is about, for the model engine; made at first use."""
        return Finder(self._catalog, self.lexicon)

    def _lexicon(self, question: str) -> Lexicon:
        """The lexicon for a question: a view over known tables takes part only where its name is written out."""
        lower = question.lower()
        left_out = frozenset(
            view for view in self._derived if not re.search(rf"\b{re.escape(view[1].lower())}\b", lower)
        )
        return self.lexicon if left_out == self._derived else Lexicon.build(_without(self._catalog, left_out))

    def read(self, request: AskRequest) -> Answer:
        """Read one question: as it stands, else in plainer words."""
        first = self._read_wording(request)
        if first.status != "abstained" or first.readings:
            return first
        for wording in rephrased(request.question, self._is_table, self._amounts, self._amount_of):
            answer = self._read_wording(replace(request, question=wording))
            if answer.status == "answered":
                return replace(
                    answer,
                    explanation=f'{answer.explanation}; the question is read as "{wording}"',
                    confidence=round(0.95 * answer.confidence, 2),
                )
        return first

    @cached_property
    def _amounts(self) -> bool:
        senses = self.lexicon.senses("amount")
        return any(sense.kind == "column" and sense.how in ("name", "part") for sense in senses)

    def _amount_of(self, noun: str) -> str | None:
        """What the only amount of money of the rows that a noun names is called."""
        senses = self.lexicon.senses(" ".join(token.noun for token in tokenize(noun)))
        tables = [self.lexicon.tables[sense.table] for sense in senses if sense.kind == "table" and sense.score > 0.7]
        if len(tables) != 1 or not tables[0].is_event or any(sense.kind == "column" for sense in senses):
            return None
        money = [column for column in tables[0].columns if column.money]
        return " ".join(money[0].words) if len(money) == 1 else None

    def _is_table(self, noun: str) -> bool:
        senses = self.lexicon.senses(" ".join(token.noun for token in tokenize(noun)))
        return any(sense.kind == "table" and sense.score > 0.9 for sense in senses)

    def _read_wording(self, request: AskRequest) -> Answer:
        if asks_for_change(request.question):
            return _refused()
        if asks_for_judgement(request.question):
            return _abstained("the question is about what will or should be, and the database holds what is")
        tokens = tokenize(request.question)
        if not tokens or len(tokens) > _MAX_TOKENS:
            return _abstained(
                "the question is empty" if not tokens else "the question is too long for the embedded engine"
            )
        lexicon = self._lexicon(request.question)
        notes = read_notes(request.taught, lexicon)
        question, compared = told_in_question(request.question)
        request = replace(request, question=question)
        notes = replace(notes, comparisons=(*compared, *notes.comparisons))
        defined = [one for one in defined_in(question, notes.definitions) if not _says_itself(one, request.today)]
        notes = replace(notes, sql=tuple(one for one in defined if one.sql and not is_prose(one.meanings[0])))
        defined, told = rewritten([one for one in defined if one not in notes.sql], lexicon)
        notes = replace(notes, told=told)
        if not defined:
            return self._read_question(request, lexicon, notes)
        notes = replace(notes, wanted=sum(one.terms[0].isupper() for one in defined))
        first: Answer | None = None
        for wording in wordings(question, tuple(defined)):
            if len(tokenize(wording.question)) > _MAX_TOKENS:
                continue
            answer = self._read_question(replace(request, question=wording.question), lexicon, notes)
            if answer.status == "answered":
                explained = "; ".join((answer.explanation, *wording.notes))
                return replace(answer, explanation=without_made_up(explained, told))
            first = first or answer
        terms = ", ".join(f'"{definition.terms[0]}"' for definition in defined)
        return first or _abstained(f"how {terms} is defined could not be read")

    def _read_question(self, request: AskRequest, lexicon: Lexicon, notes: Notes) -> Answer:
        try:
            items = _items(request, lexicon, notes)
        except Unsure as unsure:
            return _abstained(unsure.reason, unsure.hint)
        unknown = [item for item in items if item.kind == "unknown"]
        answer = self._read(request, lexicon, items, unknown, None, notes)
        if answer.status != "answered" or not notes.sql:
            return answer
        told = (f'"{one.terms[0]}" is read as {one.meanings[0]}' for one in notes.sql)
        return replace(answer, explanation="; ".join((answer.explanation, *told)))

    def _read(
        self,
        request: AskRequest,
        lexicon: Lexicon,
        items: list[Item],
        unknown: list[Item],
        prefer: tuple[int, str] | None,
        notes: Notes,
    ) -> Answer:
        try:
            state = State(request, lexicon, items, prefer=prefer, notes=notes)
            for _, apply in CONSTRUCTS:
                apply(state)
            _explain_units(state)
            pass_over(state, [item for item in items if item.free])
            left = [item for item in items if item.free]
            if left:
                return self._unexplained(left)
            state.restrict_roles()
            keep_as_told(state, (apply for _, apply in CONSTRUCTS))
            count_missing(state)
            compare_as_told(state)
            listed = [entry for entry in state.draft.projections if isinstance(entry, Measure)]
            if len({*state.draft.measures, *listed}) < notes.wanted:
                raise Unsure("not every term of the question is a number that could be read")
            state.draft.distinct = state.draft.distinct or (notes.distinct and not state.draft.measures)
            select = assemble(state)
        except Unsure as unsure:
            left = [item for item in unknown if item.free and item.kind == "unknown"]
            if left:
                return self._unexplained(left)
            readings = () if prefer is not None else self._readings(request, lexicon, unsure.choices, notes)
            return _abstained(unsure.reason, unsure.hint, readings)
        sql, text = render(select), in_words(readable(explain(state)))
        used = [*(predicate.ref for predicate in state.draft.predicates), *state.draft.said_columns]
        lost = [shown(ref.column) for ref in used if any(name(column) not in sql for column in _stored(ref.column))]
        if lost:
            return _abstained(f"how {', '.join(lost)} belongs to the rest is not clear")
        confidence = round(state.draft.confidence, 2)
        if confidence < _MIN_CONFIDENCE:
            return _abstained("the reading is not certain enough", None, (Reading(text, sql, confidence),))
        return Answer("answered", sql, text, confidence, "grammar", (Reading(text, sql, confidence),))

    def _readings(
        self, request: AskRequest, lexicon: Lexicon, choices: tuple[tuple[int, str], ...], notes: Notes
    ) -> tuple[Reading, ...]:
        """What the question would mean with each of the columns between which the engine hesitates."""
        found: list[Reading] = []
        for choice in choices:
            items = _items(request, lexicon, notes)
            unknown = [item for item in items if item.kind == "unknown"]
            answer = self._read(request, lexicon, items, unknown, choice, notes)
            found += [
                replace(reading, confidence=round(reading.confidence / len(choices), 2)) for reading in answer.readings
            ]
        return tuple(found)

    def _unexplained(self, items: list[Item]) -> Answer:
        """Coverage rule: name the words that nothing in the schema explains, and names close to them."""
        items = [item for item in items if item.kind == "unknown"] or items
        words = ", ".join(f'"{item.text}"' for item in items[:5])
        names = self.lexicon.known_names()
        close: list[str] = []
        for item in items[:3]:
            alike = [known for known in names if known[:1] == item.lower[:1] and abs(len(known) - len(item.lower)) <= 3]
            close += [
                name for name in difflib.get_close_matches(item.lower, alike, n=2, cutoff=0.75) if name not in close
            ]
        hint = f"Did you mean: {', '.join(close)}?" if close else "Use names of tables and columns, or quote values."
        return _abstained(f"{words} is not explained by anything in this database", hint)


def _stored(column: str) -> tuple[str, ...]:
    """The real columns behind a column."""
    return made_of(column) or (parts(column) or (real_name(column),))[:1]


def _items(request: AskRequest, lexicon: Lexicon, notes: Notes) -> list[Item]:
    """The items of a question, terms that are defined by SQL in their places.

    Raises:
        Unsure: a term's SQL is not read here.
    """
    items = with_nouns(cut(tokenize(request.question), lexicon, request.today), lexicon)
    place_told(items, notes.told)
    near = {sense.table for item in items for sense in item.of_kind("table") if sense.score > 0.7}
    for definition in notes.sql:
        named = {sense.table for token in tokenize(definition.terms[0]) for sense in lexicon.senses(token.noun)
                 if sense.kind == "table"}  # fmt: skip
        meaning = read_sql(definition.meanings[0], lexicon, named) or read_sql(definition.meanings[0], lexicon, near)
        if meaning is None:
            raise Unsure(f'"{definition.terms[0]}" is defined by SQL that is not read here')
        for low, high in spans(request.question, definition):
            items = place(items, low, high, meaning)
    return items


def _explain_units(state: State) -> None:
    """ "height in cm" of a column height_cm: a word of a column that the statement uses is explained."""
    left = [item for item in state.items if item.free and item.kind in ("unknown", "name")]
    if not left:
        return
    draft = state.draft
    refs = (
        [p.ref for p in draft.predicates]
        + [leaf.ref for m in draft.measures for leaf in m.leaves() if leaf.ref]
        + [leaf.ref for having in draft.havings for leaf in having.measure.leaves() if leaf.ref]
        + [k.ref for k in draft.groups if k.ref]
    )
    refs += [o.ref for o in draft.orders if o.ref] + [e for e in draft.projections if isinstance(e, Ref)]
    columns = [state.column_info(ref) for ref in refs]
    words = {word for column in columns for word in column.words}
    stems = {stem(word) for word in words if len(word) > 4}
    said = words | {token.noun for column in columns for token in tokenize((column.column.comment or "").lower())}
    doers = {word[:-2] for info in map(state.info, state.anchors) for word in info.words if word.endswith(("er", "or"))}
    for item in left:
        noun = singular(item.lower)
        named = item.kind == "unknown" and ({item.lower, noun} & words or item.stem in stems)
        if named or _same_unit(noun, said):
            item.used = "unit"
            _did_happen(state, item)
        elif item.kind == "unknown" and (item.stem in doers or _says_role(state, item)):
            item.used = "role"
    for before, item in itertools.pairwise(state.items):
        if item.free and item.lower.rstrip("s") in CURRENCIES and before.kind == "number" and not before.free:
            item.used = "unit"


def _did_happen(state: State, item: Item) -> None:
    """ "how many were cancelled for each reason": those that were have a cancel_reason."""
    if not item.lower.endswith("ed"):
        return
    for ref in [key.ref for key in state.draft.groups if key.ref is not None]:
        column = state.column_info(ref)
        if len(column.words) > 1 and stem(column.words[0]) == item.stem and not column.column.not_null:
            wanted = Predicate(ref, "null", negated=True)
            state.draft.predicates += [wanted] if wanted not in state.draft.predicates else []


def _says_role(state: State, item: Item) -> bool:
    """ "region of origin": the word says by which key of the rows asked about another table is reached."""
    tables = {*state.anchors, state.subject_table()}
    return any(
        edge.child in tables and not edge.many and item.lower in edge.role and _is_used(state, edge.parent)
        for edge in state.lexicon.graph.edges
    )


def _is_used(state: State, table: int) -> bool:
    draft = state.draft
    refs = [key.ref for key in draft.groups] + [p.ref for p in draft.predicates] + list(draft.projections)
    return any(isinstance(ref, Ref) and ref.table == table for ref in refs) or table in draft.mentioned


def _same_unit(noun: str, said: set[str]) -> bool:
    """Whether the word is a unit in which a column is said to be, by its name or comment."""
    return any(noun in unit and said & unit for unit in UNITS)


def _says_itself(definition: Definition, today: date) -> bool:
    """ "last week = date_trunc(...)": a period that means what it always means."""
    tokens = tokenize(definition.terms[0])
    found = find_period(tokens, 0, today)
    return definition.sql and found is not None and found.end == len(tokens)


def derived_views(catalog: Catalog) -> Iterable[tuple[str, str]]:
    """(schema, name) of the views whose definition reads tables of the catalog: the tables answer in their place."""
    names = {table.name for table in catalog.tables if table.kind not in ("view", "matview")}
    for table in catalog.tables:
        if table.view_definition and names & set(re.findall(r"[^\W\d]\w*", table.view_definition)):
            yield table.schema, table.name


def _sayable(catalog: Catalog) -> Catalog:
    """The catalog without names that hold control characters: unsayable, and what made-up columns are marked with."""
    names = {
        table.oid: frozenset(column.name for column in table.columns if column.name.isprintable())
        for table in catalog.tables
        if table.name.isprintable() and table.schema.isprintable()
    }
    if len(names) == len(catalog.tables) and all(len(names[one.oid]) == len(one.columns) for one in catalog.tables):
        return catalog
    return narrowed(catalog, names)


def _without(catalog: Catalog, views: frozenset[tuple[str, str]]) -> Catalog:
    return replace(catalog, tables=tuple(t for t in catalog.tables if (t.schema, t.name) not in views))


def read(request: AskRequest, catalog: Catalog) -> Answer:
    """Read one question against a catalog (builds the index anew; keep a `Grammar` to read many)."""
    return Grammar(catalog).read(request)


def _abstained(reason: str, hint: str | None = None, readings: tuple[Reading, ...] = ()) -> Answer:
    return Answer(
        "abstained", None, "", 0.0, "grammar", readings, reason=reason, sqlstate="PA001",
        hint=hint or "Ask in other words, naming tables and columns.",
    )  # fmt: skip


def _refused() -> Answer:
    return Answer(
        "refused", None, "", 1.0, "grammar", reason="the question asks for a change, and ask only reads",
        sqlstate="PA003",
        hint="Use postai.migrate('...') to propose a change.",
    )  # fmt: skip
