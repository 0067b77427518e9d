"""The one list of attacks in rows, for whoever lists it: `remnant audit --list` and `remnant inspect`."""

from remnant.attacks.attack import Attack
from remnant.attacks.registry import all_attacks
from remnant.base.texts import printable
from remnant.targets.description import Description

# What the recipient has to see, by `Attack.access`.
SEES = {
    "outputs": "what the model answers",
    "weights": "the model's weights",
    "features": "what the model makes of images",
    "latents": "latents of patients",
    "codes": "codes of patients",
}


def listed() -> list[dict[str, str]]:
    """Every attack as a row of texts; those of other packages are fit to be said, too."""
    return [_row(attack) for attack in all_attacks().values()]


def listed_for(described: Description) -> list[dict[str, str | bool]]:
    """The same with whether each `applies` to such a network, and `why` not; in an audit the patients decide, too."""
    rows = []
    for attack in all_attacks().values():
        why = printable(attack.suits(described))
        rows.append({**_row(attack), "applies": not why, "why": why})
    return rows


def lines_for(described: Description) -> list[str]:
    """That for a person, a line an attack."""
    lines = []
    for row in listed_for(described):
        needs = f"; needs {row['needs']}" if row["needs"] else ""
        told = f"{row['words']}. Claims {row['claim']}, where the recipient sees {SEES[str(row['access'])]}{needs}."
        lines.append(
            f"applies   {row['name']}: {told}" if row["applies"] else f"does not  {row['name']}: {row['why']}."
        )
    return lines


def _row(attack: Attack) -> dict[str, str]:
    told = {
        "name": attack.name,
        "access": attack.access,
        "claim": attack.claim.replace("_", " "),
        "words": attack.words,
        "needs": attack.needs,
        "source": attack.source,
    }
    return {key: printable(text) for key, text in told.items()}
