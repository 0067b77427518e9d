"""The pages of the manual, and the examples on them."""

import re
import shlex
import string
from pathlib import Path

ROOT = Path(__file__).parents[1]
MANUAL = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def fences(page: Path) -> list[tuple[str, str]]:
    """Language and text of every fenced block, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return [text for name, text in fences(page) if name == language]


def commands_in(text: str) -> list[list[str]]:
    """The words of every `remnant ...` line of a shell's text, or of a Makefile's recipes."""
    text = text.replace("\\\n", " ")
    # As a shell has it: with its variables, and without what it does with the output and the exit code.
    variables = dict(re.findall(r'^([A-Z]+)="?((?!\$\().*?)"?$', text, re.MULTILINE))
    lines = string.Template(text).safe_substitute(variables).splitlines()
    found = [re.match(r"\s*(?:\$\(BIN\)/)?remnant (.+?)(?: 2?> .+| &| \|\| .+)?$", line) for line in lines]
    return [shlex.split(match[1], comments=True) for match in found if match]


def commands(page: Path) -> list[list[str]]:
    """The words of every `remnant ...` line of a page's shell blocks, or of the Makefile's recipes."""
    return commands_in(page.read_text("utf-8") if page.name == "Makefile" else "".join(blocks(page, "bash")))
