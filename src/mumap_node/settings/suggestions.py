"""What a misspelt word may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

LIKENESS = 0.6
"""Share of common letters from which a word is suggested (difflib ratio)."""


def did_you_mean(found: str, expected: Iterable[str]) -> str:
    """A half-sentence naming the most similar expected word; empty where none is similar."""
    words = {word.casefold(): word for word in expected}
    close = get_close_matches(found.casefold(), words, n=1, cutoff=LIKENESS)
    return f'; did you mean "{words[close[0]]}"?' if close else ""
