"""The one exception that a user is meant to see."""


class RemnantError(Exception):
    """Something the user can mend: one sentence that says what is wrong, where, and how to mend it.

    The command line prints it without a traceback and exits with code 2.
    """
