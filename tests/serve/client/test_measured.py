from pathlib import Path

import pytest
from tests.report.example_audit import audit_results, finding

from remnant.base.terms import CODES, MAPS
from remnant.defenses.privacynet.networks import ENCODER
from remnant.serve.client.measured import measured, measured_of_labels

MARK = "0123456789ab"


@pytest.fixture
def encoder(tmp_path):
    """A run's folder with an encoder's file in it."""
    (tmp_path / "net" / "checkpoints").mkdir(parents=True)
    (tmp_path / "net" / "checkpoints" / ENCODER).touch()
    return tmp_path / "net"


def write(encoder, digest, ruling="outside", **changes):
    results = audit_results(ruling).model_copy(update={"checkpoints": {ENCODER: digest}, **changes})
    folder = encoder.with_name("net-evaluation")
    folder.mkdir(exist_ok=True)
    results.write(folder / "results.json")
    return results


@pytest.mark.parametrize("ruling", ["outside", "within", "cannot tell"])
def test_the_verdict_on_this_encoder_is_said_and_nothing_else(encoder, ruling):
    nobody = "Nobody has measured what codes of this encoder tell of a patient: remnant protect evaluate"
    assert measured(encoder, MARK).startswith(nobody)
    verdict = write(encoder, MARK + "c" * 52, ruling).verdict
    said = f"Measured of this encoder: {verdict.sentence} {verdict.reasons[0]}"
    for path in (encoder, encoder / "checkpoints", encoder / "checkpoints" / ENCODER):
        assert measured(path, MARK) == said
    write(encoder, "f" * 64)
    assert "is of another encoder: remnant protect evaluate" in measured(encoder, MARK)
    (encoder.with_name("net-evaluation") / "results.json").write_text("{}")
    assert measured(encoder, MARK).startswith("What codes of this encoder tell of a patient is not known: ")


def test_what_was_found_by_segmentations_alone_is_read_from_the_evaluation_or_its_place_told(encoder):
    elsewhere = "docs/results/README.md under 'From a code'"
    assert elsewhere in measured_of_labels(encoder, MARK)
    drawn = {
        "claim": "reconstructions",
        "criterion": "singling out",
        "statistic": "rank1",
        "counts": "5 of 17 patients",
    }
    pairs = {"claim": "pair_scores", "criterion": "linkability", "statistic": "verification_auc", "n": 16}
    ends = {"value": 0.863, "low": 0.7, "high": 0.95}
    found = [
        finding(**drawn, view=CODES, **ends),
        finding(**pairs, view=CODES, value=0.99, low=0.9, high=1.0),
        finding(**drawn, view=MAPS, **ends),
        finding(**pairs, view=MAPS, where="real visits", value=0.5, low=0.4, high=0.6),
        finding(**pairs, view=MAPS, **ends),
    ]
    quiet = {"verdict": audit_results().verdict.model_copy(update={"judged": []})}
    write(encoder, MARK + "c" * 52, findings=found, **quiet)
    assert measured_of_labels(encoder, MARK) == (
        "Measured of this encoder, by segmentations alone: the scans of 5 of 17 patients are identified, and two visits of one "
        "patient are told from those of two with an AUC of 0.86 [0.70, 0.95] (16 patients)."
    )
    write(encoder, MARK + "c" * 52, findings=found[:3], **quiet)
    assert elsewhere in measured_of_labels(encoder, MARK)


def test_an_encoder_at_the_top_of_a_disk_is_one_that_nobody_measured():
    assert measured(Path("/encoder.safetensors"), MARK).startswith("Nobody has measured")
