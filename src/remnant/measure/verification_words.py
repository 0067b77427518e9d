"""What an adversary's result says of codes, in words, and when it says nothing."""

from remnant.base.texts import counted
from remnant.measure.verification import CONTROL, Verification


def verdict(coded: Verification, raw: Verification, *, knows: bool) -> str:
    """What an adversary's result on codes says, in words, given the same adversary's with the same budget on `raw` images.

    `knows`: whether it tells patients apart, after adjustment for all adversaries that were tried. Its success counts always,
    its failure only where it succeeds on raw images: balanced accuracy of at least `CONTROL`.
    """
    if knows:
        turned = ", by answering wrongly" if coded.auc.mean < 0.5 else ""
        return f"tells patients apart{turned}"
    # So few patients that not even a faultless adversary's interval leaves chance out: no reason to call it a failure.
    if coded.strength >= coded.detectable:
        return f"seems to tell patients apart; {counted(coded.auc.n, 'patient is', 'patients are')} too few to be sure"
    if not raw.passes_as_control:
        return (
            f"adversary too weak to tell: balanced accuracy {raw.balanced.mean:.3f} on raw images, {CONTROL} is asked"
        )
    return f"not seen to tell patients apart; {counted(coded.auc.n, 'patient')} would have shown an AUC of {coded.detectable:.2f}"
