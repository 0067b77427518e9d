"""Texts of strangers, made fit to be said: on a terminal, in JSON, in a report."""

SHOWN = 80


def printable(text: str) -> str:
    """One line that says what `text` says: control and bidirectional characters, line ends and lone surrogates as escapes.

    What is printable stays as it is, so that applying it twice changes nothing.
    """
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def short(name: object, most: int = SHOWN) -> str:
    """A stranger's name for a thing, as part of a sentence: at most `most` characters, blanks in a row as one."""
    # Cut first: a name may have a million characters.
    text = " ".join(printable(str(name)[: 4 * most]).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."
