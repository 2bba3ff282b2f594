"""The two verbs: a schema for a description, and the change for a wish."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace

from postai.database import Database
from postai.database.identifiers import quote_ident
from postai.deadline import Deadline
from postai.design.bare import without_bare
from postai.design.diagram import mermaid
from postai.design.differences import difference
from postai.design.draft import Column, Draft, Table
from postai.design.frames.engine import read_frames
from postai.design.ground import Ground
from postai.design.model_engine import Judges, propose_by_model
from postai.design.plainer import plainer
from postai.design.reading import read_text
from postai.design.relations import Relation, index_keys
from postai.design.sentences import LONGEST_SENTENCE
from postai.design.shelter import Shelter
from postai.design.stored import has_btree_gist, read_draft, unfit
from postai.design.trying import Try, on_copy
from postai.design.types import EngineChoice, Proposed
from postai.design.wishes import read_wishes
from postai.errors import ModelFailed, NotSure, UsageError, VerificationFailed
from postai.language.word_set import word_set
from postai.model.types import Completer
from postai.scratch.scratch_database import Opener

LONGEST = 20_000
"""Characters of a description."""


@dataclass(frozen=True)
class Means:
    """What the verbs may use.

    Attributes:
        engine: which engine reads the words; auto = the grammar, and the model where the grammar understood not all.
        model: who is asked; None = none is configured.
        open_database: opens sessions of other databases of the server, to try statements; None = nothing is tried.
    """

    engine: EngineChoice = "auto"
    model: Completer | None = None
    open_database: Opener | None = None


def design(db: Database, description: str, deadline: Deadline, means: Means, *, schema: str = "") -> Proposed:
    """A new schema for a description; nothing is made in the database.

    Args:
        db: a session; its server tries the statements.
        description: sentences or notes.
        schema: of the new tables; "" = the first of the search_path.

    Raises:
        UsageError: no description, or too long.
        NotSure: nothing of it was understood.
        VerificationFailed: the statements do not run on an empty database: an error of ours.
        ModelFailed, BudgetSpent, Refused: see `propose_by_model`.
        Cancelled, DeadlineExceeded: the time is over.
    """
    check_text(description)
    attempt = means.open_database and on_copy(db, means.open_database, Draft(), deadline)
    made = _prefer(
        means, lambda: _tried(design_by_grammar(description, schema, btree_gist=has_btree_gist(db)), attempt, schema)
    )
    if made is not None:
        return made
    assert means.model is not None
    words = f"{description}\n\nAll tables go into schema {schema}." if schema else description
    return propose_by_model(words, Draft(), means.model, _rules(db, attempt), deadline, purpose="design")


def change(db: Database, request: str, deadline: Deadline, means: Means, *, schema: str | None = None) -> Proposed:
    """The change that fulfils a wish, and the way back; nothing is changed.

    Args:
        db: a session of the database that is to be changed.
        request: one or more wishes.
        schema: whose tables are meant; None = all.

    Raises:
        UsageError: no request, or too long.
        NotSure: nothing was understood, or a name may mean several things.
        VerificationFailed: the statements do not run on a copy: an error of ours.
        ModelFailed, BudgetSpent, Refused: see `propose_by_model`.
        Cancelled, DeadlineExceeded: the time is over.
    """
    check_text(request)
    before = read_draft(db, None if schema is None else (schema,))
    attempt = means.open_database and on_copy(db, means.open_database, before, deadline)
    gist = has_btree_gist(db)
    made = _prefer(means, lambda: _tried(change_by_grammar(before, request, btree_gist=gist), attempt, ""))
    if made is not None:
        return made
    assert means.model is not None
    return propose_by_model(request, before, means.model, _rules(db, attempt), deadline, purpose="change")


def _rules(db: Database, attempt: Try | None) -> Judges:
    return Judges(lambda functions, operators: unfit(db, functions, operators), attempt)


def _prefer(means: Means, read: Callable[[], Proposed]) -> Proposed | None:
    """What the grammar made where that is what counts; None = the model is to be asked."""
    if means.engine == "model":
        if means.model is None:
            raise ModelFailed(
                "no model is configured",
                hint="Set ANTHROPIC_API_KEY, or choose the engine grammar.",
            )
        return None
    if means.engine == "grammar" or means.model is None:
        return read()
    try:
        made = read()
    except (NotSure, VerificationFailed):
        return None
    return None if any(one.startswith("not understood") for one in made.warnings) else made


def _tried(made: Proposed, attempt: Try | None, schema: str) -> Proposed:
    if attempt is None:
        return made
    start = (f"CREATE SCHEMA IF NOT EXISTS {quote_ident(schema)}",) if schema else ()
    trial = attempt((*start, *made.up), made.down)
    if trial.failed:
        raise VerificationFailed(
            "what was read does not run on a copy",
            detail=f"{trial.message}: {trial.statement}",
            hint="Put it in other words, and please report the sentence.",
        )
    warnings = made.warnings
    if trial.note:
        warnings = (*warnings, trial.note)
    if trial.astray:
        warnings = (*warnings, f"down does not lead back exactly: {trial.astray}")
    return replace(made, tried=trial.tried_in is not None, tried_in=trial.tried_in, warnings=warnings)


def design_by_grammar(description: str, schema: str = "", *, btree_gist: bool = False) -> Proposed:
    """Tables for a description, by the embedded grammar; no database is needed.

    Args:
        schema: of the new tables; "" = the first of the search_path.
        btree_gist: whether exclusion rules can be made.

    Raises:
        UsageError: no description, or too long.
        NotSure: nothing of it was understood.
    """
    check_text(description)
    ground = read_description(description, btree_gist=btree_gist)
    if not ground.draft.tables:
        raise NotSure(
            "nothing of this was understood",
            detail="; ".join(ground.warnings)[:1000] or None,
            hint='Say what there is and what it has: "A blog has users and posts. A user has a name and a unique '
            "email. "
            'Each post is written by one user."',
        )
    for table in ground.draft.tables.values():
        table.schema = schema
    return _proposed(ground, Draft())


_SENTENCE_END = re.compile(r"[.!?]\s")
# Words of an exception or a condition: what hangs on them is often more than a schema, or this grammar, can say.
_CONDITION = re.compile(
    r"\b(?:unless|except|provided that|as long as|but (?:never|only|not)|only (?:if|when|after|before|while|for))\b",
    re.I,
)


def read_description(description: str, *, btree_gist: bool = False) -> Ground:
    """The draft for a description."""
    ground = _better_of_two(description, btree_gist=btree_gist)
    for sentence in _SENTENCE_END.split(description):
        if _CONDITION.search(sentence):
            ground.warn(f"look whether the condition is kept that is said here: {textwrap.shorten(sentence, 120)}")
    return ground


def _better_of_two(description: str, *, btree_gist: bool) -> Ground:
    by_frames = _by_frames(description, btree_gist=btree_gist)
    if by_frames is not None and not _missed(by_frames):
        return by_frames
    by_rules = _by_rules(description, btree_gist=btree_gist)
    if by_frames is None or _missed(by_rules) < _missed(by_frames):
        return by_rules
    return by_frames


def _missed(ground: Ground) -> int:
    return sum(one.startswith("not understood") for one in ground.warnings)


def _by_frames(description: str, *, btree_gist: bool) -> Ground | None:
    """The draft of a text in sentences; None where it is laid out in lines, or a sentence is too long."""
    if "\n" in description.strip() or any(len(one) > LONGEST_SENTENCE for one in _SENTENCE_END.split(description)):
        return None
    ground = Ground(Draft(), Shelter(), btree_gist=btree_gist)
    read_frames(ground, description)
    _finish(ground)
    return ground if ground.draft.tables else None


def _by_rules(description: str, *, btree_gist: bool) -> Ground:
    """The draft by rules for single sentences and lines."""
    shelter = Shelter()
    ground = Ground(Draft(), shelter, btree_gist=btree_gist)
    read_text(ground, plainer(shelter.prepare(description)))
    _finish(ground)
    return ground


def change_by_grammar(before: Draft, request: str, *, btree_gist: bool = False) -> Proposed:
    """The change for a wish, by the embedded grammar.

    Args:
        before: the schema that is there.
        btree_gist: whether exclusion rules can be made.

    Raises:
        UsageError: no request, or too long.
        NotSure: nothing was understood, or a name may mean several things.
    """
    check_text(request)
    ground = read_request(before, request, btree_gist=btree_gist)
    made = _proposed(ground, before)
    if not made.up:
        known = ", ".join(sorted(before.tables)[:12]) or "none"
        raise NotSure(
            "the wish leads to no change",
            detail=" ".join((*ground.warnings, *ground.notes))[:1000] or f"Tables: {known}.",
            hint='Name the table and the column: "Add an optional phone number to customers", "The status of '
            "orders may "
            'only be open or closed".',
        )
    return made


def read_request(before: Draft, request: str, *, btree_gist: bool = False) -> Ground:
    """The draft of what a schema is to become."""
    shelter = Shelter()
    ground = Ground(before.copy(), shelter, existing=True, btree_gist=btree_gist)
    read_wishes(ground, shelter.prepare(request))
    _finish(ground)
    return ground


_USUAL = (
    (("post", "article", "book"), ("author", "user", "writer"), False),
    (("comment",), ("post", "article"), False),
    (("order", "invoice", "booking", "reservation"), ("customer", "guest"), False),
    (("post", "article", "task", "note", "photo"), ("tag",), True),
)
"""What usually belongs together where a description only lists things: many of one side, whether also of the other."""


def _assume(ground: Ground) -> None:
    """Relations between things that were only listed, said as assumptions."""
    related = {name for one in ground.relations for name in (one.a, one.b)}
    bare = {
        one.noun[-1]: one for one in ground.draft.tables.values()
        if one.name not in related and len(one.columns) == 1 and not one.pair
    }  # fmt: skip
    for holders, targets, both in _USUAL:
        holder = next((bare[one] for one in holders if one in bare), None)
        target = next((bare[one] for one in targets if one in bare), None)
        if holder is None or target is None:
            continue
        ground.relations.append(Relation(holder.name, target.name, many=both))
        if both:
            ground.relations.append(Relation(target.name, holder.name, many=True))
        how = "have many" if both else "belong to"
        ground.note(f"Assumed: {holder.name} {how} {target.name}, as only the things were listed.")


def _finish(ground: Ground) -> None:
    if not ground.existing:
        _assume(ground)
    ground.settle_relations()
    for work in ground.deferred:
        work()
    if not ground.existing:
        without_bare(ground)
    _complete(ground)
    index_keys(ground.draft)


_TITLED = word_set(
    "post article book film movie song album task lesson event job document chapter episode video recipe report "
    "issue ticket talk course project story page"
)


def _complete(ground: Ground) -> None:
    """A thing of which nothing was said has at least a name."""
    for table in ground.draft.tables.values():
        if (
            table.was is not None
            or table.pair
            or any(not one.fixed and not one.name.endswith("_id") for one in table.columns.values())
        ):
            continue
        if any(one.kind == "foreign" for one in table.rules) and len(table.columns) > 2:
            continue
        if (
            len([one for one in table.rules if one.kind == "foreign" and one.target != table.name]) >= 1
            and table.noun[-1] not in _TITLED
        ):
            continue
        name = "title" if table.noun[-1] in _TITLED else "name"
        table.columns[name] = Column(name, "text")
        ground.note(f"Assumed: {table.name} have a {name}, as nothing else was said of them.")


def check_text(text: str) -> None:
    """Raise UsageError for a text that cannot be read at all."""
    if not text.strip():
        raise UsageError("there is nothing to read", hint="Say in sentences what there is, or what should change.")
    if len(text) > LONGEST or "\0" in text:
        raise UsageError(f"the text is longer than {LONGEST} characters or holds a NUL character", hint="Shorten it.")


def _proposed(ground: Ground, before: Draft) -> Proposed:
    made = difference(before, ground.draft, ground.moves, ground.moved)
    changed = _changed(before, ground.draft)
    return Proposed(
        up=made.up,
        down=made.down,
        destructive=bool(made.lost),
        warnings=(*made.lost, *made.warnings, *ground.warnings),
        explanation=_explanation(ground, before, changed),
        indexes=tuple(f"{text}; -- {why}" for text, why in made.indexes),
        mermaid=mermaid(ground.draft, changed),
        engine="grammar",
    )


def _changed(before: Draft, after: Draft) -> set[str]:
    old = {(one.schema, one.was): one for one in before.tables.values()}

    def parts(table: Table | None) -> object:
        return table and (table.name, table.columns, table.rules, table.indexes)

    return {one.name for one in after.tables.values() if parts(old.get((one.schema, one.was))) != parts(one)}


def _explanation(ground: Ground, before: Draft, changed: set[str]) -> str:
    sentences = []
    new = [one for one in ground.draft.tables.values() if one.was is None]
    for table in new:
        keys = [rule for rule in table.rules if rule.kind == "foreign"]
        own = [
            one.name
            for one in table.columns.values()
            if not one.fixed and not any(one.name in rule.columns for rule in keys)
        ]
        text = f"{table.name}: {', '.join(own) or 'no columns of its own'}"
        if keys:
            text += "; belongs to " + ", ".join(
                f"{rule.target} by {rule.columns[0]}"
                + ("" if table.columns[rule.columns[0]].required else " (may be empty)")
                for rule in keys
            )
        sentences.append(text + ".")
    if new and before.tables:
        sentences.insert(0, f"New: {', '.join(one.name for one in new)}.")
    changed_old = sorted(changed - {one.name for one in new})
    if changed_old:
        sentences.append(f"Changed: {', '.join(changed_old)}.")
    stay = {(one.schema, one.was) for one in ground.draft.tables.values()}
    dropped = sorted(one.name for one in before.tables.values() if (one.schema, one.was) not in stay)
    if dropped:
        sentences.append(f"Dropped: {', '.join(dropped)}.")
    return " ".join((*sentences, *ground.notes))
