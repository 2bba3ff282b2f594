"""What the text of a statement says about what it reads, as `reads_text.py` finds it. Nothing is looked up here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RelationName:
    """A relation in FROM; `only` says that its children are not read."""

    schema: str | None
    name: str
    only: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function or operator: which arguments are bare literals or parameters (None: not known, any number)."""

    schema: str | None
    name: str
    literals: tuple[bool, ...] | None


@dataclass(frozen=True, slots=True)
class Cast:
    """A type that something is made into. `columns`: what is cast are literals, parameters, values of types of dates
    and times, and columns of these names; None = anything else."""

    schema: str | None
    name: str
    columns: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Field:
    """A name after a dot: a column, or else a call with the row before the dot.

    `places`: numbers of the relations of which it must be a column so as to be one for certain; None = never certain.
    """

    name: str
    places: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Equal:
    """`column = value` among the ANDed conditions of the topmost WHERE.

    Attributes:
        place: number of that relation in `Candidate.relations`.
        column: name of its column.
        value: the text of a literal, or the number of a parameter.
        number: the literal was written as a number.
    """

    place: int
    column: str
    value: str | int
    number: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """All that the text says.

    Attributes:
        reason: why the answer may not be kept, whatever the catalog says; None = nothing speaks against it.
        selects: it is one SELECT, VALUES or TABLE of which every part is understood, and its relations are all listed.
        shows: it is one SHOW.
        writes: it locks rows, changes data, or may.
        relations: named relations, in the order of the walk; a name may occur twice.
        functions: with what is known of their arguments.
        operators: likewise, also those that keywords stand for.
        casts: types that the text names.
        fields: names after a dot, which may call functions.
        columns: names of the columns that it mentions; None = it may read all columns of its relations.
        parameters: oids of the types of parameters as declared; 0 = not declared.
        equals: conditions that pin rows.
        single: numbers of the parameters that occur once.
        ascii: every name in it is of ASCII letters.
        backslash: it holds a backslash.
    """

    reason: str | None
    selects: bool = False
    shows: bool = False
    writes: bool = True
    relations: tuple[RelationName, ...] = ()
    functions: tuple[Call, ...] = ()
    operators: tuple[Call, ...] = ()
    casts: tuple[Cast, ...] = ()
    fields: tuple[Field, ...] = ()
    columns: frozenset[str] | None = None
    parameters: tuple[int, ...] = ()
    equals: tuple[Equal, ...] = ()
    single: frozenset[int] = frozenset()
    ascii: bool = True
    backslash: bool = False
