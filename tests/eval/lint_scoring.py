"""Judges the hazards that a linter names for labelled texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LintScore:
    """How a set of labelled texts went.

    Attributes:
        hits, false_alarms, misses: hazards named rightly, named wrongly, and not named, over all texts.
        safe, clean: texts without a hazard, and those of them for which none was named.
        wrong: what differs, one line for each text.
    """

    hits: int
    false_alarms: int
    misses: int
    safe: int
    clean: int
    wrong: tuple[str, ...]

    @property
    def precision(self) -> float:
        """Share of the named hazards that are there."""
        return self.hits / max(self.hits + self.false_alarms, 1)

    @property
    def recall(self) -> float:
        """Share of the hazards that were named."""
        return self.hits / max(self.hits + self.misses, 1)

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f}, recall {self.recall:.3f}, safe texts without a finding"
            f" {self.clean} of {self.safe}"
        )


def judge(answers: Iterable[tuple[str, set[str], set[str]]]) -> LintScore:
    """Count over (text, wanted hazards, named hazards)."""
    hits = false_alarms = misses = safe = clean = 0
    wrong = []
    for text, wanted, named in answers:
        hits += len(wanted & named)
        false_alarms += len(named - wanted)
        misses += len(wanted - named)
        safe += not wanted
        clean += not wanted and not named
        if wanted != named:
            wrong.append(f"{text}: named {sorted(named - wanted)}, missed {sorted(wanted - named)}")
    return LintScore(hits, false_alarms, misses, safe, clean, tuple(wrong))
