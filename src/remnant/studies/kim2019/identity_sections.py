"""The report's chapters on who is in a code: the summary, pairs of one patient, the segmentation beside it, many queries."""

from remnant.base.results import FigureView, Section, TableView
from remnant.studies.kim2019.identity_tables import primary_kind
from remnant.studies.kim2019.records import QUERIED, VIEWS
from remnant.studies.kim2019.redrawn_sections import WHO, inversion, people
from remnant.studies.kim2019.summary_tables import Tables

PAIRS = {
    "kind": "Pairs",
    "{same} + {different} ({patients})": "Same + different (patients)",
}
TOLD = {
    "{balanced:.3f} [{balanced_low:.3f}, {balanced_high:.3f}]": "Balanced accuracy",
    "{published:.3f}": "Published",
    "{auc} [{auc_low}, {auc_high}]": "AUC",
    "detectable": "Detectable AUC",
    "holm_p": "p",
    "{control:.3f}": "On raw scans",
    "verdict": "Verdict",
}


def identity_sections(tables: Tables) -> list[Section]:
    """The chapters on identity, as far as there is anything to show."""
    chapters = [_summary(tables)]
    if tables["identity"]:
        chapters.append(_pairs(tables))
    if len({row["kind"] for row in tables["identity"]}) > 1:
        chapters.append(_other_pairs(tables))
    if tables["difference"]:
        chapters.append(_difference(tables))
    if any(row["view"] in QUERIED for row in tables["identity"]):
        chapters.append(_queries())
    if tables["inversion"]:
        chapters.append(inversion())
    if tables["people"]:
        chapters.append(people())
    return chapters


def every_adversary(tables: Tables) -> list[Section]:
    """The chapter of all adversaries, for the end of the report."""
    if not tables["identity"]:
        return []
    return [
        Section(
            title="Every adversary",
            text=[
                "Above stands the strongest fresh adversary of each view; here all of them, by network and seed. "
                "'Best' is the accuracy at the threshold that is best on these very pairs, as the paper takes "
                "MS-SSIM, beside what that choice alone gives to one who knows nothing. Retrieval: mean average "
                "precision over all other test scans (eq. 8)."
            ],
            table=TableView(
                name="identity",
                caption="All adversaries on all views. Retrieval beside its chance level, and what was published for "
                "raw scans.",
                columns={
                    **WHO,
                    "view": "Seen",
                    "kind": "Pairs",
                    "queries": "Sent",
                    "adversary": "Adversary",
                    "{balanced:.3f} [{balanced_low:.3f}, {balanced_high:.3f}]": "Balanced accuracy",
                    "{best:.3f} (chance {best_chance:.3f})": "Best",
                    "{auc} [{auc_low}, {auc_high}]": "AUC",
                    "{control:.3f}": "On raw scans",
                    "{precision:.3f} [{precision_low:.3f}, {precision_high:.3f}]": "Retrieval",
                    "{precision_chance:.3f}": "Chance",
                    "{published_precision:.3f}": "Published retrieval",
                },
            ),
        )
    ]


def _summary(tables: Tables) -> Section:
    # Without a segmenter of raw scans nobody knows what was lost.
    known = any(row["loss"] is not None for row in tables["trade_off"])
    return Section(
        title="What remains of a patient?",
        text=[
            "One line a way to send a scan, with every attack beside what hiding costs. The paper's adversaries "
            "are judged by balanced accuracy on the code, as there; all others by the area under the ROC curve, "
            "0.5 being a guess, either way round: an adversary that errs surely knows the answer.",
        ],
        table=TableView(
            name="headline",
            caption="Overall Dice, and its loss against raw scans; the paper's strongest adversary; the strongest "
            "of all on the code, on the segmentation alone, and code minus segmentation over the same pairs; many codes "
            "of one patient; patients whose own scan their reconstruction finds first, of code and of segmentation; "
            "SSIM of the reconstruction (of the attacker's mean image); R2 of age and AUC of sex read off the code. "
            "Brackets: 95% intervals.",
            columns={
                **WHO,
                "{dice:.3f}": "Dice",
                "{loss:+.3f}": "Loss",
                "{paper:.3f} [{paper_low:.2f}, {paper_high:.2f}]": "Paper's strongest",
                "{code} [{code_low}, {code_high}]": "AUC, code",
                "{map} [{map_low}, {map_high}]": "AUC, segmentation",
                "{difference:+.2f} [{low:+.2f}, {high:+.2f}]": "Code − segmentation",
                "{queried} [{queried_low}, {queried_high}] ({queried_patients})": "AUC, many codes (patients)",
                "{code_rank1_count}/{code_n}": "Identified by code",
                "{map_rank1_count}/{map_n}": "By segmentation",
                "{chance:.1%}": "Chance",
                "{ssim} ({ssim_mean_image})": "SSIM (mean image)",
                "r2": "Age R2",
                "sex_auc": "Sex AUC",
            },
        ),
        figures=[
            FigureView(
                name="trade-off",
                kind="trade_off",
                caption="The strongest attack against the overall Dice that hiding loses, with 95% intervals; the number "
                "at a point is its lambda. On the left the corner that the first yardstick asks for, and the paper's "
                "own points. Where more than 0.1 is lost, losses are spaced evenly up to 0.02 and in logarithms beyond.",
            )
        ]
        if known
        else [],
    )


def _pairs(tables: Tables) -> Section:
    kind = primary_kind(tables["identity"])
    return Section(
        title="Are two images of one patient?",
        text=[
            "The paper's question, put to pairs of test patients, whom no training saw. A network calls two images the same "
            "patient's where it finds that as likely as not; for MS-SSIM and the likelihood ratios, which need no training, "
            "the threshold comes from training pairs. D_adv is the discriminator that the encoder played against, by the mean "
            "over a whole code and, as the paper judges it, by one patch of each pair; fresh "
            "D_new was trained afterwards on the attacker's own codes, with several networks and seeds, of which the "
            "strongest, or their mean, is shown. A failure counts only where the same adversary, with the same budget and "
            "seed, reaches 0.95 on raw scans; otherwise it was too weak to tell.",
            "Real pairs are two sessions of one patient. Simulated ones are two drawings of one scan with another "
            "pose, bias field, contrast, noise and slight elastic change; they hold none of the changes of months, "
            "so that they are easier.",
            "'Tells patients apart' holds for all adversaries on all that was sent, looked at together (Holm). The "
            "intervals are each row's own.",
        ],
        table=TableView(
            name="identity",
            caption="The strongest adversary of each attack. The published accuracy of MS-SSIM is at the threshold "
            "that is best on the test pairs. Detectable: the AUC that 80% power would have shown after as many "
            "looks. p after Holm over all adversaries, views and variants on these pairs.",
            columns={**WHO, "view": "Seen", "attack": "Adversary", **PAIRS, **TOLD},
            where={"strongest": True, "view": list(VIEWS), "kind": kind},
        ),
        figures=[
            FigureView(
                name="adversaries",
                kind="adversaries",
                caption="Balanced accuracy with 95% intervals, beside raw scans as the control, and the paper's "
                "numbers.",
                where={"strongest": True, "view": list(VIEWS), "kind": kind},
            )
        ],
    )


def _other_pairs(tables: Tables) -> Section:
    kind = primary_kind(tables["identity"])
    others = [name for name in dict.fromkeys(row["kind"] for row in tables["identity"]) if name != kind]
    return Section(
        title=f"And on {' and '.join(map(str, others))} pairs?",
        text=[
            "The same adversaries on the few pairs of another kind that the cohort holds, as few as they are: read "
            "the numbers of patients and the intervals, which there are none of below ten patients."
        ],
        table=TableView(
            name="identity",
            caption="The strongest adversary of each attack on these pairs.",
            columns={**WHO, "view": "Seen", "attack": "Adversary", **PAIRS, **TOLD},
            where={"strongest": True, "view": list(VIEWS), "kind": others},
        ),
    )


def _difference(tables: Tables) -> Section:
    kind = primary_kind(tables["identity"])
    return Section(
        title="Does the code tell more than its own segmentation?",
        text=[
            "Whoever holds the server holds the segmenter, and makes the segmentation of any code. No code can hide what "
            "its own segmentation shows; this difference is what a code can be held to. Both attacks see the same pairs, "
            "and are drawn together in the bootstrap. The strongest of each view is chosen on the pairs that are "
            "reported, on both sides alike.",
        ],
        table=TableView(
            name="difference",
            caption="AUC on the code, on the segmentation alone, and the difference with its paired 95% interval; p after "
            "Holm over all attacks and variants. 'Reconstruction' is sought among all patients' scans.",
            columns={
                **WHO,
                "attack": "Attack",
                "patients": "Patients",
                "auc_code": "AUC, code",
                "auc_map": "AUC, segmentation",
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                "holm_p": "p",
                "detectable": "Detectable",
                "beyond": "Tells more",
                "on_code": "Adversary on the code",
                "on_map": "On the segmentation",
            },
            where={"kind": kind},
        ),
        figures=[
            FigureView(
                name="beyond-map",
                kind="beyond_map",
                caption="What an attack on the code tells beyond the same attack on the segmentation, as a difference of "
                "AUCs with 95% intervals; filled where they leave zero out.",
                where={"kind": kind},
            )
        ],
    )


def _queries() -> Section:
    return Section(
        title="One patient sent many times",
        text=[
            "A secret that is drawn anew for every scan can be averaged away if the same patient is sent often: by "
            "averaging the scores of all pairs of codes, or by registering the codes to each other and averaging "
            "them before anybody compares.",
        ],
        table=TableView(
            name="identity",
            caption="The strongest adversary of each attack, on many codes of each scan.",
            columns={**WHO, "view": "Seen", "queries": "Sent", "attack": "Adversary", **PAIRS, **TOLD},
            where={"strongest": True, "view": list(QUERIED)},
        ),
    )
