"""One reading of one question: its items, what each stands for, and how words are resolved to columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from postai.ask.grammar.column_doubts import done_to, refuse_kind, refuse_other_money
from postai.ask.grammar.draft import Draft, Key, Measure, Predicate, Ref, Unsure
from postai.ask.grammar.items import Item
from postai.ask.grammar.notes import Notes
from postai.ask.types import AskRequest
from postai.language.lexicon import Lexicon, Sense
from postai.language.schema import ColumnInfo, TableInfo
from postai.language.tokens import key_of, tokenize

_MARGIN = 0.04
# How far a reading can be trusted that rests on a name said in another form.
_TRUST = {
    "stem": 0.85,
    "act": 0.85,
    "synonym": 0.9,
    "comment": 0.93,
    "clause": 0.93,
    "kind": 0.85,
    "part": 0.93,
    "verb": 0.95,
}


@dataclass
class State:
    """What the constructs share while they read a question.

    Attributes:
        roles: for each item "table", "column", "value" or "" (no name of the schema).
        prefer: a column to take where two fit equally well (to show what the readings would be).
        anchors: tables that the question names with a noun, in order.
        compared: what was compared with a number last.
        searched: the column whose text was searched last.
        placed: where in the question each condition stands.
        notes: what people told beforehand.
        formulas: measures that several words together stand for, by their first item: the measure, and the index
            behind them.
        conditions: conditions that several words together stand for, by one of their items.
    """

    request: AskRequest
    lexicon: Lexicon
    items: list[Item]
    draft: Draft = field(default_factory=Draft)
    roles: list[str] = field(default_factory=list)
    anchors: list[int] = field(default_factory=list)
    prefer: tuple[int, str] | None = None
    compared: Measure | None = None
    searched: Ref | None = None
    placed: list[tuple[Predicate, int]] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    formulas: dict[int, tuple[Measure, int]] = field(default_factory=dict)
    conditions: dict[int, tuple[Predicate, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.roles = [self._role(index) for index in range(len(self.items))]
        for index, role in enumerate(self.roles):
            if role == "table" and not self.items[index].verb:
                table = self.table(index)
                if table not in self.anchors:
                    self.anchors.append(table)
        for index, item in enumerate(self.items):
            if self.roles[index] == "table" and item.verb:
                table = self.table(index)
                if table not in self.anchors:
                    self.anchors.append(table)

    # -- items --------------------------------------------------------------------------------------------------

    def info(self, table: int) -> TableInfo:
        return self.lexicon.tables[table]

    def column_info(self, ref: Ref) -> ColumnInfo:
        return self.lexicon.column(ref.table, ref.column)

    def use(self, *indexes: int, why: str) -> None:
        """Mark items as explained."""
        for index in indexes:
            self.items[index].used = why

    def use_range(self, low: int, high: int, why: str) -> None:
        """Mark the operator words and filler of a range as explained (names only where they already are)."""
        for index in range(low, high):
            item = self.items[index]
            if item.free and item.kind in ("cue", "filler", "symbol", "generic"):
                item.used = why

    def skip(self, index: int, *also: str) -> int:
        """The next index that is no filler (nor one of the lower-case words given)."""
        while index < len(self.items) and (self.items[index].kind == "filler" or self.items[index].lower in also):
            index += 1
        return index

    def skip_back(self, index: int) -> int:
        """The last index at or before `index` that is no filler; -1 = none."""
        while index >= 0 and self.items[index].kind == "filler":
            index -= 1
        return index

    def word(self, index: int) -> str:
        """The lower-case text of an item; "" outside the question."""
        return self.items[index].lower if 0 <= index < len(self.items) else ""

    def cue(self, index: int) -> str | None:
        """The operator of a free item."""
        if 0 <= index < len(self.items) and self.items[index].free:
            return self.items[index].cue
        return None

    def find_cues(self, *cues: str) -> Iterator[int]:
        for index, item in enumerate(self.items):
            if item.free and item.cue in cues:
                yield index

    def role(self, index: int) -> str:
        return self.roles[index] if 0 <= index < len(self.items) else ""

    def is_end(self, index: int) -> bool:
        """Whether the item ends a sentence."""
        return self.items[index].kind == "symbol" and self.items[index].text in ".?!;"

    def sentence_end(self, index: int) -> int:
        while index < len(self.items) and not self.is_end(index):
            index += 1
        return index

    def become_column(self, index: int, ref: Ref) -> None:
        """Let an item stand for a column (one that other words together describe)."""
        self.items[index].senses = (Sense("column", ref.table, ref.column, None, 0.97, "name"),)
        self.items[index].kind, self.items[index].cue, self.items[index].used = "name", None, None
        self.items[index].concept, self.items[index].superlative, self.items[index].bucket = None, None, None
        self.roles[index] = "column"

    def become_measure(self, index: int, measure: Measure, end: int) -> None:
        """Let an item stand for a measure that it and the words up to `end` describe."""
        self.formulas[index] = (measure, end)
        self.items[index].used = None
        self.items[index].cue, self.items[index].superlative = "measure", None
        self.roles[index] = ""

    def become_condition(self, index: int, *predicates: Predicate) -> None:
        """Let an item stand for conditions that it and words around it describe; read where values are read."""
        self.conditions[index] = predicates
        item = self.items[index]
        item.senses, item.kind, item.used = (), "name", None
        item.cue = item.period = item.bucket = item.superlative = item.concept = item.number = None
        self.roles[index] = "value"

    # -- what a word stands for ---------------------------------------------------------------------------------

    def _role(self, index: int) -> str:
        item = self.items[index]
        if item.kind == "quoted" or item.taught:
            return "value"
        if not item.senses:
            return ""
        if item.lower.endswith(" by") and item.of_kind("column"):
            return "verb"
        best: dict[str, float] = {}
        for sense in item.senses:
            best[sense.kind] = max(best.get(sense.kind, 0.0), sense.score)
        if item.verb and best.get("table") and (best.get("value", 0.0) < 0.9 or self._did(index)):
            return "table"
        if item.verb and item.stem == "pay" and best.get("table") and self._means_payment(index):
            return "table"
        table, column, value = best.get("table", 0.0), best.get("column", 0.0), best.get("value", 0.0)
        if value and value > max(table, column):
            return "value"
        if (
            (
                value
                and value >= 0.9
                and index + 1 < len(self.items)
                and any(s.kind == "table" for s in self.items[index + 1].senses)
            )
            and table < 0.95
            and column < 0.95
        ):
            return "value"
        if table and table >= column - 0.1:
            return "table"
        if item.verb and column:
            return "verb"
        if column and item.concept and self._only_in_views(index):
            return ""
        if item.concept and value and not column and not self._element(index):
            return ""
        return "column" if column else "value"

    def _did(self, index: int) -> bool:
        """ "who have (not) sold": somebody did it, which is more than the state of something."""
        before = self.items[index - 1].lower if index else ""
        return before.split(" ")[0] in ("have", "has", "had", "haven't", "hasn't", "hadn't") and "been" not in before

    def _element(self, index: int) -> bool:
        """Whether the word is an element of an array, which counts only where the array is named beside it."""
        return any(
            self.lexicon.column(s.table, s.column or "").kind == "array" for s in self.items[index].of_kind("value")
        )

    def _only_in_views(self, index: int) -> bool:
        """Whether only views that the question does not name have such a column; the word keeps its meaning."""
        named = {sense.table for at, item in enumerate(self.items) if at != index for sense in item.of_kind("table")}
        tables = {sense.table for sense in self.items[index].of_kind("column")}
        return not tables & named and all(self.info(table).table.kind in ("view", "matview") for table in tables)

    def _means_payment(self, index: int) -> bool:
        """ "paid with a card": the way of paying is kept with the payment, whatever states orders have."""
        at = index + 1
        while at < len(self.items) and (
            self.items[at].kind == "filler" or self.items[at].lower in ("by", "via", "using")
        ):
            at += 1
        if at >= len(self.items):
            return False
        tables = {sense.table for sense in self.items[index].of_kind("table")}
        return bool(tables & {sense.table for sense in self.items[at].of_kind("value")})

    def table(self, index: int) -> int:
        """The table an item names; raises Unsure between two equally good ones."""
        senses = [(self._visible(sense.table) * sense.score, sense) for sense in self.items[index].of_kind("table")]
        if not senses:
            raise Unsure(f'"{self.items[index].text}" is not a table')
        senses.sort(key=lambda pair: -pair[0])
        best = [sense for score, sense in senses if score > senses[0][0] - 0.02]
        if len({sense.table for sense in best}) > 1:
            near = [sense for sense in best if sense.table in self.anchors]
            if len({sense.table for sense in near}) == 1:
                best = near
            elif self.items[index].verb:
                return best[0].table
            else:
                names = " or ".join(self.info(sense.table).table.name for sense in best[:3])
                raise Unsure(f'"{self.items[index].text}" could mean {names}', "Name the table you mean.")
        self._trust(best[0])
        return best[0].table

    def says_role(self, index: int) -> bool:
        """ "shipping address": the word says which key to the next noun is meant."""
        following = index + 1
        if not self.items[index].verb or self.role(following) != "table" or self.items[following].verb:
            return False
        target, word = self.table(following), self.items[index].lower
        return any(edge.parent == target and word in edge.role for edge in self.lexicon.graph.edges)

    def restrict_roles(self) -> None:
        """Add what the nouns of the question say about roles, once it is clear which words count."""
        for index, item in enumerate(self.items):
            if self.role(index) == "table" and not item.verb and item.used not in (None, "contrast"):
                table = self.table(index)
                for sense in item.of_kind("table"):
                    if sense.table == table:
                        self._restrict(sense)

    def _restrict(self, sense: Sense) -> None:
        """Words that name only some rows of a table: "sections" have a department, "departments" have none."""
        info = self.info(sense.table)
        if sense.how == "part of a role":
            role = next(one for one in self.lexicon.tables if one.real == sense.table and one.part)
            wanted = Predicate(Ref(sense.table, role.by), "null", negated=True)
        elif info.real is not None and info.root:
            wanted = Predicate(Ref(sense.table, info.by), "null")
        else:
            return
        if wanted not in self.draft.predicates:
            self.draft.predicates.append(wanted)

    def _visible(self, table: int) -> float:
        return 1.0 if self.info(table).table.schema in self.request.search_path else 0.9

    def _trust(self, sense: Sense) -> None:
        """Words that name something only loosely lower the confidence."""
        trusted = _TRUST.get(sense.how, 1.0) if sense.score >= 0.7 else 0.8
        self.draft.confidence = min(self.draft.confidence, trusted)

    def subject_table(self) -> int | None:
        """The table the rows are about so far."""
        subject = self.draft.subject
        if subject is not None:
            return subject.table if subject.table is not None else (subject.ref.table if subject.ref else None)
        for measure in self.draft.measures:
            measure = measure.leaves()[0]
            if measure.kind == "nested":
                measure = measure.parts[0].leaves()[0]
            if measure.table is not None:
                return measure.table
            if measure.ref is not None:
                return measure.ref.table
            if measure.kind in ("money", "units") and not self.anchors:
                return self.money_table()
        return self.anchors[0] if self.anchors else None

    def money_table(self) -> int | None:
        """The table that sales are kept in, when that is clear."""
        from postai.ask.grammar.money import money_tables

        try:
            tables = money_tables(self)
        except Unsure:
            return None
        return tables[0] if tables else None

    def owner(self, index: int) -> int | None:
        """The table that the words around a column word name: "customer name", "name of the customer"."""
        before = index - 1
        if before >= 0 and self.role(before) == "table" and not self.items[before].verb:
            return self.table(before)
        after = index + 1
        if (done := done_to(self, index)) is not None:
            return done
        if before >= 0 and self.items[before].lower in ("its", "his", "her") and self.anchors:
            whose = self.subject_table()
            whose = self.anchors[0] if whose is None else whose
            if any(sense.table == whose for sense in self.items[index].of_kind("column")):
                return whose
        if after < len(self.items) and self.items[after].lower in ("of", "for"):
            after = self.skip(after, "all", "our")
            if self.role(after) == "table":
                return self.table(after)
        return self._owner_before(index)

    def _owner_before(self, index: int) -> int | None:
        """ "customer ids and names": the names too are of customers."""
        before = index - 1
        while before >= 0 and (self.items[before].cue == "and" or self.items[before].text == ","):
            before -= 1
        if before in (index - 1, -1) or self.role(before) != "column" or self.role(index) != "column":
            return None
        first = {sense.table for sense in self.items[before].of_kind("column")}
        mine = {sense.table for sense in self.items[index].of_kind("column")}
        owner = self.owner(before)
        if owner is None and len(first) > 1 and " " in self.items[before].lower:
            lead = key_of(self.items[before].lower.rpartition(" ")[0])
            first = {sense.table for sense in self.lexicon.senses(lead) if sense.kind == "table"} & first
        if owner is None and len(first) == 1:
            owner = next(iter(first))
        return owner if owner in mine else None

    def column(
        self, index: int, accept: Callable[[ColumnInfo], bool] | None = None, near: int | None = None
    ) -> Ref:  # fmt: skip
        """The column an item names: the best name, nearest to the tables of the question.

        Raises:
            Unsure: none fits, or two fit equally well.
        """
        item = self.items[index]
        owner = self.owner(index)
        label = self._own_name(index, owner if owner is not None else near)
        if label is not None and (accept is None or accept(self.column_info(label))):
            return label
        ranked = []
        for sense in item.of_kind("column"):
            assert sense.column is not None
            info = self.lexicon.column(sense.table, sense.column)
            if accept is None or accept(info):
                ranked.append((self.rank(sense, owner, near), sense))
        best = self._best(item.text, ranked)
        self._refuse_commented(index, owner, best)
        refuse_other_money(self, index, best)
        if owner is None and self.is_above(best.table) and self.column_info(best).kind == "number":
            for score, sense in ranked:
                below = self.lexicon.graph.up_distance(sense.table, self.anchors[0])
                if (
                    sense.table != best.table
                    and below
                    and below == 1
                    and sense.score >= self._score(ranked, best) - 0.03
                    and score > 0.5
                ):
                    other = Ref(sense.table, sense.column or "")
                    names = " or ".join(f"{self.info(r.table).table.name}.{r.column}" for r in (best, other))
                    pairs = tuple((r.table, r.column) for r in (best, other))
                    raise Unsure(f'"{item.text}" could mean {names}', "Name the table with the column.", pairs)
        return best

    def _own_name(self, index: int, table: int | None) -> Ref | None:
        """ "traders whose name ...": what names their rows, though another table has a column that is called so."""
        if self.items[index].lower in ("id", "ids"):
            return self._own_key(index, table)
        if self.items[index].lower not in ("name", "names") or not self.anchors:
            return None
        before = [i for i in range(index) if self.role(i) == "table" and not self.items[i].verb]
        whose = table is None and before and self.items[index - 1].lower in ("whose", "their", "its")
        table = self.table(before[-1]) if whose else (table if table is not None else self.anchors[0])
        info = self.info(table)
        if len(info.labels) == 2 and table == self.owner(index) and all(c.own != ("name",) for c in info.columns):
            names = " or ".join(info.labels)
            raise Unsure(f'"{self.items[index].text}" could mean {names}', "Name the column.")
        if len(info.labels) != 1 or info.column(info.labels[0]).own[-1] not in ("name", "title"):
            return None
        return Ref(table, info.labels[0])

    def _own_key(self, index: int, table: int | None) -> Ref | None:
        """ "user id": the key of users, whatever it is called; another table has a column that is just called id."""
        if table is None or any(sense.table == table for sense in self.items[index].of_kind("column")):
            return None
        info = self.info(table)
        return Ref(table, info.key[0]) if len(info.key) == 1 else None

    def _refuse_commented(self, index: int, owner: int | None, best: Ref) -> None:
        """ "discount of coupons": a column of coupons is said to be a discount, though it is not called so."""
        if owner is None or best.table == owner:
            return
        for column in self.info(owner).columns:
            words = {token.stem for token in tokenize((column.column.comment or "").split(".")[0])}
            if column.kind == "number" and not column.is_id and self.items[index].stem in words:
                pairs = ((best.table, best.column), (owner, column.name))
                names = " or ".join(f"{self.info(table).table.name}.{name}" for table, name in pairs)
                raise Unsure(f'"{self.items[index].text}" could mean {names}', "Name the column.", pairs)

    @staticmethod
    def _score(ranked: list[tuple[float, Sense]], ref: Ref) -> float:
        return max(sense.score for _, sense in ranked if (sense.table, sense.column) == (ref.table, ref.column))

    def is_above(self, table: int) -> bool:
        """Whether the first noun's rows belong to rows of the table, and the question does not name it."""
        if not self.anchors or table in self.anchors:
            return False
        return bool(self.lexicon.graph.up_distance(self.anchors[0], table))

    def _best(self, text: str, ranked: list[tuple[float, Sense]]) -> Ref:
        ranked = [pair for pair in ranked if pair[0] > 0]
        if not ranked:
            raise Unsure(f'"{text}" does not fit here')
        ranked.sort(key=lambda pair: -pair[0])
        ranked = self._with_the_others(text, self._said_elsewhere(text, self._between_anchors(ranked)))
        best = ranked[0][1]
        rivals = [sense for score, sense in ranked[1:] if score > ranked[0][0] - _MARGIN]
        for rival in rivals:
            if not self._same_by_join(best, rival):
                names = " or ".join(f"{self.info(s.table).table.name}.{s.column}" for s in (best, rival))
                pairs = tuple((s.table, s.column or "") for s in (best, rival))
                raise Unsure(f'"{text}" could mean {names}', "Name the table with the column.", pairs)
        self._trust(best)
        assert best.column is not None
        return Ref(best.table, best.column)

    def _between_anchors(self, ranked: list[tuple[float, Sense]]) -> list[tuple[float, Sense]]:
        """Among equals the one that is near to every table of the question: what lies between orders and products."""
        tied = [pair for pair in ranked if pair[0] > ranked[0][0] - _MARGIN]
        if len(tied) < 2 or len(self.anchors) < 2:
            return ranked
        far = sorted(
            (sum(self.up_distance(anchor, sense.table) for anchor in self.anchors), position)
            for position, (_, sense) in enumerate(tied)
        )
        return [tied[far[0][1]]] if far[1][0] - far[0][0] >= 1 else ranked

    def _said_elsewhere(self, text: str, ranked: list[tuple[float, Sense]]) -> list[tuple[float, Sense]]:
        """ "Top 2 cities ... Return the subscriber city": of equals the one that other words name in full."""
        tied = [pair for pair in ranked if pair[0] > ranked[0][0] - _MARGIN]
        if len(tied) < 2:
            return ranked
        columns = {(sense.table, sense.column) for _, sense in tied}
        for item in self.items:
            named = {(s.table, s.column) for s in item.of_kind("column") if s.score > 0.9} & columns
            if item.text != text and len(item.lower.split()) > 1 and len(named) == 1:
                return [pair for pair in tied if (pair[1].table, pair[1].column) in named]
        return ranked

    def _with_the_others(self, text: str, ranked: list[tuple[float, Sense]]) -> list[tuple[float, Sense]]:
        """ "Which month had the highest turnover?": of equals the one in the table that another word names alone."""
        tied = [pair for pair in ranked if pair[0] > ranked[0][0] - _MARGIN]
        if len(tied) < 2 or self.anchors:
            return ranked
        named: set[int] = set()
        for item in self.items:
            tables = {sense.table for sense in item.of_kind("column") if sense.score > 0.9}
            if item.text != text and len(tables) == 1 and not item.of_kind("table"):
                named |= tables
        near = [pair for pair in tied if pair[1].table in named]
        return near if len(near) == 1 else ranked

    def _same_by_join(self, one: Sense, other: Sense) -> bool:
        """Two columns that a join makes equal."""
        for edge in self.lexicon.graph.edges:
            for child, parent in edge.pairs:
                pair = {(edge.child, child), (edge.parent, parent)}
                if pair == {(one.table, one.column), (other.table, other.column)}:
                    return True
        return False

    def rank(self, sense: Sense, owner: int | None = None, near: int | None = None) -> float:
        """How well a sense fits: its name, and how near its table is to the tables of the question."""
        score = sense.score * self._visible(sense.table)
        if self.prefer == (sense.table, sense.column):
            score += 0.1
        if sense.table == owner:
            return score + 0.4
        anchors = (
            [near, *self.anchors]
            if near is not None
            else ([self.subject_table(), *self.anchors] if self.anchors else [])
        )
        known = [anchor for anchor in anchors if anchor is not None]
        if not known and (about := self.subject_table()) is not None:
            known = [about]
        if not known:
            return score
        later = 0.6 if near is not None else 0.3
        distances = [
            self.up_distance(anchor, sense.table) + later * (position > 0) for position, anchor in enumerate(known)
        ]
        return score - 0.13 * min(distances)

    def up_distance(self, start: int, end: int) -> float:
        """Joins from one table to another; steps that multiply rows count more, no join at all counts 9."""
        if start == end:
            return 0.0
        up = self.lexicon.graph.up_distance(start, end)
        if up is not None:
            return float(up)
        distance = self.lexicon.graph.distance(start, end)
        return 9.0 if distance is None else distance + 1.5

    def key_at(self, index: int) -> Key:
        """The entity or column that an item names, as a key for groups and ranking."""
        if self.role(index) == "table":
            return Key(table=self.table(index))
        ref = self.column(index)
        refuse_kind(self, index, ref)
        return Key(ref=ref)
