"""The one exception that a user is meant to see."""

from remnant.base.texts import printable


class RemnantError(Exception):
    """Something the user can mend: one sentence that says what is wrong, where, and how to mend it.

    The command line prints it without a traceback and exits with code 2. Whatever stands in a sentence, names of a
    stranger's file say, it stays on one line and moves no cursor.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))
