"""Words that the report of an audit explains."""

AUDIT_GLOSSARY = {
    "Risk appetite": "How much exposure the model's owner accepts, set before the audit, with the origin of each number.",
    "Within": "No finding's 95% interval reaches above a limit, and controls showed that the attacks could have succeeded.",
    "Outside": "At least one exposed finding lies above a limit with its lower bound.",
    "Cannot tell": "The numbers or the controls decide neither. Where an exposed finding's 95% interval lies above a limit and "
    "its lower bound does not, only whether the model is outside is open. It is no permission.",
    "Member": "A patient whose data trained the model.",
    "Non-member": "A patient like the members whose data did not train it.",
    "Singling out": "A recipient identifies one person, for instance by a reconstruction (Article 29 Working Party, WP 216).",
    "Linkability": "A recipient verifies that two records are of the same person (WP 216).",
    "Inference": "A recipient learns something of a person, such as that he trained the model, or his sex (WP 216).",
    "AUC": "How often a member scores higher than a non-member; 0.50 is chance, 1.00 certainty.",
    "Exposure of a patient": "The chance that a network trained with the patient fits that patient better than one trained on "
    "other people; 0.50 is none.",
    "False discovery rate": "Of the patients who are called exposed, the share who are not, on average at most.",
    "Positive predictive value": "Of those who are told to be members, the share who are.",
    "Winner's curse": "Who seems most exposed of many is so by chance as well; measured again, by other networks, it is less.",
    "AUC of same patient or not": "How often two scans of one patient score higher than two of different patients.",
    "Cross-entropy": "How badly the model's answer fits the right one: the loss that its training lessens; 0 is a perfect fit.",
    "Gradient norm": "How strongly one more training step on these images would change the layer; less of who trained the model.",
    "Fold rank": "How often, of the models of a cross-validation, the one that did not train on a patient fits him worst.",
    "Layer read": "The layer of the network whose output an attack that reads latents or features was given.",
    "Primary": "A test that was named before the run: all of these share one half of the level, the others the other half.",
    "Signed margin": "How surely the model gives the right answer; below 0 where it answers wrongly.",
    "Lower bound": "An interval's lower end that holds for all findings together; it lies below that of the 95% interval.",
    "Membership advantage": "TPR less FPR at a threshold of other patients, the mean over many halves; 0 is chance.",
    "True positive rate at 10% FPR": "The share of members recognised when 10% of non-members are taken for members.",
    "Identified at rank 1": "Of all images, the reconstruction resembles that of its own patient most.",
    "Youden's J": "Shares read right in both classes together, less one: the share of patients who are known, not guessed. "
    "It is 1 at most, and members' minus non-members' 2.",
    "Balanced accuracy": "The mean of the shares read right of women and men, or of younger and older; 0.50 is chance.",
    "Gain beyond the controls": "By which share members' distance to the nearest candidate fell more than non-members' did.",
    "95% interval": "In brackets, over patients: the values that these patients cannot rule out.",
    "p": "How often patients dealt to the groups at random would give as much; after Holm, for all attacks together.",
    "Detectable": "The value that would have been shown with 80% power, had it been true.",
    "Blind baseline": "A classifier that never sees the model. Where it succeeds (one-sided p at most 0.025), the groups differ.",
    "Apart": "Whether a trait alone differs between the groups by more than 0.25 standard deviations, with no test.",
    "Planted members": "Patients made to be remembered. An attack that misses them is too weak to clear anybody.",
    "Canaries": "Patients set aside who trained half of the shadow models under exchanged labels. An attack that misses them is "
    "too weak to clear anybody.",
    "Shadow model": "A network trained the same way as the model, on a known half of the patients.",
    "Exposed": "The interval lies beyond chance, p is at most 0.01 after Holm, and no control that must find nothing found "
    "something. A planted leak that was missed voids silence, and no exposure.",
    "Not shown": "The attack could have succeeded and did not, or p after Holm is above 0.01: an interval beyond chance alone is "
    "no exposure, since many were looked at. Less than the detectable value may be there.",
    "Withheld": "A number that may not leave the house. The result beside it is of the number all the same.",
    "Power unknown": "No control showed whether the attack could have succeeded, so that its silence clears nobody.",
    "Attack too weak": "The attack missed what was planted, or its score has too few values, so that its silence clears nobody.",
    "Too few patients": "Too few for an interval, or to say how large a leak that is shown is at the least. Nobody is cleared.",
    "Not testable": "A control that must find nothing found something, or members fare worse: the number shows nothing.",
    "Minimum cell": "The fewest patients that a number which leaves the house may be about.",
}
