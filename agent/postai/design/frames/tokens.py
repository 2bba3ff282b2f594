"""Words and signs of a description, and the sentences they stand in."""

from __future__ import annotations

import re

Tokens = list[str]

_TOKEN = re.compile(
    r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']+'(?!\w)|<->|<=|>=|->|[≥≤]|-?\d+(?:[.,]\d+)*%?|"
    r"[A-Za-z][\w]*(?:[-/][A-Za-z0-9]\w*)*"
    r"(?:['’]s\b)?|[^\sA-Za-z0-9]"
)
_SHORT = {
    "can't": "cannot", "won't": "will not", "n't": " not", "it's": "it is", "that's": "that is",
    "they're": "they are", "there's": "there is",
}  # fmt: skip


def tokens_of(text: str) -> Tokens:
    """The words, numbers and signs of a text."""
    text = text.replace("’", "'")
    for short, long in _SHORT.items():
        plain = re.split(r"(\"[^\"]*\")", text)
        plain[::2] = [re.sub(rf"{re.escape(short)}(?!\w)", long, one, flags=re.I) for one in plain[::2]]
        text = "".join(plain)
    text = re.sub(r"\bcan not\b", "cannot", text)
    text = re.sub(r"\b([A-Za-z]{3,})-(up|in|out|off|on|back)\b", r"\1\2", text)
    text = re.sub(r"(?<!no )(?<!not )(?<!never )(?<!with )\bmore than one (?=[a-z])", "several ", text)
    text = re.sub(r"^(?:An?|The|Our|This) [\w ]+? (?:lets|allows|enables|helps) (\w+s)(?: to)? (?=[a-z])", r"\1 ", text)
    text = re.sub(
        r"\b([Ww]e|I) (?:also )?(?:want|need|would like|like|have) to (?:know|remember|keep|note|record|store)\b",
        r"\1 store",
        text,
    )
    text = re.sub(r"\b([Tt]he \w+) itself\b", r"\1", text)
    text = re.sub(r"\b(\w+s)'(?=\s)", r"\1's", text)
    text = re.sub(r"\b([Nn]on)-(?=[a-z])", r"\1", text)
    text = re.sub(r",? such as \w+(?:(?:, \w+)*,? (?:and|or) \w+)?\b", "", text)
    text = re.sub(r"(?<=\w)\((?=\w)", " ¤(", text)
    return _TOKEN.findall(text)


def sentences_of(text: str) -> list[Tokens]:
    """The sentences of a text; a line break ends one where no sentence goes on behind it."""
    text = re.sub(r"\b(e\.g|i\.e|approx|no|nr|etc|incl)\.", r"\1", text)
    parts = re.split(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*[-*•])", text)
    found = []
    for one in parts:
        tokens = tokens_of(re.sub(r"^\s*[-*•]\s+", "", one).strip())
        while tokens and tokens[-1] in (".", "!", "?", ";"):
            tokens.pop()
        if tokens:
            found.append(tokens)
    return found


def split_at(tokens: Tokens, sign: str) -> list[Tokens]:
    """The parts between signs that stand in no brackets."""
    found: list[Tokens] = [[]]
    depth = 0
    for one in tokens:
        depth += (one == "(") - (one == ")")
        if one == sign and depth == 0:
            found.append([])
        else:
            found[-1].append(one)
    return [one for one in found if one]


def text_of(tokens: Tokens) -> str:
    """The tokens as text again."""
    text = " ".join(tokens)
    text = re.sub(r" (?=[,.;:)%/])", "", text)
    return re.sub(r"(?<=[(/]) ", "", text)


def comma_parts(tokens: Tokens) -> list[Tokens]:
    """The parts between commas and "and"."""
    found: list[Tokens] = [[]]
    for one in tokens:
        if one in (",", "and"):
            found.append([])
        else:
            found[-1].append(one)
    return [one for one in found if one]
