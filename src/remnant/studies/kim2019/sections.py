"""The report's chapters on what only this study has: every variant beside its cost, the paper's tables, the trainings."""

from remnant.base.results import FigureView, Section, TableView
from remnant.report.chapters.attributes import ATTRIBUTES
from remnant.studies.judged import controls_section, findings_section
from remnant.studies.kim2019.identity_tables import primary_kind
from remnant.studies.kim2019.overlap_sections import overlap_sections
from remnant.studies.kim2019.summary_tables import Tables

WHO = {"name": "Sent as"}
BALANCED = "{balanced:.3f} [{balanced_low:.3f}, {balanced_high:.3f}]"
AUC = "{auc} [{auc_low}, {auc_high}]"


def sections(tables: Tables, departures: list[str] | None = None) -> list[Section]:
    """Every chapter that has anything to show; `departures` from the paper's own recipe, where a variant follows it."""
    made = {
        "identity": _pairs,
        "difference": _difference,
        "inversion": _inversion,
        "attributes": _attributes,
    }
    return [
        _summary(tables),
        findings_section(
            tables, ["The same attacks on every way to send a scan, and on the segmentation of what is sent."]
        ),
        controls_section(),
        *(make(tables) for name, make in made.items() if tables[name]),
        *([_recipe(departures)] if departures else []),
        *overlap_sections(tables),
        *([_every_adversary()] if tables["identity"] else []),
    ]


def _summary(tables: Tables) -> Section:
    # Without a segmenter of raw scans nobody knows what was lost.
    known = any(row["loss"] is not None for row in tables["trade_off"])
    return Section(
        title="What remains of a patient?",
        text=[
            "One line a way to send a scan, with every attack beside what hiding costs. The paper's adversaries are judged by "
            "balanced accuracy on the code, as there. All others are judged by AUC, either way round: an adversary that errs "
            "surely knows the answer.",
        ],
        table=TableView(
            name="headline",
            caption="Overall Dice, and its loss against raw scans; the paper's strongest adversary; the strongest of all on the "
            "code, on the segmentation alone, and code minus segmentation over the same pairs; many codes of one patient; "
            "patients identified by their reconstruction, of code and of segmentation; SSIM of the reconstruction (of the "
            "attacker's mean image). Brackets: 95% intervals.",
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
            },
        ),
        figures=[
            FigureView(
                name="trade-off",
                kind="trade_off",
                caption="The strongest attack against the overall Dice that hiding loses, with 95% intervals; the number at a "
                "point is its lambda. On the left the corner that the first yardstick asks for, and the paper's own points. "
                "Where more than 0.1 is lost, losses are spaced evenly up to 0.02 and in logarithms beyond.",
            )
        ]
        if known
        else [],
    )


def _pairs(tables: Tables) -> Section:
    where = {"strongest": True, "kind": primary_kind(tables["identity"])}
    return Section(
        title="Are two images of one patient?",
        text=[
            "The paper's question, put to pairs of test patients, whom no training saw. D_adv is the discriminator that the "
            "encoder played against, by the mean over a whole code and, as the paper judges it, by one patch of each pair. Fresh "
            "D_new were trained afterwards on the attacker's own codes, with several networks and seeds; the strongest is shown.",
            "The paper's adversaries reach 0.95 on raw scans. Where one does not, its failure says nothing of a code.",
        ],
        table=TableView(
            name="identity",
            caption="Balanced accuracy of the strongest adversary of each attack, beside the paper's. The published accuracy of "
            "MS-SSIM is at the threshold that is best on the test pairs.",
            columns={
                **WHO,
                "view": "Seen",
                "queries": "Sent",
                "attack": "Adversary",
                "{same} + {different} ({patients})": "Same + different (patients)",
                BALANCED: "Balanced accuracy",
                "{published:.3f}": "Published",
                AUC: "AUC",
                "{control:.3f}": "On raw scans",
            },
            where=where,
        ),
        figures=[
            FigureView(
                name="adversaries",
                kind="adversaries",
                caption="Balanced accuracy with 95% intervals, beside raw scans as the control, and the paper's numbers.",
                where={**where, "view": ["code", "labels"]},
            )
        ],
    )


def _difference(tables: Tables) -> Section:
    where = {"kind": primary_kind(tables["identity"])}
    return Section(
        title="Does the code tell more than its own segmentation?",
        text=[
            "Whoever holds the server holds the segmenter, and makes the segmentation of any code. No code can hide what its own "
            "segmentation shows; this difference is what a code can be held to. Both attacks see the same pairs, and are drawn "
            "together in the bootstrap. The strongest of each view is chosen on these very pairs, on both sides alike.",
        ],
        table=TableView(
            name="difference",
            caption="AUC on the code, on the segmentation alone, and the difference with its paired 95% interval; p after Holm "
            "over all attacks and variants. 'Reconstruction' is sought among all patients' scans.",
            columns={
                **WHO,
                "attack": "Attack",
                "n": "Patients",
                "value": "AUC, code",
                "against": "AUC, segmentation",
                "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                "holm_p": "p",
                "detectable": "Detectable",
                "shown": "Code against segmentation",
                "on_code": "Adversary on the code",
                "on_map": "On the segmentation",
            },
            where=where,
        ),
        figures=[
            FigureView(
                name="beyond-map",
                kind="beyond_map",
                caption="What an attack on the code tells beyond the same attack on the segmentation, as a difference of AUCs "
                "with 95% intervals; filled where they leave zero out.",
                where=where,
            )
        ],
    )


def _inversion(tables: Tables) -> Section:
    return Section(
        title="Can the scan be reconstructed?",
        text=[
            "Similarity alone proves little, since heads resemble each other: the attacker's mean image holds nothing of the "
            "patient. 'Another visit' seeks the patient's second scan by the reconstruction of the first.",
        ],
        table=TableView(
            name="inversion",
            caption="Patients identified at rank 1 with exact 95% interval; AUC of own scans against others'; SSIM with the scan "
            "that was sent, and of the mean image with it.",
            columns={
                **WHO,
                "view": "Seen",
                "sought": "Sought",
                "{rank1_count}/{n}": "Identified",
                "{rank1:.0%} [{rank1_low:.0%}, {rank1_high:.0%}]": "Share",
                "{chance:.1%}": "Chance",
                AUC: "AUC, own against others",
                "{ssim:.3f} [{ssim_low:.3f}, {ssim_high:.3f}]": "SSIM",
                "{ssim_mean_image:.3f}": "Mean image",
            },
        ),
    )


def _attributes(tables: Tables) -> Section:
    table = ATTRIBUTES.model_copy(update={"columns": {**WHO, **ATTRIBUTES.columns}})
    return Section(title="Age and sex", table=table)


def _recipe(departures: list[str]) -> Section:
    return Section(
        title="How near is the recipe to Kim 2019?",
        text=[
            "By the recipe: the paper's loss of the segmenter, a Siamese network with two layers on the features one behind the "
            "other; encoder (as an auto-encoder), segmenter and discriminator each trained alone on raw scans first, then in "
            "turn, encoder and segmenter before the discriminator, by Adam at 1e-4. Dice is held against a segmenter, and D_adv "
            "against a discriminator, that were trained by the same recipe on raw scans.",
            f"What still differs from the paper, beside the patients: {' '.join(departures)}",
        ],
    )


def _every_adversary() -> Section:
    return Section(
        title="Every adversary",
        text=[
            "Here all fresh adversaries, by network and seed, on all pairs. 'Best' is the accuracy at the threshold that is best "
            "on these very pairs, as the paper takes MS-SSIM, beside what that choice alone gives to one who knows nothing. "
            "Retrieval: mean average precision over all other test scans (eq. 8).",
            "Real pairs are two sessions of one patient. Simulated ones are two drawings of one scan with another pose, bias "
            "field, contrast, noise and slight elastic change, and easier. A secret that is drawn anew for every scan can be "
            "averaged away where the same patient is sent often.",
        ],
        table=TableView(
            name="identity",
            caption="All adversaries on all views. Retrieval beside its chance level, and what was published for raw scans.",
            columns={
                **WHO,
                "view": "Seen",
                "kind": "Pairs",
                "queries": "Sent",
                "adversary": "Adversary",
                BALANCED: "Balanced accuracy",
                "{best:.3f} (chance {best_chance:.3f})": "Best",
                AUC: "AUC",
                "{control:.3f}": "On raw scans",
                "{precision:.3f} [{precision_low:.3f}, {precision_high:.3f}]": "Retrieval",
                "{precision_chance:.3f}": "Chance",
                "{published_precision:.3f}": "Published retrieval",
            },
        ),
    )
