"""Texts of strangers, made fit to be said on a terminal, in JSON, in a report; counts and p-values as all sentences say them."""

import math
from collections.abc import Sequence

SHOWN = 80

P_LEVELS = (0.01, 0.025, 0.05)  # of findings after Holm, and of controls, two-sided and one
MOST_DIGITS = 6


def printable(text: str) -> str:
    """One line that says what `text` says: control and bidirectional characters, line ends and lone surrogates as escapes.

    What is printable stays as it is, so that applying it twice changes nothing.
    """
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def short(name: object, most: int = SHOWN) -> str:
    """A stranger's name for a thing, as part of a sentence: at most `most` characters, blanks in a row as one.

    What is longer ends after a whole word, unless that would leave less than half.
    """
    # Cut first: a name may have a million characters.
    text = " ".join(printable(str(name)[: 4 * most]).split())
    if len(text) <= most:
        return text
    end = text.rfind(" ", most // 2, most - 2)
    return f"{text[: end if end > 0 else most - 3].rstrip(',;:')}..."


def counted(number: int, one: str, several: str = "") -> str:
    """ "1 pair", "2 pairs", or with a verb "1 file has", "2 files have": `several` where it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def first_of(places: Sequence[int], one: str) -> str:
    """ "image 3", "image 3 and 4 more": where something is that is at all of `places`, of things of which each is `one`."""
    return f"{one} {places[0]}{f' and {len(places) - 1:,} more' if len(places) > 1 else ''}"


def enumerated(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted_of(number: int, total: int, what: str, one: str, several: str) -> str:
    """ "1 of 17 files holds", "2 of 17 files hold": `what` is one of them, `one` and `several` the verbs."""
    return f"{number:,} of {counted(total, what)} {one if number == 1 else several}"


def p_number(p: float, *, bound: bool = False) -> str:
    """A p-value as tables show it: "0.12", "0.012", "<0.001"; `bound`: it is at most this, since no resample was as extreme.

    A bound is rounded up, since p might lie above one that was rounded down. One just above a level that p is held against has
    as many digits as keep it apart: "0.0104".
    """
    if p < 0.001:
        return "<0.001"
    digits = 2 if p >= 0.1 else 3
    if not bound:
        while digits < MOST_DIGITS and any(p > level and float(f"{p:.{digits}f}") == level for level in P_LEVELS):
            digits += 1
        return f"{p:.{digits}f}"
    return f"≤{min(1.0, math.ceil(p * 10**digits - 1e-9) / 10**digits):.{digits}f}"


def p_said(p: float, *, bound: bool = False) -> str:
    """ "p = 0.012", "p < 0.001", "p ≤ 0.003": the same in a sentence."""
    text = p_number(p, bound=bound)
    return f"p {text[0]} {text[1:]}" if text[0] in "<≤" else f"p = {text}"
