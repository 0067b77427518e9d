import pytest
from tests.report.example import example_results

from remnant.defenses.privacynet.networks import ENCODER
from remnant.serve.client.measured import measured, measured_of_labels

MARK = "0123456789ab"


@pytest.fixture
def encoder(tmp_path):
    """A run's folder with an encoder's file in it."""
    (tmp_path / "net" / "checkpoints").mkdir(parents=True)
    (tmp_path / "net" / "checkpoints" / ENCODER).touch()
    return tmp_path / "net"


def write(encoder, digest, **changes):
    results = example_results().model_copy(update={"checkpoints": {ENCODER: digest}, **changes})
    folder = encoder.with_name("net-evaluation")
    folder.mkdir(exist_ok=True)
    results.write(folder / "results.json")
    return results


def test_what_an_evaluation_of_this_encoder_found_is_said_and_nothing_else(encoder):
    nobody = "Nobody has measured what codes of this encoder tell of a patient: remnant protect evaluate"
    assert measured(encoder, MARK).startswith(nobody)
    found = write(encoder, MARK + "c" * 52)
    for path in (encoder, encoder / "checkpoints", encoder / "checkpoints" / ENCODER):
        assert measured(path, MARK) == f"Measured of this encoder: {found.headline}"
    write(encoder, MARK + "c" * 52, no_conclusion=["Three patients are too few."])
    assert measured(encoder, MARK) == "The evaluation of this encoder supports no verdict: Three patients are too few."
    write(encoder, "f" * 64)
    assert "is of another encoder: remnant protect evaluate" in measured(encoder, MARK)
    (encoder.with_name("net-evaluation") / "results.json").write_text("{}")
    assert measured(encoder, MARK).startswith("What codes of this encoder tell of a patient is not known: ")


def test_what_was_found_by_segmentations_alone_is_read_from_the_evaluation_or_its_place_told(encoder):
    elsewhere = "docs/results/README.md under 'From a code'"
    assert elsewhere in measured_of_labels(encoder, MARK)
    row = {"map_rank1_count": 5, "map_n": 17, "map": 0.863, "map_patients": 16}
    tables = example_results().tables | {"headline": [row]}
    write(encoder, MARK + "c" * 52, tables=tables)
    assert measured_of_labels(encoder, MARK) == (
        "Measured of this encoder, by segmentations alone: 5 of 17 patients' scans are found, and two visits are told from two "
        "patients with an AUC of 0.86 (16 patients)."
    )
    write(encoder, MARK + "c" * 52, tables=tables, no_conclusion=["Too few."])
    assert elsewhere in measured_of_labels(encoder, MARK)
    write(encoder, MARK + "c" * 52, tables=tables | {"headline": [row | {"map_n": None}]})
    assert elsewhere in measured_of_labels(encoder, MARK)
