"""What sentences are read against: the draft so far, names found in it by the words of people, and what was noted."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from postai.database.identifiers import quote_ident
from postai.design.details import Attribute
from postai.design.draft import Column, Draft, IndexDraft, Rule, Table, identity
from postai.design.kinds import kind_of
from postai.design.nouns import Noun, column_name, read_noun, singular, table_name
from postai.design.relations import Pairing, Relation, nominals, settle
from postai.design.shelter import Shelter
from postai.design.spelled import written_otherwise
from postai.errors import NotSure
from postai.language.thesaurus import GROUPS
from postai.language.vocabulary import NOUN_SYNONYMS
from postai.language.word_set import word_set

ROLE_WORDS = word_set("""
    home away parent main previous next sender source destination origin departure arrival first second from
    to primary secondary billing shipping starting ending original replaced replacement opposing winning
    losing backup
    """)
PERSON_ROLES = word_set("""
    sender receiver recipient author owner creator manager assignee reporter reviewer approver supervisor
    mentor lead leader organizer organiser host seller buyer winner editor uploader requester inviter
    moderator captain head boss follower responsible coach instructor teacher
    """)
PERSONS = ("user", "person", "employee", "member", "account", "customer", "player", "staff", "student", "worker")


@dataclass
class Ground:
    """The state of reading one text.

    Attributes:
        existing: whether the draft is of a database (a change is wished), so that nothing unknown is made in passing.
        relations, pairing: gathered, settled at the end.
        warnings: for people, what was not understood among them.
        heard: sentences that only say how things are, with what they are about, until a wish refers to it.
        indexed: whether what a sentence said is looked up by has got its index.
        notes: what was made of the words where it does not go without saying.
    """

    draft: Draft
    shelter: Shelter
    existing: bool = False
    btree_gist: bool = False
    relations: list[Relation] = field(default_factory=list)
    pairing: Pairing = field(default_factory=Pairing)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    topic: Counter[str] = field(default_factory=Counter)
    subject: str = ""
    understood: int = 0
    deferred: list[Callable[[], bool | None]] = field(default_factory=list)
    last: tuple[str, str] = ("", "")
    moved: set[tuple[str, str]] = field(default_factory=set)
    object: str = ""
    moves: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    candidates: set[tuple[str, ...]] = field(default_factory=set)
    whole: tuple[str, ...] = ()
    heard: list[tuple[str, Table, Column | None]] = field(default_factory=list)
    indexed: bool = False
    described: set[tuple[str, ...]] = field(default_factory=set)
    defined: set[tuple[str, ...]] = field(default_factory=set)

    # Tables ------------------------------------------------------------------------------------------------------

    def heads(self) -> frozenset[str]:
        """Last words of the tables' names."""
        return frozenset(one.noun[-1] for one in self.draft.tables.values()) | {one[-1] for one in self.candidates}

    def has_nominal(self, lemma: str) -> bool:
        """Whether what doing something is called is a thing of its own: a booking for book."""
        return any(self.is_thing(Noun((word,))) for word in nominals(lemma))

    def is_thing(self, noun: Noun) -> bool:
        """Whether a noun phrase names a table, or something that sentences speak of like one."""
        if self.find_table(noun) is not None or noun.words in self.candidates:
            return True
        return any(one[-len(noun.words) :] == noun.words for one in self.candidates)

    def thing(self, noun: Noun) -> Table:
        """The table of a thing, made where it is met first under the name that is used of it most fully."""
        table = self.find_table(noun) or self.alias(noun)
        if table is not None:
            return table
        longer = [one for one in self.candidates if one[-len(noun.words) :] == noun.words]
        for size in range(1, len(noun.words)):
            short = noun.words[size:]
            if (
                short in self.candidates
                and noun.words not in self.candidates
                and not self.is_thing(Noun(noun.words[:size]))
                and noun.words[0] not in ROLE_WORDS
            ):
                table = self.find_table(Noun(short))
                if table is None or len(table.noun) == len(short):
                    return self.make_table(Noun(short))
        return self.make_table(Noun(min(longer, key=len)) if longer and noun.words not in self.candidates else noun)

    def find_table(self, noun: Noun | None, *, fuzzy: bool = False) -> Table | None:
        """The table that a noun phrase names.

        Raises:
            NotSure: several tables fit equally well.
        """
        if noun is None:
            return None
        exact = [one for one in self.draft.tables.values() if one.noun == noun.words or one.name == noun.name]
        if exact:
            return exact[0]
        if noun.words in self.defined:
            return None
        ends = [one for one in self.draft.tables.values() if one.noun[-len(noun.words) :] == noun.words]
        if len(ends) > 1 and self.existing:
            shortest = min(len(one.noun) for one in ends)
            ends = (
                [one for one in ends if len(one.noun) == shortest]
                if sum(len(one.noun) == shortest for one in ends) == 1
                else ends
            )
            if len(ends) > 1:
                raise NotSure(
                    f'"{" ".join(noun.words)}" may be one of several tables',
                    detail="Candidates: " + ", ".join(sorted(one.name for one in ends)) + ".",
                    hint="Say the table's whole name.",
                )
        if ends:
            return ends[0]
        if len(noun.words) > 1 and noun.words[-1] in ("table", "record", "row", "entry"):
            return self.find_table(Noun(noun.words[:-1], noun.plural), fuzzy=fuzzy)
        if fuzzy:
            return self._by_likeness(noun)
        return None

    def _by_likeness(self, noun: Noun) -> Table | None:
        found: list[Table] = []
        for group in (*NOUN_SYNONYMS, *GROUPS):
            if noun.head in group:
                found += [
                    one
                    for one in self.draft.tables.values()
                    if one.noun[-1] in group and one not in found and len(one.noun) == len(noun.words)
                ]
        if not found:
            names = {
                one.noun[-1] if len(noun.words) == 1 else "_".join(one.noun): one for one in self.draft.tables.values()
            }
            close = difflib.get_close_matches(noun.name, names, n=2, cutoff=0.82) if len(noun.name) > 3 else []
            found = [names[one] for one in close[:1]]
        if len(found) > 1:
            raise NotSure(
                f'no table is called "{" ".join(noun.words)}", and several could be meant',
                detail="Candidates: " + ", ".join(sorted(one.name for one in found)) + ".",
                hint="Say the table's own name.",
            )
        if found:
            self.note(f'"{" ".join(noun.words)}" was read as table {found[0].name}.')
        return found[0] if found else None

    def alias(self, noun: Noun) -> Table | None:
        """A table for a phrase whose last words are its name: "temperature readings" for readings."""
        if len(noun.words) < 2 or noun.words[0] in ROLE_WORDS:
            return None
        for size in range(len(noun.words) - 1, 0, -1):
            table = self.find_table(Noun(noun.words[-size:], noun.plural))
            if table is not None and table.noun == noun.words[-size:]:
                return table
        return None

    def make_table(self, noun: Noun) -> Table:
        """The table of a noun phrase, new where there is none."""
        table = self.find_table(noun)
        if table is None:
            name = table_name(noun.words)
            table = self.draft.tables[name] = Table(
                name, noun.words, {"id": identity()}, [Rule("primary", ("id",))], schema=self.schema()
            )
        return table

    def schema(self) -> str:
        """Schema of new tables: where most of the others are."""
        return (
            Counter(one.schema for one in self.draft.tables.values()).most_common(1)[0][0]
            if self.draft.tables
            else "public"
        )

    # Columns -----------------------------------------------------------------------------------------------------

    def find_column(self, table: Table, words: tuple[str, ...], *, fuzzy: bool = False) -> Column | None:
        """The column of a table that words name: its own name, then without the table's, then by what it ends in."""
        said = kind_of(words).name if words else ()
        for candidate in (words, said, tuple(singular(one) for one in words)):
            name = "_".join(candidate)
            for column in table.columns.values():
                if name and column.name in (
                    name,
                    f"{table.noun[-1]}_{name}",
                    f"is_{name}",
                    f"{name}_id",
                    f"{name}_at",
                    f"has_{name}",
                    f"{name}_date",
                ):
                    return column
        if words[: len(table.noun)] == table.noun and len(words) > len(table.noun):
            return self.find_column(table, words[len(table.noun) :], fuzzy=fuzzy)
        if words[:1] == table.noun[-1:] and len(words) > 1:
            return self.find_column(table, words[1:], fuzzy=fuzzy)
        if not words:
            return None
        if self.existing and (likely := written_otherwise(table, words)):
            return likely
        ends = [
            one
            for one in table.columns.values()
            if [singular(w) for w in one.name.split("_")][-len(words) :] == list(words)
            or set(words) <= set(one.name.split("_"))
        ]
        if len(ends) > 1 and not self.existing:
            ends = [one for one in ends if not one.name.endswith("_id")] or ends
        if len(ends) == 1:
            return ends[0]
        if len(ends) > 1 and fuzzy:
            raise NotSure(
                f'"{" ".join(words)}" may be one of several columns of {table.name}',
                detail="Candidates: " + ", ".join(f"{table.name}.{one.name}" for one in ends) + ".",
                hint="Say the column's whole name.",
            )
        if fuzzy and self.existing:
            return self._column_like(table, words)
        return None

    def _column_like(self, table: Table, words: tuple[str, ...]) -> Column | None:
        for group in NOUN_SYNONYMS:
            if words[-1] in group:
                found = [one for one in table.columns.values() if one.name in group or one.name.split("_")[-1] in group]
                if len(found) == 1:
                    self.note(f'"{" ".join(words)}" was read as column {table.name}.{found[0].name}.')
                    return found[0]
        close = difflib.get_close_matches("_".join(words), list(table.columns), n=1, cutoff=0.8)
        if close:
            self.note(f'"{" ".join(words)}" was read as column {table.name}.{close[0]}.')
        return table.columns[close[0]] if close else None

    def place(self, text: str, *, fuzzy: bool = True) -> tuple[Table, Column] | None:
        """The column that a phrase like "customer emails", "the email of a customer" or "orders.total" names.

        Raises:
            NotSure: several fit.
        """
        text = re.sub(
            r"^(?:the\s+)?(?:column|field|attribute|value|values)s?\s+(?:of\s+)?", "", text.strip(), flags=re.I
        )
        text = re.sub(
            r"\s+(?:column|field|attribute)s?$|\s+(?:column|field|attribute)s?(?=\s+(?:of|in|on|from)\b)",
            "",
            text,
            flags=re.I,
        )
        if found := re.fullmatch(r"\"?(?:(\w+)\.)?(\w+)\.(\w+)\"?", text):
            table = (
                self.find_table(Noun(tuple(found[2].lower().split("_"))))
                or self.draft.tables.get(found[2].lower())
                or self.find_table(read_noun(found[2]), fuzzy=fuzzy)
            )
            column = table and (
                table.columns.get(found[3].lower())
                or self.find_column(table, tuple(found[3].lower().split("_")), fuzzy=fuzzy)
            )
            return (table, column) if table and column else None
        if found := re.match(
            r"^(?P<c>.+?)\s+(?:of|in|on|for|from|at|per)\s+(?P<t>(?:an?|the|each|every|all|our|its|their|any)?\s*"
            r"[\w ]+)$",
            text,
            re.I,
        ):
            table = self.find_table(read_noun(found["t"]), fuzzy=fuzzy) if read_noun(found["t"]) else None
            noun = read_noun(found["c"])
            if table is not None and noun is not None:
                column = self.find_column(table, noun.words, fuzzy=fuzzy) or (
                    self.find_column(table, noun.words[-1:]) if fuzzy else None
                )
                if column is not None:
                    return table, column
        if found := re.match(r"^(?P<t>.+?)['’]s?\s+(?P<c>.+)$", text):
            table, noun = self.find_table(read_noun(found["t"]), fuzzy=fuzzy), read_noun(found["c"])
            if table is not None and noun is not None and (column := self.find_column(table, noun.words, fuzzy=fuzzy)):
                return table, column
        if text.lower() in ("it", "this", "that", "them", "this one") and self.last[0] in self.draft.tables:
            own_table = self.draft.tables[self.last[0]]
            return (own_table, own_table.columns[self.last[1]]) if self.last[1] in own_table.columns else None
        noun = read_noun(text)
        if noun is None:
            return None
        for size in range(len(noun.words) - 1, 0, -1):
            table = self.find_table(Noun((*noun.words[: size - 1], singular(noun.words[size - 1]))))
            if table is not None and (column := self.find_column(table, noun.words[size:], fuzzy=fuzzy)):
                return table, column
        if re.match(r"(?:its|their|his|her)\s", text, re.I) and self.subject in self.draft.tables:
            own = self.find_column(self.draft.tables[self.subject], noun.words, fuzzy=fuzzy)
            if own is not None:
                return self.draft.tables[self.subject], own
        if (
            not self.existing
            and self.subject in self.draft.tables
            and (of_subject := self.find_column(self.draft.tables[self.subject], noun.words))
        ):
            return self.draft.tables[self.subject], of_subject
        found_in = [
            (table, column) for table in self.draft.tables.values() if (column := self._exact(table, noun.words))
        ]
        if len(found_in) == 1:
            return found_in[0]
        if len(found_in) > 1:
            topical = [one for one in found_in if one[0].name == self.subject]
            if topical and not self.existing:
                return topical[0]
            if self.existing:
                raise NotSure(
                    f'several tables have a column "{" ".join(noun.words)}"',
                    detail="Candidates: "
                    + ", ".join(f"{table.name}.{column.name}" for table, column in found_in)
                    + ".",
                    hint="Name the table too.",
                )
            return max(found_in, key=lambda one: self.topic[one[0].name])
        if fuzzy:
            near = [
                (table, column)
                for table in self.draft.tables.values()
                if (column := self.find_column(table, noun.words))
            ]
            if len(near) == 1:
                return near[0]
        return None

    def _exact(self, table: Table, words: tuple[str, ...]) -> Column | None:
        for name in ("_".join(words), "_".join(kind_of(words).name), f"is_{'_'.join(words)}"):
            if name in table.columns:
                return table.columns[name]
        return None

    def add(self, table: Table, each: Attribute) -> Column:
        """Put an attribute into a table, or what is said about one that is there."""
        words = each.name
        if (
            words[: len(table.noun)] == table.noun
            and len(words) > len(table.noun)
            and words[len(table.noun) :] not in (("date",), ("time",), ("at",), ("on",), ("type",), ("id",))
        ):
            words = words[len(table.noun) :]
        elif (
            words[:1] == table.noun[-1:]
            and len(words) > 1
            and words[1] not in ("date", "time", "at", "on", "type", "id")
        ):
            words = words[1:]
        name = column_name(words, table.noun)
        column = table.columns.get(name)
        new = column is None
        if column is None:
            required = each.required
            if required is None:
                required = not each.optional_by_nature and (not self.existing or table.was is None)
            column = table.columns[name] = Column(name, each.type, required, each.default, type_said=each.type_said)
            if each.required is None and self.existing and table.was is not None and (each.default is not None):
                column.required = True
            if each.unique_by_nature and not each.unique and not each.scope and not self.existing:
                table.add_unique((name,))
                self.note(f"Assumed: {table.name}.{name} is unique, as it identifies by definition.")
        self.say_of(table, column, each, new=new)
        self.last = (table.name, column.name)
        for one in each.ignored:
            self.not_understood(f"{' '.join(each.noun.words)}: {one}")
        return column

    def say_of(self, table: Table, column: Column, each: Attribute, *, new: bool = False) -> None:
        """Apply what was said about a column."""
        if each.required is not None:
            column.required = each.required
            column.required_said = each.required
        if each.type_said or (each.checks and not new and column.type == "text" and column.was is None):
            column.type = each.type
        if each.values:
            self.enumerate(table, column, each.values)
        for check in each.checks:
            table.add_check((column.name,), check.replace("{c}", quote_ident(column.name)))
        if each.default is not None and (new or each.default != "now()"):
            column.default = each.default
        if each.unique and each.scope:
            self.unique_within(table, (column.name,), each.scope)
        elif each.unique:
            table.add_unique((column.name,))
            if each.required is None and new and not self.existing:
                column.required = True

    def enumerate(self, table: Table, column: Column, values: tuple[str, ...]) -> None:
        """Only these values are allowed in a column; a rule of the same kind that was there is replaced."""
        from postai.database.identifiers import quote_literal

        if column.was is None and not column.type_said and not all(re.fullmatch(r"-?\d+", one) for one in values):
            column.type = "text"
        texts = column.type in ("text",) or column.type.startswith(("character", "varchar"))
        listed = ", ".join(
            quote_literal(one).strip() if texts or not re.fullmatch(r"-?\d+", one) else one for one in values
        )
        table.rules = [
            one for one in table.rules if not (one.kind == "check" and one.values and one.columns == (column.name,))
        ]
        table.add_check((column.name,), f"{quote_ident(column.name)} IN ({listed})", values)

    def unique_within(self, table: Table, columns: tuple[str, ...], scope: str) -> None:
        """Unique together with what the scope names: a table it belongs to, or another column."""
        parts = [read_noun(one) for one in re.split(r"\s+and\s+(?:per\s+|for each\s+)?", scope)]

        def say() -> bool:
            found = [self.key_or_column(table, one) for one in parts if one]
            if None in found and not self.existing and not any(one and self.is_thing(one) for one in parts):
                table.add_unique(columns)
                self.note(f"{table.name}.{', '.join(columns)} is unique everywhere, as {scope} is no table.")
                return True
            if None in found:
                return False
            table.rules = [
                one for one in table.rules if not (one.kind == "unique" and one.columns == columns and one.name is None)
            ]
            table.add_unique((*(one for one in found if one), *columns))
            return True

        self.defer(say, f"{', '.join(columns)} unique within {scope}")

    def key_or_column(self, table: Table, noun: Noun) -> str | None:
        """The column by which rows of a table belong to what a noun names: a key to its table, or a column."""
        other = self.find_table(noun)
        if other is not None and (keys := table.keys_to(other.name)):
            return keys[0].columns[0]
        column = self.find_column(table, noun.words)
        return column.name if column else None

    def defer(self, work: Callable[[], bool | None], text: str) -> None:
        """Do something once all tables and keys are there; say so where it then makes no sense."""

        def run() -> None:
            if work() is False:
                self.not_understood(text)

        self.deferred.append(run)

    def settle_relations(self) -> None:
        """Turn the gathered relations into keys and junction tables; what then comes is gathered anew."""
        found, self.relations = self.relations, []
        settle(self.draft, found, self.pairing, self.add)
        for table in self.draft.tables.values():
            if table.was is None and not table.schema and self.existing:
                table.schema = self.schema()

    # Saying ------------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Something that was assumed or read into the words."""
        if text not in self.notes:
            self.notes.append(text)

    def warn(self, text: str) -> None:
        """Something that people must know."""
        if text not in self.warnings:
            self.warnings.append(text)

    def not_understood(self, text: str) -> None:
        """A sentence or part of one from which nothing was made."""
        self.warn(f"not understood: {self.shelter.open(text)}")

    def understand(self, text: str) -> None:
        """A sentence that said nothing of its own has got its sense from the one behind it."""
        told = f"not understood: {self.shelter.open(text)}"
        self.warnings = [one for one in self.warnings if one != told]

    def index(self, table: Table, columns: tuple[str, ...], why: str) -> None:
        """An index, unless a key or another index begins with the same columns."""
        plain = tuple(one.split()[0] for one in columns)
        for one in table.rules:
            if one.kind in ("primary", "unique") and one.columns[: len(plain)] == plain:
                self.note(f"{table.name} ({', '.join(plain)}) has an index already, by its key.")
                return
        for each in list(table.indexes):
            if tuple(one.split()[0] for one in each.columns)[: len(plain)] == plain:
                return
        table.indexes.append(IndexDraft(columns, why))
