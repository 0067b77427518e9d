"""The templates of this room as HTML, and what they share."""

import re
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup, escape

from remnant.base.terms import called, capital
from remnant.report import words


def fill(name: str, *, styles: tuple[str, ...] = ("style.css",), **values: Any) -> str:
    """The template `name`, everything escaped, with the style sheets `styles` in it."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"duration": words.duration, "label": words.label, "code": code}
    environment.filters |= {"called": called, "capital": capital}
    return environment.get_template(name).render(style=Markup("\n".join(map(_text, styles))), **values)


def code(text: str) -> Markup:
    """Escaped text, with `quoted` words in code type."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def anchor(title: str) -> str:
    """The id of a section on its page."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def flat(settings: dict[str, Any], before: str = "") -> dict[str, str]:
    """Nested settings as "decoder.epochs": "200"."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return found


def _text(name: str) -> str:
    return files("remnant.report").joinpath(name).read_text("utf-8")
