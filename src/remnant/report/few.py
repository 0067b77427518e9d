"""Sentences and numbers that come to a count of few patients, and the bounds that may be told in their place."""

import math
import re
from collections.abc import Collection

EXACT = 1e-6  # how far from a whole number of patients a share that was not rounded may lie

_PEOPLE = r"(?:patients?|people|persons?|members?|non-members?|women|men|subjects?|scans?)\b"
# What stands for patients, one each or nearly, beside them.
_CASES = rf"(?:answers|images|radiographs|volumes|cases|records|{_PEOPLE})"
# "21 of 30 answers" counts patients whatever it calls them, but for what a study counts beside them.
_THINGS = (
    r"(?:adversar(?:y|ies)|attacks?|controls?|checkpoints?|targets?|models?|codes?|candidates?|outputs?|class(?:es)?|layers?|"
    r"tensors?|rows?|columns?|findings?|highlights?|signals?|folds?|limits?|runs?|seeds?|voxels?|pixels?|queries|years?|mm)\b"
)
_NO_THING = rf"(?![\d,]|\.\d| (?:(?!{_CASES})[\w-]+ )?{_THINGS})"
_OF = re.compile(
    rf"(\d[\d,]*)(?: of (?:the )?(?=\d[\d,]*{_NO_THING})|/(?=\d[\d,]*[^.;]{{0,40}}?\b{_CASES}))(\d[\d,]*)",
    re.IGNORECASE,
)
_MANY = re.compile(rf"(?<![\d.,])(\d[\d,]*) (?:[a-z-]+ )?{_PEOPLE}|{_PEOPLE} than (\d+)", re.IGNORECASE)
_SHARE = re.compile(r"(?<![\d.,])(\d+(?:\.(\d+))?)\s?%")
_SIZE = re.compile(r"\bn\s?=\s?(\d[\d,]*)", re.IGNORECASE)
_PER_CENT_OF = re.compile(rf"%\s+of\s+(?:the\s+|all\s+|these\s+)?(\d[\d,]*){_NO_THING}", re.IGNORECASE)
_OF_PEOPLE = re.compile(rf"%\s+of\s+(?:the\s+|all\s+|these\s+)?(?:[a-z-]+\s+)?{_CASES}", re.IGNORECASE)
# Percentages that count nobody: levels, chance, rates that were set, and the ends of an interval, which goes with its share.
_NO_SHARE = re.compile(
    r"\[[^\]]*\]|[\d.]+\s?% (?:CI|confidence|power|(?:confidence )?interval)(?: [−\d.]+\s?% to [−\d.]+\s?%)?"
    r"|chance[^,;()%]{0,20}%|\brate of [\d.]+\s?%|[\d.]+\s?% (?:FPR|false)",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    rf"(?<![\d.,])(?:0|100)\s?%\s+of\s+(?:the\s+|all\s+|these\s+)?(?:[\d,]+\s+)?{_CASES}", re.IGNORECASE
)
_WORDS = re.compile(rf"\b(?:one|two|three|four|five|six|seven|eight|nine) of (?:the )?\w+ {_PEOPLE}", re.IGNORECASE)


def counts_few(text: str, smallest: int, sizes: Collection[int] = (), *, nobody: bool = False) -> bool:
    """Whether a sentence counts fewer than `smallest` patients, or all of a group but fewer, as a number or as a percentage.

    `sizes`: of the groups that "3% of the members" may mean, where no number of patients stands beside it. `nobody`: whether
    nobody and everybody of a group count as few, as where a sentence tells of each what he has.
    """
    parts = [(_int(some), _int(total)) for some, total in _OF.findall(text)]
    if nobody and smallest > 1 and (any(some in (0, total) for some, total in parts) or _NOBODY.search(text)):
        return True
    few = any(small(some, smallest, total) for some, total in parts)
    many = [_int(one or other) for one, other in _MANY.findall(text)]
    few = few or any(0 < count < smallest for count in many) or (smallest > 1 and bool(_WORDS.search(text)))
    return few or any(_shares_few(sentence, smallest, sizes) for sentence in re.split(r"(?<=[.;])\s", text))


def coarse(text: str, smallest: int, sizes: Collection[int]) -> str | None:
    """The text with "more than 14 of 24" in place of 23 and without shares in brackets; None where that does not do.

    A verdict is not left out for an attack that succeeded on nearly everybody.
    """
    if not counts_few(text, smallest, sizes):
        return text

    def bounded(found: re.Match[str]) -> str:
        count, total = _int(found[1]), _int(found[2])
        if total < smallest or not small(count, smallest, total):
            return found[0]
        return found[0].replace(found[1], bound(count, smallest, total, "fewer than ", "more than "), 1)

    text = _OF.sub(bounded, re.sub(r"\s*\([^()]*%[^()]*\)", "", text))
    # The bounds themselves are no counts.
    rest = re.sub(r"(?:fewer|more) than \d+(?: of (?:the )?|/)\d+", "", text)
    return None if counts_few(rest, smallest, sizes) or re.search(r"\d against", text) else text


def percentages_few(text: str, smallest: int, totals: Collection[int]) -> bool:
    """Whether a percentage in `text`, of one of the `totals`, is of a count to be withheld."""
    return any(
        share_small(float(value) / 100, 0.5 * 10 ** -(len(digits) + 2), total, smallest, between=True)
        for value, digits in _SHARE.findall(_NO_SHARE.sub("", text))
        for total in totals
    )


def share_small(share: float, half: float, total: int, smallest: int, *, between: bool = False) -> bool:
    """Whether a share of `total`, rounded to plus or minus `half`, is of a count to be withheld.

    A share that is so rounded that it may as well be nobody's or everybody's tells less than a bound. `between`: whether one
    that is no whole count is a share all the same, as ties that are broken at random make it; it tells the counts beside it.
    """
    least = math.ceil((share - half) * total - EXACT)
    most = math.floor((share + half) * total + EXACT)
    if between and most < least and 0 < share < 1:
        return any(small(count, smallest, total) for count in (least, most))
    return 0 < least <= most < total and any(small(count, smallest, total) for count in (least, most))


def small(count: float, smallest: int, total: float | None) -> bool:
    """Whether a cell is to be withheld: it, its complement, or the group that it is a part of."""
    parts = [count] if total is None else [count, total - count, total]
    return any(0 < part < smallest for part in parts)


def bound(count: float, smallest: int, total: float, fewer: str = "<", more: str = ">") -> str:
    """What may be told in place of a small `count` of `total`."""
    return f"{fewer}{smallest}" if count < smallest else f"{more}{total - smallest}"


def _shares_few(sentence: str, smallest: int, sizes: Collection[int]) -> bool:
    """Whether a percentage in it, of a number of patients in it or else of one of the `sizes`, is of few."""
    bare = _NO_SHARE.sub("", sentence)
    found = [*_OF.findall(bare), *_MANY.findall(bare)]
    totals = {_int(total or some) for some, total in found} | {_int(one) for one in _SIZE.findall(bare)}
    totals |= {_int(one) for one in _PER_CENT_OF.findall(bare)}
    if not totals and _OF_PEOPLE.search(bare):
        totals = set(sizes)
    return percentages_few(bare, smallest, totals)


def _int(text: str) -> int:
    return int(text.replace(",", ""))
