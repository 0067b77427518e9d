"""What helps against the attacks, and which attack is stronger than the published one, in plain words."""

from remnant.base.results import Row
from remnant.report.words import label, p_in_words
from remnant.studies.lee2025.leak_findings import Tables, exposed, flagged
from remnant.studies.lee2025.leak_tables import USEFUL
from remnant.studies.lee2025.scores import ATTACK
from remnant.studies.lee2025.tables import OVERFIT

_SPACES = {
    "target_features": "in the target's features",
    "independent_features": "in independent features",
    "ssim": "by SSIM",
}


def mitigations(tables: Tables) -> list[str]:
    rows = [row for row in tables["mitigations"] if row["comparable"]]
    useless = _useless(tables["mitigations"])
    if not rows:
        return [useless] if useless else []
    helped: dict[str, list[str]] = {}
    for row in rows:
        if row["holm_p"] is not None and row["holm_p"] <= 0.05 and row["difference"] < 0:
            helped.setdefault(str(row["target"]), []).append(_cut(row))
    tried = list(dict.fromkeys(str(row["target"]) for row in rows))
    others = [_recipe(name) for name in tried if name not in helped]
    still = [_recipe(name) for name in tried if flagged(tables, name)]
    text = "Mitigations, by the same attacks on the same patients, against the CNN trained to overfit: "
    if helped:
        text += "; ".join(f"{_recipe(name)} ({', '.join(parts)})" for name, parts in helped.items()) + "."
        if others:
            text += f" For {' and '.join(others)} no difference beyond chance was seen."
    else:
        text += f"a difference beyond chance was seen for none of these: {', '.join(others)}."
        if OVERFIT not in exposed(tables):
            text += (
                " That CNN was not flagged itself, so that there was little to mend: this is no proof that "
                "nothing helps."
            )
    if still:
        text += f" Flagged all the same: {' and '.join(still)}."
    return [text, useless] if useless else [text]


def _useless(rows: list[Row]) -> str:
    """Which targets are of too little use to be compared, with their balanced accuracy on validation patients."""
    accuracy = {str(row["target"]): row["balanced"] for row in rows}
    accuracy |= {str(row["against"]): row["balanced_against"] for row in rows}
    weak = {name: value for name, value in accuracy.items() if value is None or value < USEFUL}
    if not weak:
        return ""
    parts = (f"{label(name)} {'unknown' if value is None else f'{value:.2f}'}" for name, value in weak.items())
    return (
        "What does not generalise is no mitigation, and may leak all the same, so these cannot be compared. Their balanced "
        f"accuracy on validation patients is below {USEFUL:.1f}: {', '.join(parts)}."
    )


def _recipe(target: str) -> str:
    return "all of the regular recipe" if target == "cnn" else label(target).removeprefix("CNN with ")


def _cut(row: Row) -> str:
    where = _SPACES[str(row["space"])]
    by = "" if row["source"] == ATTACK else f" under '{label(row['source'])}'"
    return f"AUC {row['auc']:.2f} instead of {row['auc_against']:.2f} {where}{by}, {p_in_words(row, 'holm_p')}"


def methods(tables: Tables) -> list[str]:
    rows = tables["methods"]
    if not rows:
        return []
    won = [row for row in rows if row["holm_p"] is not None and row["holm_p"] <= 0.05 and row["difference"] > 0]
    if not won:
        names = dict.fromkeys(label(row["method"]) for row in rows)
        return [
            f"None of the other attacks ({', '.join(names)}) comes nearer to members than the published one does, "
            "beyond chance and the number of looks taken."
        ]
    parts = [
        f"'{label(row['method'])}' on the {label(row['target'])} (AUC {row['auc']:.2f} instead of "
        f"{row['auc_published']:.2f} {_SPACES[str(row['space'])]}, {p_in_words(row, 'holm_p')})"
        for row in won
    ]
    return [
        f"There are stronger attacks than the published one: {'; '.join(parts)}. Judge a release by the strongest, "
        "since an attacker will not stop at the published one."
    ]
