"""The chapter on defences: there where somebody is exposed or nobody can tell, with those that suit the network."""

import pytest
from tests.report.example_audit import audit_results
from torch import nn

from remnant.audit.verdict.defences import TABLE, defence_rows
from remnant.base.results import matching
from remnant.report.audit import make_audit_report
from remnant.report.chapters.what_to_do import what_to_do

NETWORK = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


def results(ruling="outside", network=NETWORK, in_place=(), exposed=True, tried=()):
    found = audit_results(ruling)
    kept = [one if exposed else one.model_copy(update={"outcome": "not shown"}) for one in found.findings]
    rows = {TABLE: defence_rows(network, in_place, scenario="latents", tried=tried)}
    return found.model_copy(update={"tables": {**found.tables, **rows}, "findings": kept})


def test_what_applies_is_a_table_and_what_does_not_a_sentence_a_reason():
    part = what_to_do(results(in_place=("dropout",)))
    told = [row["name"] for row in matching(results(in_place=("dropout",)).tables[TABLE], part.section.table.where)]
    assert {"folded_statistics", "strip", "mixup"} <= {*told} and not {"dropout", "narrow_latents", "privacy_net"} & {
        *told
    }
    first, *others = part.section.text
    assert first.startswith(f"{len(told)} defences apply to this network.") and "audit it again with each" in first
    assert "Not for this network: dropout (it is in place)." in others
    assert any(
        text.startswith(
            "Not for this network: Privacy-Net, a secret deformation, mixing with a reference and noise on codes (it is for scans"
        )
        for text in others
    )


def test_what_is_tried_on_the_training_is_a_command_away():
    def told(tried, in_place=()):
        return what_to_do(results(in_place=in_place, tried=tried)).section.text[0].partition("not measured: ")[2]

    assert told(["dropout", "distillation"]) == (
        "`remnant mitigate RUN` trains it anew under 2 of them and audits each; with the others audit it again yourself."
    )
    # What does not apply, or is in place, is not counted.
    assert "under 1 of them" in told(["dropout", "mixup"], in_place=("mixup",))
    every = [row["name"] for row in results().tables[TABLE] if row["applies"]]
    assert told(every) == f"`remnant mitigate RUN` trains it anew under {len(every)} of them and audits each."
    assert told([]) == "audit it again with each."
    before = results()
    rows = [{name: value for name, value in row.items() if name != "tried"} for row in before.tables[TABLE]]
    earlier = before.model_copy(update={"tables": {**before.tables, TABLE: rows}})
    assert "audit it again with each" in what_to_do(earlier).section.text[0]


def test_what_changes_what_is_sent_is_advised_where_something_is_sent():
    of_scans = nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2))

    def advised(scenario):
        return {row["name"] for row in defence_rows(of_scans, scenario=scenario) if row["applies"]}

    sent = {"latent_noise", "privacy_net", "secret_deformation", "secret_mixing", "code_noise"}
    assert sent <= advised("latents") and advised("checkpoint") == advised("outputs") == advised("latents") - sent
    assert sent & advised("codes") == sent - {"latent_noise"}
    why = {row["name"]: row["why"] for row in defence_rows(of_scans, scenario="checkpoint")}
    assert why["privacy_net"] == "in the scenario checkpoint nothing is sent that it changes"


@pytest.mark.parametrize(
    ("ruling", "exposed", "there"),
    [("outside", True, True), ("cannot tell", False, True), ("within", True, True), ("within", False, False)],
)
def test_who_is_cleared_is_told_of_none(ruling, exposed, there):
    assert (what_to_do(results(ruling, exposed=exposed)) is not None) == there
    # An audit of scores has no network, and one of an older version no such table.
    assert what_to_do(audit_results(ruling)) is None


def test_it_stands_in_the_page(tmp_path):
    results().write(tmp_path / "results.json")
    page = make_audit_report(tmp_path).read_text("utf-8")
    assert page.index("What to do") < page.index("ROC curves")
    assert "folded BatchNorm statistics" in page and "narrower latents" in page


def test_every_sentence_has_at_most_thirty_words():
    for network in (NETWORK, nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2)), nn.Sequential(nn.Linear(2, 2))):
        for tried in ((), ("mixup",)):
            for text in what_to_do(results(network=network, tried=tried)).section.text:
                assert all(len(sentence.split()) <= 30 for sentence in text.split(". ")), text
