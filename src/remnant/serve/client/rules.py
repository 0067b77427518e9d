"""Which series of an archive are meant: `Modality=MR`, `SeriesDescription=*T1*`, `StudyDate=20260101-`, as QIDO-RS has them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from remnant.base.errors import RemnantError
from remnant.base.texts import short

DATE = "StudyDate"
KEYWORDS = ("Modality", "SeriesDescription", "BodyPartExamined", "ProtocolName", "StudyDescription", DATE)


@dataclass(frozen=True)
class Rule:
    """A `pattern` for the value of a `keyword`: `*` and `?` stand for any letters or one; of dates, a day or FROM-TO."""

    keyword: str
    pattern: str

    @classmethod
    def read(cls, text: str) -> "Rule":
        """The rule in KEYWORD=PATTERN; raise `RemnantError` for another text."""
        keyword, _, pattern = text.partition("=")
        if keyword not in KEYWORDS or not pattern:
            raise RemnantError(
                f"{short(text)!r} is no rule; give KEYWORD=PATTERN with one of {', '.join(KEYWORDS)}, as Modality=MR."
            )
        if keyword == DATE and (
            not re.fullmatch(r"([0-9]{8})?-?([0-9]{8})?", pattern) or len(pattern) not in (8, 9, 17)
        ):
            raise RemnantError(
                f"{short(text)!r} is no rule; give a day as 20260131, or 20260101-, or 20260101-20260131."
            )
        return cls(keyword, pattern)

    def fits(self, told: Mapping[str, str]) -> bool:
        """Whether a series is meant by what is told of it; what is not told fits nothing."""
        value = told.get(self.keyword, "")
        if self.keyword == DATE:
            first, dash, last = self.pattern.partition("-")
            return bool(value) and first <= value <= ((last or "99999999") if dash else first)
        wanted = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in self.pattern)
        return re.fullmatch(wanted, value, re.IGNORECASE | re.DOTALL) is not None and bool(value)
