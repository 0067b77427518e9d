"""A plausible results.json of the full size, with invented numbers: 24 patients, 2 networks, 2 decoders."""

from pathlib import Path

import numpy as np

from remnant.base.results import FigureView, Highlight, Results, Section, TableView
from remnant.report.private import write_reconstructions

NETWORKS, DECODERS, METRICS, GROUPS = (
    ("unet", "segnet"),
    ("default", "published"),
    ("ssim", "ncc", "mcc"),
    ("member", "non_member"),
)
PATIENTS, FOLDS = 24, 4
CHANCE = 1 / PATIENTS
LEVEL = {"ssim": 0.83, "ncc": 0.9, "mcc": 0.78}
PUBLISHED_RANKS = {"unet": (30, 5, 2, 2, 1), "segnet": (26, 8, 3, 2, 0, 1)}
COMMAND = "remnant study subbanna2021 --data ../brains --preset cpu --networks unet,segnet --out runs/brains"


def example_results() -> Results:
    """The same results each time; the numbers are invented."""
    draw = np.random.default_rng(5)
    tables = {"scores": _scores(draw)}
    keys = [(n, d, m, g) for n in NETWORKS for d in DECODERS for m in METRICS for g in GROUPS]
    by_key = {key: [row for row in tables["scores"] if _key(row) == key] for key in keys}
    tables["similarity"] = [_similarity(key, by_key[key]) for key in keys]
    tables["identification"] = [_identification(key, by_key[key]) for key in keys]
    tables["ranks"] = [row for key in keys for row in _ranks(key, by_key[key])]
    tables["leak"] = [
        _leak(n, d, m, by_key[n, d, m, "member"], by_key[n, d, m, "non_member"])
        for n in NETWORKS
        for d in DECODERS
        for m in METRICS
    ]
    tables["other_session"] = [
        {
            "network": n,
            "metric": "ssim",
            "decoder": "default",
            "direction": direction,
            "n": 5,
            "gallery": 24,
            "rank1": 1.0,
            "rank1_low": 0.478,
            "rank1_high": 1.0,
            "rank1_count": 5,
            "chance": CHANCE,
        }
        for n in NETWORKS
        for direction in ("second->first", "first->second")
    ]
    tables["dice"] = _dice()
    tables["exposed"] = _exposed(tables["scores"])
    tables["training"] = _training(draw)
    tables["metrics"] = [_metric(metric, share) for metric, share in (("ssim", 0.9), ("mcc", 0.6), ("dice", 0.3))]
    tables["response"] = [
        _metric(metric, 1 - 0.1 * level)
        | {"degradation": name, "level": float(level), "unit": unit}
        | {"own": 1 - level * slope, "own_low": 0.95 - level * slope, "own_high": 1.03 - level * slope}
        for name, unit in (("blur", "sigma, mm"), ("noise", "deviation / mean signal"))
        for level in range(5)
        for metric, slope in (("ssim", 0.2), ("mcc", 0.1))
    ]
    tables["gallery_size"] = [
        {"metric": "ssim", "size": size, "rank1": size**-0.2, "low": size**-0.25, "high": size**-0.15}
        | {"chance": 1 / size, "extrapolated": beyond, "n": PATIENTS}
        for beyond, sizes in ((False, (1, 2, 5, 12, 24)), (True, (24, 50, 120, 480)))
        for size in sizes
    ]
    return Results(
        study="subbanna2021",
        title="Can a brain scan be rebuilt from a segmentation network's latent space?",
        preset="cpu",
        command=COMMAND,
        patients=PATIENTS,
        scans=29,
        seed=0,
        seconds=5123.4,
        cpu_seconds=9012.0,
        started="2026-03-02T09:14:07+00:00",
        hardware={"cpu": "Example CPU at 2.5 GHz", "cores": 2, "memory_gb": 16.0, "gpu": None},
        versions={"remnant": "0.1.0", "python": "3.11.9", "torch": "2.9.1", "commit": None},
        checkpoints={f"{n}-fold{k}": f"{draw.integers(0, 2**63):016x}" * 4 for n in NETWORKS for k in range(FOLDS)},
        settings={
            "seed": 0,
            "grid": [64, 80, 64],
            "spacing_mm": 3.0,
            "segmenter": {"epochs": 60, "batch": 2, "learning_rate": 0.001, "norm": "batch"},
            "decoder": {"epochs": 200, "augment": True, "learning_rate": 0.001},
        },
        headline=(
            "From latents alone the attack finds the patient's own scan among 24 for 24 of 24 members "
            "(100%, 95% interval 86% to 100%) and 23 of 24 non-members; chance is 1 in 24 (4%)."
        ),
        highlights=[
            Highlight(value="24/24", label="U-Net: members found", note="100% [86%, 100%] · chance 4%"),
            Highlight(value="23/24", label="U-Net: non-members found", note="96% [79%, 100%] · chance 4%"),
        ],
        findings=[
            "Whoever holds the latents of a scan and the network can draw that scan again, well enough to "
            "say whose "
            "it is. Latents must be guarded like the scans themselves.",
            "Members and non-members come out alike: the difference is 0.002 SSIM, smaller than 24 patients "
            "could "
            "show. What the attack exploits is that the encoder can be inverted, not that it remembers its "
            "training.",
            "The decoder of the paper reaches less. A release decision should rest on the strongest attack, "
            "since an "
            "attacker will not stop at the published one.",
        ],
        threat_model=[
            "The attacker has the encoder of the released network and can run it on images of its own.",
            "The attacker owns T1 scans of 12 other people, prepared in the same way.",
            "The attacker is handed the latents of the private patients, and nothing else of them.",
        ],
        attacked=[
            "3D U-Net and SegNet, four levels of 16 to 128 filters, trained on 6 patients in each of four folds.",
            "An inversion decoder trained on the attacker's 12 patients, as published and as strong as we "
            "could make it.",
        ],
        not_tested=[
            "Attackers who see the weights alone, without any latents.",
            "Images with the skull; other scanners; children.",
            "Whether a person, rather than a measure of similarity, recognises the reconstruction.",
        ],
        measures={
            "ssim": "SSIM, 3D, Gaussian window 11, sigma 1.5, data range 1, population covariance, over one "
            "box for "
            "the whole cohort (the union of the heads).",
            "ncc": "Pearson correlation of the grey levels over the same box.",
            "mcc": "Matthews correlation of the two images, each made binary by Otsu's threshold.",
            "interval": "Means: bootstrap over patients, 95%. Proportions: Clopper-Pearson, 95%.",
        },
        tables=tables,
        sections=_sections(),
    )


def write_run(run: Path, *, private: bool = False) -> Path:
    """A finished run with the example's results and, where asked, reconstructions (noise in a ball)."""
    run.mkdir(parents=True, exist_ok=True)
    results = example_results()
    results.write(run / "results.json")
    if private:
        draw = np.random.default_rng(1)
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in (16, 20, 16)], indexing="ij"))
        head = (np.sqrt((grid**2).sum(0)) < 0.9).astype(float)
        for network in NETWORKS:
            rows = [
                row
                for row in results.tables["scores"]
                if row["network"] == network and row["decoder"] == "default" and row["metric"] == "ssim"
            ]
            originals = head * draw.uniform(0.3, 1, (len(rows), *head.shape))
            write_reconstructions(
                run,
                f"decoder-{network}-default",
                network=network,
                decoder="default",
                pseudonyms=[row["pseudonym"] for row in rows],
                groups=[row["group"] for row in rows],
                sessions=[row["session"] for row in rows],
                originals=originals,
                reconstructions=0.8 * originals + 0.1 * head,
            )
    return run


def _key(row: dict) -> tuple[str, str, str, str]:
    return row["network"], row["decoder"], row["metric"], row["group"]


def _scores(draw: np.random.Generator) -> list[dict]:
    rows = []
    for network in NETWORKS:
        for decoder in DECODERS:
            for metric in METRICS:
                for group in GROUPS:
                    for patient in range(PATIENTS):
                        level = LEVEL[metric] - 0.02 * (network == "segnet") - 0.1 * (decoder == "published")
                        own = float(draw.normal(level, 0.02))
                        best = float(draw.normal(LEVEL[metric] - 0.09, 0.012))
                        missed = own < best
                        rows.append(
                            {
                                "network": network,
                                "decoder": decoder,
                                "metric": metric,
                                "group": group,
                                "pseudonym": f"P{patient + 1:02d}",
                                "session": "1",
                                "own": own,
                                "others_mean": best - 0.05,
                                "best_other": best,
                                "mean_image": float(draw.normal(LEVEL[metric] - 0.11, 0.01)),
                                "rank": int(draw.integers(2, 12)) if missed else 1,
                                "other_session_rank": 1 if patient < 5 else None,
                            }
                        )
    return rows


def _mean(rows: list[dict], column: str) -> float:
    return float(np.mean([row[column] for row in rows]))


def _similarity(key: tuple, rows: list[dict]) -> dict:
    network, decoder, metric, group = key
    own, mean_image = _mean(rows, "own"), _mean(rows, "mean_image")
    return {
        "network": network,
        "decoder": decoder,
        "metric": metric,
        "group": group,
        "n": PATIENTS,
        "own": own,
        "own_sd": 0.02,
        "own_low": own - 0.011,
        "own_high": own + 0.009,
        "others": _mean(rows, "others_mean"),
        "others_sd": 0.03,
        "mean_image": mean_image,
        "mean_image_low": mean_image - 0.004,
        "mean_image_high": mean_image + 0.005,
        "published": {"ssim": 0.73, "ncc": 0.6}.get(metric)
        if network == "unet"
        else {"ssim": 0.61, "ncc": 0.53}.get(metric),
        "published_others": {"ssim": 0.5, "ncc": 0.52}.get(metric),
    }


def _identification(key: tuple, rows: list[dict]) -> dict:
    network, decoder, metric, group = key
    count = sum(row["rank"] == 1 for row in rows)
    share = count / PATIENTS
    return {
        "network": network,
        "metric": metric,
        "decoder": decoder,
        "group": group,
        "n": PATIENTS,
        "gallery": PATIENTS,
        "rank1": share,
        "rank1_low": max(0.0, share - 0.14),
        "rank1_high": min(1.0, share + 0.09),
        "rank1_count": count,
        "mean_rank": _mean(rows, "rank"),
        "auc": min(1.0, 0.6 + 0.4 * share),
        "auc_low": min(1.0, 0.58 + 0.4 * share),
        "auc_high": 1.0,
        "chance": CHANCE,
        "published_rank1": {"unet": 0.75, "segnet": 0.65}[network] if metric == "ssim" else None,
        "published_mean_rank": {"unet": 1.5, "segnet": 1.6}[network] if metric == "ssim" else None,
        "chance_mean_rank": 12.5,
    }


def _ranks(key: tuple, rows: list[dict]) -> list[dict]:
    network, decoder, metric, group = key
    published = PUBLISHED_RANKS[network] if metric == "ssim" else ()
    return [
        {
            "network": network,
            "decoder": decoder,
            "metric": metric,
            "group": group,
            "rank": rank,
            "count": sum(row["rank"] == rank for row in rows),
            "published": published[rank - 1] if rank <= len(published) else None,
        }
        for rank in range(1, PATIENTS + 1)
    ]


def _leak(network: str, decoder: str, metric: str, members: list[dict], others: list[dict]) -> dict:
    difference = _mean(members, "own") - _mean(others, "own")
    return {
        "network": network,
        "decoder": decoder,
        "metric": metric,
        "statistic": "own",
        "n": PATIENTS,
        "difference": difference,
        "low": difference - 0.011,
        "high": difference + 0.011,
        "p": 0.41,
        "detectable": 0.016,
    }


def _metric(metric: str, share: float) -> dict:
    return {
        "metric": metric,
        "n": PATIENTS,
        "gallery": PATIENTS,
        "rank1_count": round(PATIENTS * share),
        "rank1": share,
        "rank1_low": max(0.0, share - 0.14),
        "rank1_high": min(1.0, share + 0.09),
        "mean_rank": 1 + 5 * (1 - share),
        "chance": CHANCE,
        "auc": 0.6 + 0.4 * share,
        "auc_low": 0.5 + 0.4 * share,
        "auc_high": min(1.0, 0.65 + 0.4 * share),
    }


def _dice() -> list[dict]:
    base = {"original": 0.81, "reconstruction": 0.72, "reconstruction_vs_original": 0.79}
    published = {("unet", "original"): 0.53, ("unet", "reconstruction"): 0.37}
    published |= {("segnet", "original"): 0.48, ("segnet", "reconstruction"): 0.32}
    return [
        {
            "network": network,
            "decoder": "default",
            "group": group,
            "image": image,
            "class": name,
            "n": PATIENTS,
            "dice": value - 0.03 * (group == "non_member"),
            "sd": 0.04,
            "low": value - 0.05,
            "high": value + 0.02,
            "published": published.get((network, image)) if name == "mean" else None,
        }
        for network in NETWORKS
        for group in GROUPS
        for image, value in base.items()
        for name in ("mean", "gyri", "deep_grey", "other_brain")
    ]


def _exposed(scores: list[dict]) -> list[dict]:
    rows = []
    for network in NETWORKS:
        known = [r for r in scores if (r["network"], r["decoder"], r["metric"]) == (network, "default", "ssim")]
        for row in sorted(known, key=lambda r: r["best_other"] - r["own"])[:5]:
            kept = {k: row[k] for k in ("network", "decoder", "pseudonym", "group", "metric", "own", "best_other")}
            rows.append(kept | {"margin": row["own"] - row["best_other"], "rank": row["rank"]})
    return rows


def _training(draw: np.random.Generator) -> list[dict]:
    rows = []
    for network in NETWORKS:
        for kind, floor in (("segmenter", 0.15), ("decoder", 0.004)):
            for fold in range(FOLDS):
                slow = draw.uniform(12, 18)
                for epoch in range(1, 61):
                    loss = floor * (1 + 8 * float(np.exp(-epoch / slow)) + 0.04 * float(draw.normal()))
                    rows.append(
                        {
                            "cell": f"{kind}-{network}-fold{fold}",
                            "network": network,
                            "kind": kind,
                            "fold": fold,
                            "epoch": epoch,
                            "loss": loss,
                            "validation": loss * 1.2 if kind == "segmenter" else None,
                        }
                    )
    return rows


def _sections() -> list[Section]:
    strongest = {"decoder": "default", "metric": "ssim"}
    who = {"network": "Network", "decoder": "Decoder", "metric": "Measure", "group": "Patients"}
    return [
        Section(
            title="Is the right patient found?",
            text=[
                "Each reconstruction is compared with the scans of all 24 patients. It finds its patient "
                "when that "
                "patient's own scan is the most similar."
            ],
            table=TableView(
                name="identification",
                caption="Own scan ranked first, with exact 95% interval; AUC of own against others.",
                columns=who
                | {
                    "{rank1_count}/{n}": "Found first",
                    "{rank1:.0%} [{rank1_low:.0%}, {rank1_high:.0%}]": "Share",
                    "{published_rank1:.0%}": "Published",
                    "{chance:.0%}": "Chance",
                    "mean_rank": "Mean rank",
                    "published_mean_rank": "Published mean rank",
                    "{auc} [{auc_low}, {auc_high}]": "AUC",
                },
            ),
            figures=[
                FigureView(
                    name="identification",
                    kind="identification_bars",
                    caption="Patients found first, with exact 95% intervals. Both decoders, three measures.",
                ),
                FigureView(
                    name="ranks",
                    kind="rank_histogram",
                    caption="Rank of the patient's own scan by SSIM, strongest decoder, beside the paper's.",
                    where=strongest,
                ),
            ],
        ),
        Section(
            title="How similar are the reconstructions?",
            text=[
                "A high similarity alone proves little, since all brains are alike: the mean image of the "
                "attacker's own patients is the baseline to beat."
            ],
            table=TableView(
                name="similarity",
                caption="Mean similarity over patients, with bootstrap 95% interval.",
                columns=who
                | {
                    "n": "n",
                    "{own} [{own_low}, {own_high}]": "Own original",
                    "published": "Published own",
                    "{others} ± {others_sd}": "Others",
                    "published_others": "Published others",
                    "{mean_image} [{mean_image_low}, {mean_image_high}]": "Mean image",
                },
            ),
            figures=[
                FigureView(
                    name="own-against-others",
                    kind="own_against_others",
                    caption="Each dot is one patient. Strongest decoder, SSIM.",
                    where=strongest,
                ),
                FigureView(
                    name="reconstructions",
                    kind="reconstructions",
                    private=True,
                    caption="Original and reconstruction of the best, the median and the worst patient.",
                    where=strongest,
                ),
            ],
        ),
        Section(
            title="Did training leak more of the members?",
            text=["Every patient was once a member and once a non-member; the difference of the two is the leak."],
            table=TableView(
                name="leak",
                caption="Member minus non-member, paired by patient; what 24 patients could show.",
                columns={
                    "network": "Network",
                    "decoder": "Decoder",
                    "metric": "Measure",
                    "n": "n",
                    "{difference:+.3f} [{low:+.3f}, {high:+.3f}]": "Difference",
                    "p": "p",
                    "detectable": "Detectable",
                },
            ),
            figures=[FigureView(name="leak", kind="leak_forest", caption="The leak with its 95% interval.")],
        ),
        Section(
            title="Does it find the patient's other scan?",
            text=["Five patients were scanned twice, months apart."],
            table=TableView(
                name="other_session",
                caption="The other session ranked first.",
                columns={
                    "network": "Network",
                    "direction": "From → to",
                    "{rank1_count}/{n}": "Found first",
                    "{rank1:.0%} [{rank1_low:.0%}, {rank1_high:.0%}]": "Share",
                    "{chance:.0%}": "Chance",
                },
            ),
        ),
        Section(
            title="Does the network still segment what was drawn?",
            table=TableView(
                name="dice",
                caption="Dice overlap, mean over classes.",
                columns={
                    "network": "Network",
                    "group": "Patients",
                    "image": "Image",
                    "{dice} ± {sd} [{low}, {high}]": "Dice",
                    "published": "Published",
                },
                where={"class": "mean"},
            ),
        ),
        Section(
            title="Training",
            figures=[
                FigureView(
                    name="training",
                    kind="training_curves",
                    caption="Loss by epoch; one colour a fold. Dashed: on patients held out.",
                )
            ],
        ),
    ]
