"""What is wrong with the owner's items, gathered over many of them: who mends one after another needs a round for each."""

import contextlib
from collections.abc import Iterator

from remnant.base.errors import RemnantError
from remnant.base.texts import counted

DIFFERENT = 5  # faults that are told in one round
ITEMS = 50  # with a fault, after which no more are read: each may take its owner's code long


class ItemFaultsError(RemnantError):
    """Faults of items, each different one a sentence of `sentences`."""

    def __init__(self, sentences: list[str]) -> None:
        together = " ".join(f"({number}) {one}" for number, one in enumerate(sentences, 1))
        super().__init__(f"Items have {len(sentences)} faults: {together}" if len(sentences) > 1 else sentences[0])
        self.sentences = tuple(sentences)


class ItemFaults:
    """Gathers what is wrong with items: of those that have the same fault the first is told, and the others are counted."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._items: dict[str, set[str]] = {}

    @contextlib.contextmanager
    def of(self, where: str) -> Iterator[None]:
        """Keep what is raised of the item `where`, with which the sentence begins."""
        try:
            yield
        except RemnantError as error:
            fault = str(error).removeprefix(where)
            self._first.setdefault(fault, str(error))
            self._items.setdefault(fault, set()).add(where)

    @contextlib.contextmanager
    def of_all(self, source: str) -> Iterator[None]:
        """Raise `ItemFaultsError` at the end where anything was kept, with what ended the items of `source` as the last of it."""
        try:
            yield
        except RemnantError as error:
            if not self._first:
                raise
            with self.of(source):
                raise error
        self._tell()

    @property
    def enough(self) -> bool:
        """Whether so many are kept that no further item need be read."""
        return len(self._first) >= DIFFERENT or len(set().union(*self._items.values())) >= ITEMS

    def _tell(self) -> None:
        at_least = "at least " if self.enough else ""
        sentences = []
        for fault, first in list(self._first.items())[:DIFFERENT]:
            more = len(self._items[fault]) - 1
            sentences.append(f"{first} So it is with {at_least}{counted(more, 'more item')}." if more else first)
        if sentences:
            raise ItemFaultsError(sentences)
