"""What was typed wrong, in one sentence with the nearest right word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ..errors import InvalidInput

#: exit codes of the command line
OK, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class UsageProblem(InvalidInput):
    """The words typed are no command, or lack something. Exit code 2."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    candidates = list(known)
    lowered = {candidate.lower(): candidate for candidate in reversed(candidates)}
    found = get_close_matches(word.lower(), lowered, n=1, cutoff=0.55)
    if found:
        return lowered[found[0]]
    # a beginning ("prom" for "promote") is further away for difflib than for people
    starts = [candidate for candidate in candidates if len(word) > 1 and candidate.lower().startswith(word.lower())]
    return starts[0] if len(starts) == 1 else None


def unknown(noun: str, word: str, known: Iterable[str], *, most: int = 12) -> UsageProblem:
    """The error for a word that is none of ``known``."""
    candidates = list(known)
    meant = nearest(word, candidates)
    if meant:
        hint = f"Did you mean '{meant}'?"
    elif candidates:
        hint = f"Known: {', '.join(candidates[:most])}{', ...' if len(candidates) > most else ''}."
    else:
        hint = None
    return UsageProblem(f"There is no {noun} '{_short(word)}'.", hint=hint)


def _short(word: str) -> str:
    return word if len(word) <= 80 else word[:79] + "…"
