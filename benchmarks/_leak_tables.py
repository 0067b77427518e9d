"""What networks of `_leak_networks.py` tell of who trained them: rows of `membership_results.py`."""

from collections.abc import Mapping, Sequence

import numpy as np
from _leak_networks import BASE, MORE_SWAPS, TRAININGS, Answers, People, candidates_of, later_of
from _peer_networks import over_swaps

from remnant.audit.cells.recipe import FEW_RESAMPLES, MOST_HITS, of_other_swaps
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.cohort.images import patient_means
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.exposure import auc_of_fresh_people, exposures, pair_differences, spread_of_fresh_people
from remnant.measure.hierarchical import hierarchical
from remnant.measure.intervals import FEWEST_PATIENTS, Interval
from remnant.measure.most_exposed import by_rank, mean_exposure
from remnant.measure.swaps import apart_within_patients, swap_test

USEFUL = 0.7  # balanced accuracy of people whom a network never saw, below which it is said that it learned little
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
DIRECT, BY_NETWORKS = "signed margin", "hierarchical, by the networks of other swaps"
Networks = Mapping[str, Sequence[Answers]]


def target_rows(networks: Networks, asked: People) -> list[Row]:
    """A row a training and attack: how useful its networks are, who trained them, and what that is more than of the training that
    it is held against."""
    rows: list[Row] = []
    for name, own in networks.items():
        training = TRAININGS[name]
        fits, trained = _fits(own)
        useful = over_swaps(_balanced(own, name, asked))
        known: Row = {
            "training": name,
            "learned": training.label,
            "varies": training.varies,
            "defences": ", ".join(training.recipe.defenses),
            "epochs": training.settings.epochs,
            "patients": len(trained),
            "networks": len(own),
            "balanced": useful["mean"],
            "balanced_low": useful["low"],
            "balanced_high": useful["high"],
            "useful": bool(useful["mean"] >= USEFUL),
        }
        for attack in (DIRECT, BY_NETWORKS):
            calibrate = None
            if attack == BY_NETWORKS:
                calibrate = of_other_swaps(hierarchical, fits, tuple(map(str, range(len(fits)))))
            draw = Seeds(0).child("leaves", "tests", name, attack).numpy()
            test = swap_test(fits, trained, draw, calibrate=calibrate, resamples=FEW_RESAMPLES, most_hits=MOST_HITS)
            rows.append(
                known
                | {"attack": attack, "auc": test.auc.mean, "low": number(test.auc.low), "high": number(test.auc.high)}
                | {"p": test.p, "p_bound": test.p_bound}
                | {"fresh_auc": auc_of_fresh_people(test.auc.mean, spread_of_fresh_people(fits, trained))}
                | (_change(networks, name) if attack == DIRECT else {})
            )
    return rows


def person_rows(networks: Networks, asked: People) -> list[Row]:
    """Of the bases, and of people with several radiographs: who is told by the image that trained, who by later ones of him,
    which trained nothing, and how much more the former tells."""
    rows: list[Row] = []
    for name in (one for one in BASE.values() if one in networks):
        own, _ = candidates_of(TRAININGS[name], asked)
        later = [asked.later.patients[place] for place in later_of(own, asked)]
        names = tuple(dict.fromkeys(later))
        first = [asked.first.patients[place] for place in own]
        taken = [first.index(patient) for patient in names]
        fits, trained = _fits(networks[name])
        by_image = fits[taken]
        by_person = patient_means(np.stack([one.later for one in networks[name]], axis=1), tuple(later))[1]
        row: Row = {"training": name, "patients": len(names), "images": len(names) + len(later)}
        areas = {}
        for way, values in (("image", by_image), ("person", by_person)):
            areas[way] = _areas(values, trained[taken])
            row |= {f"{way}_{end}": value for end, value in over_swaps(areas[way]).items()}
        gap = over_swaps(areas["image"] - areas["person"])
        rows.append(row | {f"gap_{end}": value for end, value in gap.items()})
    return rows


def exposure_rows(networks: Networks) -> list[Row]:
    """Of each training of many swaps how exposed its patients are: as it seems patient by patient, and as it is without what
    chance, the choice of the highest and halves of one cohort add."""
    rows: list[Row] = []
    for name, own in networks.items():
        if TRAININGS[name].swaps < MORE_SWAPS:
            continue
        fits, trained = _fits(own)
        draw = Seeds(0).child("leaves", "exposure", name).numpy()
        differences, found = pair_differences(fits, trained), exposures(fits, trained)
        shrunken = exposures(fits, trained, shrink=True).exposure
        tenth = max(FEWEST_PATIENTS, len(fits) // 10)
        common: Row = {"training": name, "patients": len(fits), "networks": len(own)}

        def told(what: str, seems: float, corrected: Interval, common: Row = common) -> Row:
            return common | {"what": what, "seems": float(seems)} | interval_columns("corrected", corrected)

        alone = (np.nan, np.nan, len(fits))
        rows += [
            told("mean", apart_within_patients(fits, trained), mean_exposure(differences)),
            *(
                told(
                    f"quantile {q:g}", np.quantile(found.exposure, q), Interval(float(np.quantile(shrunken, q)), *alone)
                )
                for q in QUANTILES
            ),
            told("most exposed tenth", np.sort(found.exposure)[-tenth:].mean(), by_rank(differences, [tenth], draw)[0]),
            told("most exposed", found.exposure.max(), by_rank(differences, [1], draw)[0]),
            told("exposed", float((found.p <= 0.05).sum()), Interval(float(found.flagged.sum()), *alone)),
        ]
    return rows


def _fits(own: Sequence[Answers]) -> tuple[np.ndarray, np.ndarray]:
    """Signed margins of first radiographs (n, networks), and who trained which."""
    return np.stack([one.first for one in own], axis=1), np.stack([one.trained for one in own], axis=1)


def _areas(values: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """AUC of each network (networks,), also of some patients, of whom not just half are in each."""
    return np.array([mann_whitney_auc(v[t], v[~t]).mean for v, t in zip(values.T, trained.T, strict=True)])


def _balanced(own: Sequence[Answers], name: str, asked: People) -> np.ndarray:
    """Balanced accuracy of each network, of candidates who did not train it and of the others (networks,)."""
    _, (first, _, others) = candidates_of(TRAININGS[name], asked)
    found = []
    for one in own:
        right = np.r_[one.first[~one.trained], one.others] > 0
        labels = np.r_[np.asarray(first)[~one.trained], np.asarray(others)]
        found.append(np.mean([right[labels == label].mean() for label in (0, 1)]))
    return np.array(found)


def _change(networks: Networks, name: str) -> Row:
    """How much more AUC the margin has than of the base of what is learned, over the swaps that both have."""
    base = BASE[TRAININGS[name].label]
    if name == base or base not in networks:
        return {}
    areas = [_areas(*_fits(networks[one])) for one in (name, base)]
    both = min(map(len, areas))
    found = over_swaps(areas[0][:both] - areas[1][:both])
    return {"against": base, "change": found["mean"], "change_low": found["low"], "change_high": found["high"]}
