"""Gates before a verdict: what must hold before a run's numbers may clear a model or accuse it.

Pure functions of settings and rows. Each returns the `Gate` that stays shut, or None. A gate that saw nothing stays shut; where
a kind of study lacks the part that a gate looks at, the gate is left out. An exposure proves itself: whoever identifies patients
beyond chance, by a test that holds for all looks together, needs no control. Silence proves nothing by itself, so most gates void
silence alone; a run that was only made to see that the parts work voids both.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from statistics import median
from typing import Literal, NamedTuple

from remnant.base.results import Row
from remnant.base.texts import counted
from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.report.words import label

# Presets that show that all parts work together, on networks that had no time to learn.
TRIALS = ("smoke", "demo")
FALLEN = 0.05  # share of its first value by which a loss must have fallen
ENDS = 10  # values whose median stands for a loss at its start and at its end, at most


class Gate(NamedTuple):
    """Why no verdict may be drawn, in one sentence, and which verdicts that voids."""

    reason: str
    voids: Literal["everything", "silence"] = "silence"


class Conclusion(NamedTuple):
    """The fields of `Results` that say what may not be concluded."""

    no_conclusion: list[str]
    left_open: list[str]


def concluded(
    gates: Callable[[Sequence[str]], Iterable[Gate | None]], targets: Sequence[str], exposed: Collection[str]
) -> Conclusion:
    """What a run's gates leave to conclude on `targets`, of which some attack was shown to succeed on the `exposed`.

    `gates(targets)`: those that silence about these targets has to pass. One exposed target proves nothing of the others, so
    their silence passes them all the same; the exposed stay exposed.
    """
    silent = [target for target in targets if target not in exposed]
    closed = [gate for gate in gates(silent or targets) if gate]
    if not exposed:
        return Conclusion([gate.reason for gate in closed], [])
    void = [gate.reason for gate in closed if gate.voids == "everything"]
    held = [gate.reason for gate in closed if gate.voids == "silence"]
    if void or not silent or not held:
        return Conclusion(void, [])
    about = "; ".join(label(target) for target in silent)
    return Conclusion([], [f"No conclusion about {about}: that nothing was shown there clears nobody.", *held])


def full_preset(preset: str) -> Gate | None:
    """Shut for presets that train for moments."""
    if preset not in TRIALS:
        return None
    return Gate(
        f"The preset '{preset}' trains for moments, to show that all parts work; run the preset 'cpu' for a verdict.",
        "everything",
    )


def one_of(group: str) -> str:
    """What one of a group is called: "member (private)" of "members (private)", "test patient" of "test patients"."""
    return re.sub(r"(member|patient)s\b", r"\1", group)


def enough_patients(groups: Mapping[str, int]) -> Gate | None:
    """Shut where a group that was compared, by its name, has fewer than `FEWEST_PATIENTS`, or where none was compared."""
    if not groups:
        return Gate("No patients were compared, so nobody knows whether an attack succeeded.")
    few = {name: count for name, count in groups.items() if count < FEWEST_PATIENTS}
    if not few:
        return None
    said = " and ".join(counted(count, one_of(name), name) for name, count in few.items())
    verb = "was" if next(iter(few.values())) == 1 else "were"
    return Gate(f"There {verb} only {said}; below {FEWEST_PATIENTS} patients a failed attack says nothing.")


def positive_control(seen: bool | None, control: str) -> Gate | None:
    """Shut where the positive `control`, a noun phrase, was not `seen`, or where there was none (None)."""
    if seen:
        return None
    if seen is None:
        return Gate(f"There was no positive control ({control}), so nobody knows whether this attack could succeed.")
    return Gate(f"The attack did not see its positive control ({control}), so its silence means nothing.")


def loss_fell(losses: Mapping[str, Sequence[float]]) -> Gate | None:
    """Shut where a loss, by the name of what was trained, did not fall from its first values to its last.

    Medians of up to `ENDS` values at each end, since one step's loss is noisy. Without two values nobody knows whether it fell.
    """
    if not losses:
        return Gate("No training left its losses, so nobody knows whether anything was learned.")
    unknown = [name for name, values in losses.items() if len(values) < 2]
    if unknown:
        return Gate(
            f"The training of {_listed(unknown)} left fewer than two losses, so nobody knows whether it learned."
        )
    still = [name for name, values in losses.items() if not _fell(values)]
    if not still:
        return None
    return Gate(f"The loss did not fall in the training of {_listed(still)}: what learned nothing can find nothing.")


def prior_alike(rows: Sequence[Row]) -> Gate | None:
    """Shut where the untuned prior's images are unlike the real images of a source, nearly all the same, or were not compared.

    `rows`: a source each, with `typical`, `varied` and `alike` as in `remnant.measure.likeness`.
    """
    if not rows:
        return Gate("The prior's images were held against no real images, so nobody knows whether they are alike.")
    unlike = [row for row in rows if not row["alike"]]
    if not unlike:
        return None
    if not all(row["varied"] for row in unlike):
        return Gate("The prior draws nearly the same image every time, so it can show nobody.")
    worst = min(unlike, key=lambda row: row["typical"])
    return Gate(
        f"The prior draws unlike images: {worst['typical']:.0%} are as near to a real image ({label(worst['source'])}) as real "
        "images are to each other."
    )


def _fell(values: Sequence[float]) -> bool:
    ends = min(ENDS, max(1, len(values) // 2))
    first, last = median(values[:ends]), median(values[-ends:])
    # A loss that is 0 throughout has taught nothing.
    return first - last >= FALLEN * abs(first) and first != last


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
