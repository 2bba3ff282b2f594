"""The two verbs: a schema for a description, and the change for a wish."""

from __future__ import annotations

from postai.database import Database
from postai.deadline import Deadline
from postai.design.diagram import mermaid
from postai.design.differences import Difference, difference
from postai.design.draft import Draft
from postai.design.ground import Ground
from postai.design.reading import read_text
from postai.design.relations import index_keys, settle
from postai.design.shelter import Shelter
from postai.design.stored import has_btree_gist, read_draft
from postai.design.types import Proposed
from postai.errors import NotSure, UsageError
from postai.language.word_set import word_set

LONGEST = 20_000
"""Characters of a description."""


def design_by_grammar(description: str, schema: str = "", *, btree_gist: bool = False) -> Proposed:
    """Tables for a description, by the embedded grammar; no database is needed.

    Args:
        schema: of the new tables; "" = the first of the search_path.
        btree_gist: whether exclusion rules can be made.

    Raises:
        UsageError: no description, or too long.
        NotSure: nothing of it was understood.
    """
    _check(description)
    shelter = Shelter()
    ground = Ground(Draft(), shelter, btree_gist=btree_gist)
    read_text(ground, shelter.prepare(description))
    _finish(ground)
    if not ground.draft.tables:
        raise _nothing(description, "Say what there is and what it has: \"A blog has users and posts. A user has a name and a unique email. Each post is written by one user.\"")
    for table in ground.draft.tables.values():
        table.schema = schema
    return _proposed(ground, Draft())


def change_by_grammar(db: Database, request: str, schema: str | None = None) -> Proposed:
    """The change for a wish, by the embedded grammar.

    Args:
        db: where the catalogs are read.
        schema: whose tables are meant; None = all.

    Raises:
        UsageError: no request, or too long.
        NotSure: nothing was understood, or a name may mean several things.
    """
    from postai.design.wishes import read_wishes

    _check(request)
    before = read_draft(db, schema)
    shelter = Shelter()
    ground = Ground(before.copy(), shelter, existing=True, btree_gist=has_btree_gist(db))
    read_wishes(ground, shelter.prepare(request))
    _finish(ground)
    made = _proposed(ground, before)
    if not made.up:
        known = ", ".join(sorted(before.tables)[:12]) or "none"
        raise NotSure(
            "the wish leads to no change",
            detail=" ".join((*ground.warnings, *ground.notes)) or f"Tables: {known}.",
            hint="Name the table and the column: \"Add an optional phone number to customers\", \"The status of orders may only be open or closed\".",
        )
    return made


def _finish(ground: Ground) -> None:
    ground.settle_relations()
    for work in ground.deferred:
        work()
    if not ground.existing:
        _complete(ground)
    index_keys(ground.draft)


_TITLED = word_set("post article book film movie song album task lesson event job document chapter episode video recipe report issue ticket talk course project story page")


def _complete(ground: Ground) -> None:
    """A thing of which nothing was said has at least a name."""
    from postai.design.draft import Column

    for table in ground.draft.tables.values():
        if table.pair or any(not one.fixed and not one.name.endswith("_id") for one in table.columns.values()):
            continue
        if any(one.kind == "foreign" for one in table.rules) and len(table.columns) > 2:
            continue
        if len([one for one in table.rules if one.kind == "foreign"]) >= 1 and table.noun[-1] not in _TITLED:
            continue
        name = "title" if table.noun[-1] in _TITLED else "name"
        table.columns[name] = Column(name, "text")
        ground.note(f"Assumed: {table.name} have a {name}, as nothing else was said of them.")


def _check(text: str) -> None:
    if not text.strip():
        raise UsageError("there is nothing to read", hint="Say in sentences what there is, or what should change.")
    if len(text) > LONGEST or "\0" in text:
        raise UsageError(f"the text is longer than {LONGEST} characters or holds a NUL character", hint="Shorten it.")


def _nothing(text: str, hint: str) -> NotSure:
    return NotSure("nothing of this was understood", detail=text[:300], hint=hint)


def _proposed(ground: Ground, before: Draft) -> Proposed:
    made = difference(before, ground.draft, ground.moves, ground.moved)
    changed = _changed(before, ground.draft)
    return Proposed(
        up=made.up,
        down=made.down,
        destructive=bool(made.lost),
        warnings=(*made.lost, *made.warnings, *ground.warnings),
        explanation=_explanation(ground, before, made, changed),
        indexes=tuple(f"{text}; -- {why}" for text, why in made.indexes),
        mermaid=mermaid(ground.draft, changed),
        engine="grammar",
    )


def _changed(before: Draft, after: Draft) -> set[str]:
    old = {one.was: one for one in before.tables.values()}
    return {
        one.name for one in after.tables.values()
        if one.was is None or (old[one.was].columns, old[one.was].rules, old[one.was].indexes, old[one.was].name) != (one.columns, one.rules, one.indexes, one.name)
    }  # fmt: skip


def _explanation(ground: Ground, before: Draft, made: Difference, changed: set[str]) -> str:
    sentences = []
    new = [one for one in ground.draft.tables.values() if one.was is None]
    for table in new:
        keys = [rule for rule in table.rules if rule.kind == "foreign"]
        own = [one.name for one in table.columns.values() if not one.fixed and not any(one.name in rule.columns for rule in keys)]
        text = f"{table.name}: {', '.join(own) or 'no columns of its own'}"
        if keys:
            text += "; belongs to " + ", ".join(f"{rule.target} by {rule.columns[0]}{'' if table.columns[rule.columns[0]].required else ' (may be empty)'}" for rule in keys)
        sentences.append(text + ".")
    if new and before.tables:
        sentences.insert(0, f"New: {', '.join(one.name for one in new)}.")
    changed_old = sorted(changed - {one.name for one in new})
    if changed_old:
        sentences.append(f"Changed: {', '.join(changed_old)}.")
    return " ".join((*sentences, *ground.notes))
