"""cancellation rate · success rate of payments · damage rate: the part of rows of which the word is true, in percent"""

from __future__ import annotations

from postai.ask.grammar.draft import Measure, Predicate, Ref, Unsure
from postai.ask.grammar.state import State
from postai.language.lexicon import Sense

_NOUN_ENDINGS = ("ion", "al", "ure", "ance", "ence", "ment", "y", "age", "e", "s", "rn", "d")
_ALIKE = {
    "success": ("success", "successful", "succeeded", "completed", "complete", "ok", "paid"),
    "failure": ("failure", "failed", "fail", "error"),
    "win": ("win", "won"),
    "loss": ("loss", "lost"),
    "no-show": ("no show", "no_show", "noshow"),
    "churn": ("churned", "churn"),
    "conversion": ("converted", "won"),
}


def apply(state: State) -> None:
    for index, item in enumerate(state.items):
        if index and item.free and item.lower in ("rate", "rates") and item.kind == "unknown":
            _rate(state, index)


def _rate(state: State, index: int) -> None:
    before = index - 1
    if not state.items[before].free or state.items[before].kind in ("filler", "number"):
        return
    predicate = _true_of(state, before)
    if predicate is None:
        return
    table = predicate.ref.table
    end = index + 1
    following = state.skip(end)
    of = end < len(state.items) and state.word(end) in ("of", "for", "among")
    if of and state.role(following) == "table" and state.table(following) == table:
        state.use(*range(end, following + 1), why="rate")
        end = following + 1
    count = Measure("count", table)
    part = Measure("count", table, only=(predicate,))
    name = f"{state.word(before)}_rate".replace(" ", "_").replace("-", "_")
    state.use(index, why="rate")
    state.draft.assumptions.append(f"the {name.replace('_', ' ')} is the percentage of {state.info(table).table.name}")
    state.draft.confidence = min(state.draft.confidence, 0.85)
    state.become_measure(before, Measure("formula", parts=(part, count), operator="%", text=name), end)


def _true_of(state: State, index: int) -> Predicate | None:
    """The state, flag or date that a noun such as "cancellation" is made of, nearest to the question's tables."""
    word = state.word(index)
    found: dict[Ref, tuple[float, Predicate]] = {}
    for table, column, value, score in _candidates(state, word):
        ref = Ref(table, column)
        rank = state.rank(Sense("value", table, column, None, score, "stem"))
        if rank > 0 and (ref not in found or found[ref][0] < rank):
            found[ref] = (
                rank,
                Predicate(ref, "=", (value,)) if value is not None else Predicate(ref, "null", negated=True),
            )
    ranked = sorted(found.values(), key=lambda pair: -pair[0])
    if not ranked:
        return None
    if len(ranked) > 1 and ranked[1][0] > ranked[0][0] - 0.04:
        names = " or ".join(state.info(p.ref.table).table.name + "." + p.ref.column for _, p in ranked[:2])
        raise Unsure(f'"{state.items[index].text}" could be taken from {names}', "Name the table.")
    return ranked[0][1]


def _candidates(state: State, word: str) -> list[tuple[int, str, str | bool | None, float]]:
    """(table, column, value or None for a date that is set, score) of what is said by a word like this one."""
    wanted = _ALIKE.get(word, ())
    found: list[tuple[int, str, str | bool | None, float]] = []
    for (table, column), values in state.lexicon.stored.items():
        for value in values.values():
            text = value.lower().replace("_", " ")
            if text in wanted:
                found.append((table, column, value, 1.0 - 0.02 * wanted.index(text)))
            elif alike(word, text):
                found.append((table, column, value, 0.95))
    for info in state.lexicon.tables:
        if info.real is not None:
            continue
        for one in info.columns:
            said = [part for part in one.words if part not in ("is", "was", "has", "at", "on", "date", "time")]
            if len(said) != 1 or not (said[0] in wanted or alike(word, said[0])):
                continue
            if one.kind == "boolean":
                found.append((info.index, one.name, True, 0.97))
            elif one.is_date and not one.column.not_null:
                found.append((info.index, one.name, None, 0.9))
    return found


def alike(noun: str, participle: str) -> bool:
    """Whether a noun is made of the verb of a participle: completion of completed, failure of failed."""
    if " " in participle or len(participle) < 4:
        return False
    same = 0
    while same < min(len(noun), len(participle)) and noun[same] == participle[same]:
        same += 1
    if same == len(noun):
        return participle[same:] in ("", "d", "ed", "led", "ned", "ful")
    if not noun.endswith(_NOUN_ENDINGS) or not participle.endswith(("ed", "en", "nt", "n", "t", "d")):
        return False
    return same >= 4 and same >= min(len(noun), len(participle)) - 3
