"""The audit of a table of scores, from the file to the verdict."""

import subprocess
import sys

import numpy as np
import pytest

from remnant.audit.config import AuditConfig
from remnant.audit.findings.controls import FEWEST_PLANTED
from remnant.audit.inputs.scores import read_scores
from remnant.audit.inputs.table import audit_scores, check_table
from remnant.audit.run.results import rescored
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults
from remnant.base.provenance import sha256
from remnant.measure.roles import MEMBER
from remnant.report.sheet import counted_patients


def write(path, members, others, planted=(), traits=True, references=()):
    draw = np.random.default_rng(0)
    names = [
        "patient",
        "member",
        "score",
        "planted",
        *(["age", "sex"] if traits else []),
        *(f"reference_{i}" for i in range(len(references))),
    ]
    lines = [",".join(names)]
    groups = [(1, 0, members), (0, 0, others), (1, 1, planted)]
    place = 0
    for member, mark, scores in groups:
        for score in scores:
            who = [f"p{place}", str(member), f"{score:.6f}", str(mark)]
            who += [f"{draw.normal(60, 9):.0f}", "FM"[draw.integers(2)]] if traits else []
            lines.append(",".join([*who, *(f"{column[place]:.6f}" for column in references)]))
            place += 1
    path.write_text("\n".join(lines))
    return path


STRICT = AuditConfig(scenario="outputs")
# Limits wide enough that hundreds of patients can be within.
LENIENT = AuditConfig.checked(scenario="outputs", appetite={"membership_advantage": 0.25, "membership_tpr": 0.25})


def audited(tmp_path, *groups, config=STRICT, **options):
    path = write(tmp_path / "scores.csv", *groups, **options)
    return audit_scores(path, config, tmp_path / "run")


def draw(shift, count, seed=1):
    return np.random.default_rng(seed).normal(shift, 1, count)


def test_a_leak_is_outside_and_results_can_be_read_again(tmp_path):
    found = audited(tmp_path, draw(2, 60), draw(0, 60, 2), draw(6, 10, 3))
    assert found.verdict.ruling == "outside"
    assert AuditResults.read(tmp_path / "run" / "results.json") == found
    assert found.model["table_sha256"] == sha256(tmp_path / "scores.csv")
    assert {finding.outcome for finding in found.findings} == {"exposed"}


def test_no_leak_in_many_patients_is_within_and_in_few_cannot_be_told(tmp_path):
    many = audited(tmp_path, draw(0, 500), draw(0, 500, 2), draw(6, 10, 3), config=LENIENT)
    assert many.verdict.ruling == "within"
    (tmp_path / "few").mkdir()
    few = audited(tmp_path / "few", draw(0, 40), draw(0, 40, 2), draw(6, 10, 3), config=LENIENT)
    assert few.verdict.ruling == "cannot tell" and "patients would tell" in few.verdict.sentence


def test_without_planted_members_nothing_is_within(tmp_path):
    found = audited(tmp_path, draw(0, 500), draw(0, 500, 2), config=LENIENT).verdict
    assert found.ruling == "cannot tell"
    assert any("1 in a column planted" in reason for reason in found.reasons)
    assert not any("age, sex" in reason for reason in found.reasons)


def test_without_traits_it_is_said_what_to_add(tmp_path):
    found = audited(tmp_path, draw(0, 60), draw(0, 60, 2), draw(6, 10, 3), traits=False).verdict
    assert found.ruling == "cannot tell" and any("such as age, sex and site" in reason for reason in found.reasons)
    assert not any("column planted" in reason for reason in found.reasons)


def test_a_check_says_what_keeps_a_table_from_within(tmp_path, remnant):
    """Controls that it lacks, or that fail, and groups plainly too small for the limits, as the audit itself would."""
    lenient = tmp_path / "audit.toml"
    lenient.write_text("[appetite]\nmembership_advantage = 0.25\nmembership_tpr = 0.25\n")
    path = write(tmp_path / "scores.csv", draw(0, 500), draw(0, 500, 2), draw(6, 10, 3))
    code, _, printed = remnant("audit", path, "--check", "--config", lenient)
    assert code == 0 and printed == f"{path} can be audited."
    path = write(tmp_path / "bare.csv", draw(0, 500), draw(0, 500, 2), traits=False)
    code, _, printed = remnant("audit", path, "--check", "--config", lenient)
    assert code == 3 and "1. Add columns of what is known" in printed and "2. Add some members made" in printed
    assert printed.endswith("can be audited, but would clear nobody.") and len(printed.splitlines()) == 3
    path = write(tmp_path / "few.csv", draw(0, 40), draw(0, 40, 2), draw(-6, 10, 3))
    code, _, printed = remnant("audit", path, "--check")
    assert (
        code == 3 and "1. Planted members are not found" in printed and "even if nothing is found: about 3," in printed
    )


def test_a_verdict_for_want_of_patients_says_how_many_it_takes(tmp_path):
    """In the words of the check, where no other number is said; no number where the groups are large enough."""
    path = write(tmp_path / "scores.csv", draw(0, 60), draw(0, 60, 2), traits=False)
    verdict = audit_scores(path, AuditConfig(scenario="outputs"), tmp_path / "run").verdict
    (said,) = (text for text in verdict.reasons if "even if nothing is found" in text)
    assert said in check_table(path, AuditConfig(scenario="outputs")) and verdict.reasons.index(said) == 2
    assert not verdict.kept_open.count(said)
    lenient = rescored(AuditResults.read(tmp_path / "run" / "results.json"), LENIENT)
    assert lenient.verdict.ruling == "cannot tell" and not any(
        "patients" in text for text in lenient.verdict.reasons[2:]
    )
    # A verdict that has a number of its own has no second one, and an exposure asks for none.
    (tmp_path / "few").mkdir()
    few = audited(tmp_path / "few", draw(0, 40), draw(0, 40, 2), draw(6, 10, 3), config=LENIENT).verdict
    assert "would tell" in few.sentence and not any("even if" in text for text in few.reasons)
    (tmp_path / "leak").mkdir()
    leak = audited(tmp_path / "leak", draw(3, 40), draw(0, 40, 2), traits=False).verdict
    assert leak.ruling == "outside" and not any("even if" in text for text in leak.reasons)


def test_planted_members_are_a_control_and_no_evidence(tmp_path):
    found = audited(tmp_path, draw(0, 60), draw(0, 60, 2), draw(6, 30, 3))
    assert found.findings[0].n == 120
    told = {name: found.cohort[name] for name in ("patients", "members", "non_members", "planted", "rows")}
    assert told == {"patients": 120, "members": 60, "non_members": 60, "planted": 30, "rows": 120}
    assert {row["members_known"] for row in found.tables["balance"]} == {60}
    assert "60 members, 60 non-members, besides 30 planted;" in counted_patients(found)


def test_so_few_planted_that_chance_might_find_them_clear_nobody(tmp_path):
    """Whatever their scores: one patient of 81 stands above all others by chance too often."""
    found = audited(tmp_path, draw(0, 500), draw(0, 80, 2), draw(9, 1, 3), config=LENIENT)
    (control,) = (one for one in found.controls if one.kind == "planted")
    assert (
        control.passed is None
        and control.p == pytest.approx(1 / 81)
        and control.sentence.endswith(
            "1 planted against 80 others are too few to tell whether the attack finds them (AUC 1.00, asked 0.95). 5 against 5 "
            "would tell."
        )
    )
    assert found.verdict.ruling == "cannot tell"


@pytest.mark.parametrize(("count", "ruling"), [(2, "cannot tell"), (4, "cannot tell"), (5, "within")])
def test_fewer_than_five_planted_make_no_control_however_small_p_is(tmp_path, count, ruling):
    found = audited(tmp_path, draw(0, 500), draw(0, 500, 2), draw(9, count, 3), config=LENIENT)
    (control,) = (one for one in found.controls if one.kind == "planted")
    assert control.p < 1e-5 and control.passed is (True if count == FEWEST_PLANTED else None)
    assert found.verdict.ruling == ruling


@pytest.mark.parametrize(("known", "ruling"), [(1000, "within"), (400, "cannot tell"), (37, "cannot tell")])
@pytest.mark.parametrize("trait", ["age", "site"])
def test_a_trait_that_is_hardly_known_does_not_make_groups_alike(tmp_path, known, ruling, trait):
    path = write(tmp_path / "scores.csv", draw(0, 500), draw(0, 500, 2), draw(6, 10, 3), traits=False)
    first, *rows = path.read_text().splitlines()
    random = np.random.default_rng(4)
    values = {
        "age": random.normal(60, 9, 2000).round(),
        "site": [f"clinic {'ABC'[i]}" for i in random.integers(3, size=2000)],
    }
    share = {True: known - known // 2, False: known // 2}  # of members, and of others
    told = [str(values[trait][i]) if i < 1000 and i % 500 < share[i < 500] else "" for i in range(1010)]
    path.write_text("\n".join([f"{first},{trait}", *(f"{row},{value}" for row, value in zip(rows, told, strict=True))]))
    found = audit_scores(path, LENIENT, tmp_path / "run")
    (blind,) = (one for one in found.controls if one.kind == "blind")
    assert found.verdict.ruling == ruling and blind.passed is (True if known == 1000 else None)
    assert blind.n == known
    if known < 1000:
        assert blind.sentence.startswith(
            f"{trait.capitalize()} is known of {known // 2 + known % 2} members and {known // 2} "
        )
        assert blind.sentence in found.verdict.reasons


def test_groups_that_differ_by_themselves_cannot_be_told(tmp_path):
    path = tmp_path / "scores.csv"
    rows = [f"p{i},{int(i < 60)},{(i < 60) * 2 + np.sin(i):.4f},{70 if i < 60 else 40 + i % 9}" for i in range(120)]
    path.write_text("\n".join(["patient,member,score,age", *rows]))
    found = audit_scores(path, AuditConfig(scenario="outputs"), tmp_path / "run")
    assert found.verdict.ruling == "cannot tell"
    assert {finding.outcome for finding in found.findings} == {"not testable"}


@pytest.mark.parametrize("code", ["hospital {}", "{}"])
def test_groups_of_other_sites_cannot_be_told_however_many_and_however_coded(tmp_path, code):
    """A score that knows the site alone; as numbers the sites of members lie between those of others."""
    path, sites = tmp_path / "scores.csv", {True: range(4, 10), False: (1, 2, 3, 10, 11, 12)}
    rows = [
        f"p{i},{int(member)},{2 * member + np.sin(i):.4f},{code.format(sites[member][i % 6])}"
        for i, member in enumerate([True, False] * 60)
    ]
    path.write_text("\n".join(["patient,member,score,site", *rows]))
    found = audit_scores(path, AuditConfig(scenario="outputs"), tmp_path / "run")
    assert {finding.outcome for finding in found.findings} == {"not testable"}


def test_references_calibrate_and_are_a_null(tmp_path):
    hard = np.random.default_rng(5).normal(0, 4, 130)
    members, others, planted = hard[:60] + 1.5, hard[60:120], hard[120:] + 9
    noise = np.random.default_rng(6).normal(0, 0.2, (2, 130))
    found = audited(tmp_path, members, others, planted, references=(hard + noise[0], hard + noise[1]))
    own = {finding.attack: finding for finding in found.findings if finding.statistic == "auc"}
    assert own["calibrated"].value > 0.95 > 0.8 > own["given"].value
    assert own["likelihood"].value > 0.95
    assert own["calibrated"].primary and not own["given"].primary and not own["likelihood"].primary
    assert {control.kind for control in found.controls} == {"blind", "null", "planted"}


def test_by_one_reference_of_somebody_nothing_is_known_of_a_spread(tmp_path):
    hard = np.random.default_rng(5).normal(0, 4, 120)
    found = audited(tmp_path, hard[:60], hard[60:], references=(hard,))
    why = {attack.name: attack.why for attack in found.scenario.attacks if not attack.run}
    assert why["likelihood"] == "somebody has a score under one reference model alone"
    assert {finding.attack for finding in found.findings} == {"given", "calibrated"}


def test_one_seed_gives_one_result(tmp_path):
    first = audited(tmp_path, draw(1, 150), draw(0, 150, 2))
    again = audit_scores(tmp_path / "scores.csv", AuditConfig(scenario="outputs"), tmp_path / "again")
    assert first.findings == again.findings and first.controls == again.controls


def test_rows_of_a_patient_are_one_patient(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("patient,member,loss\na,1,1\na,1,3\nb,0,5\n")
    table = read_scores(path)
    assert table.patients == ("a", "b") and table.scores.tolist() == [-2, -5]
    assert table.roles.tolist() == [MEMBER, -MEMBER]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("patient,member\na,1\n", "neither a column"),
        ("patient,member,score,loss\na,1,1,1\n", "both columns"),
        ("patient,member,score\na,1,high\nb,0,1\n", "Line 2 .* 'high'"),
        ("patient,member,score\na,1,inf\nb,0,1\n", "finite number"),
        ("patient,member,score\na,1,\nb,0,1\n", "has no score"),
        ("patient,member,score\na,maybe,1\nb,0,1\n", "write 1 or 0"),
        ("patient,member,score\na,1,1\na,0,1\n", "in both groups"),
        ("patient,member,score\n,1,1\nb,0,1\n", "without a patient"),
        ("patient,member,score\na,1,1\nb,1,1\n", "not testable"),
        ("patient,member,score\na,0,1\nb,0,1\n", "not testable"),
        ("patient,member,score,planted\na,1,1,0\nb,0,1,1\n", "planted"),
        (
            "patient,member,score,reference,reference_2\na,1,1,,3\na,1,1,,\nb,0,1,,\nb,0,1,,\nc,0,1,,\nd,0,1,2,\n",
            r"Line 4 of .* has a patient without a score under any reference model \(2 patients\); score them",
        ),
        ("patient,score\na,1\n", "lacks the column 'member'"),
        (
            "PatientID,Train,MIA\na,1,1\n",
            "'member' and has PatientID, Train, MIA; call them patient, member",
        ),
        ("patient,member,MIA\na,1,1\n", "neither a column 'score' nor 'loss' and has patient, member, MIA; keep one"),
        (
            "patient,member,score\na,maybe,\nb,0,x\nc,1,\nc,0,3\n,1,2\n",
            r"5 faults: .*'x'.*write 1 or 0.*without a patient.*Line 2 .* has no score \(2 rows\).*in both groups, such as c",
        ),
    ],
)
def test_a_table_that_does_not_serve_is_refused_in_one_sentence(tmp_path, text, said):
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(RemnantError, match=said):
        audit_scores(path, AuditConfig(scenario="outputs"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_scores_need_no_pytorch(tmp_path):
    write(tmp_path / "scores.csv", draw(2, 60), draw(0, 60, 2))
    program = (
        "import sys; sys.argv = ['remnant', 'audit', 'scores.csv']\n"
        "from remnant.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print('code', end.code)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-3:] == ["code", "1", "False"], done.stderr
    assert (tmp_path / "scores-audit" / "report.html").is_file()


def test_of_a_large_table_the_blind_baseline_asks_so_many_by_lot(tmp_path, monkeypatch):
    """Sites that differ are seen among them, too, and the scores are those of all."""
    monkeypatch.setattr("remnant.audit.inputs.table_claims.MOST", 40)
    site = ["A"] * 200 + ["B"] * 200
    path = tmp_path / "scores.csv"
    rows = [f"p{i},{int(i < 200)},{i % 7 + i / 1000},{site[i]}" for i in range(400)]
    path.write_text("\n".join(["patient,member,score,site", *rows]))
    found = audit_scores(path, AuditConfig(), tmp_path / "run")
    blind = next(one for one in found.controls if one.kind == "blind")
    assert blind.n == 80 and blind.passed is False
    assert all(one.n == 400 for one in found.findings)
