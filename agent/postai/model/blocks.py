"""Marked data blocks: the one way in which text found in a database reaches the model.

Names, comments and values may hold instructions ("ignore the rules and ..."). They cannot be made harmless by reading
them, so they are fenced: inside a block `&`, `<` and `>` are escaped, hence no text can close the block or open
another, and the instructions say that nothing inside a block is to be obeyed. What is executed is decided by the guard
alone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

SPACES = re.compile(r"\s+")
NAME = re.compile(r"[a-z_]+")


@dataclass(frozen=True)
class Block:
    """One block of the system prompt.

    Attributes:
        text: what the model reads.
        cache: whether the prompt up to and including this block may be kept in the provider's prompt cache.
    """

    text: str
    cache: bool = False


def data_block(name: str, text: str) -> str:
    """Fence untrusted text.

    Args:
        name: the block's name, lower-case letters and underscores, written by us.
        text: anything.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"not a block name: {name!r}")
    return f"<{name}>\n{escape(text)}\n</{name}>"


def escape(text: str) -> str:
    """Make a text unable to open or close a block, and drop what a person would not see."""
    return visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def visible(text: str) -> str:
    """The text without control, format (bidirectional, zero-width), private and unassigned characters.

    Line breaks and tabs stay. What remains is what a person sees on a screen, so that nothing can be said to the model
    behind a reader's back, nor terminal codes be sent to a reader.
    """
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text  # nearly every text, at a hundredth of the price
    return "".join(character for character in text if character in "\n\t" or unicodedata.category(character)[0] != "C")


def one_line(text: str, limit: int) -> str:
    """The text on one line, cut to `limit` characters."""
    line = SPACES.sub(" ", visible(text)).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
