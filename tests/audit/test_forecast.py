"""What an audit will take, what is left out of a short one, and that a stopped one goes on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.audit.example import PATIENTS, Classifier, material

from remnant.attacks.inversion import INVERSION, InversionSettings
from remnant.audit.cells.blind import blind_of, blind_seconds
from remnant.audit.cells.forecast import forecast
from remnant.audit.cells.piece import Piece, affordable, minutes_for
from remnant.audit.config import AuditConfig
from remnant.audit.run import minutes as fitted
from remnant.audit.run import resumed
from remnant.audit.run.attacks import attacks_of
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock, conclude, machine, rescored
from remnant.base import progress
from remnant.base.errors import RemnantError
from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.cli.forecast import forecast_lines
from remnant.measure.roles import MEMBER, NON_MEMBER


def piece(name, seconds, always=False):
    return Piece(name, "", seconds, always=always)


def test_the_cheapest_fit_and_what_is_always_run_counts_first():
    pieces = [
        piece("primary", 50, True),
        piece("dear", 100),
        piece("cheap", 10),
        piece("middle", 20),
        piece("blind", 5, True),
    ]
    assert affordable(pieces, 10) == []
    assert affordable(pieces, 86 / 60) == ["dear"]
    assert affordable(pieces, 84 / 60) == ["middle", "dear"]
    assert affordable(pieces, 0.1) == ["cheap", "middle", "dear"]
    assert minutes_for(pieces, "middle") == 2 and minutes_for(pieces, "dear") == 4
    assert "dear" not in affordable(pieces, minutes_for(pieces, "dear"))


def test_the_planted_leak_goes_before_any_further_attack():
    pieces = [piece("primary", 50, True), piece("cheap", 10), piece("dear", 100), piece("planted", 60)]
    assert affordable(pieces, 125 / 60) == ["dear"]
    assert affordable(pieces, 115 / 60) == ["cheap", "dear"]
    # What does not fit at all is in nobody's way.
    assert affordable(pieces, 105 / 60) == ["planted", "dear"]
    assert (
        minutes_for(pieces, "planted") == 2 and minutes_for(pieces, "cheap") == 2 and minutes_for(pieces, "dear") == 4
    )


class Slow(Classifier):
    """Takes its time for every image."""

    EACH = 0.01

    def forward(self, images):
        # At work, not asleep: of a processor its own seconds count.
        until = time.process_time() + self.EACH * len(images)
        while time.process_time() < until:
            pass
        return super().forward(images)


def test_a_step_is_timed_and_multiplied(monkeypatch):
    own, config = material(Classifier, leaks=False), AuditConfig.checked(target={"planted_steps": 40})
    own.target.module.__class__ = Slow
    chosen = [attack for attack, why in attacks_of(own, config) if not why]
    found = {one.name: one for one in forecast(own, config, chosen)}
    assert list(found) == ["output", "label_only", "gradient", "blind", "fit", "planted"]
    # Images that pass: nine places each and nine changes; once, and once for its layers; those planted, and those looked for.
    looks = sum(found[name].seconds for name in ("output", "label_only", "gradient"))
    least = {
        "output": 9 * PATIENTS,
        "label_only": 9 * PATIENTS,
        "gradient": PATIENTS,
        "fit": PATIENTS / 2,
        "planted": 4 * 40,
    }
    for name, images in least.items():
        assert Slow.EACH * images <= found[name].seconds < 4 * Slow.EACH * images + looks + 0.5, name
    assert found["planted"].seconds > looks
    assert found["output"].always and found["blind"].always and not found["gradient"].always
    assert 0 < found["output"].bytes < 10_000


@pytest.mark.parametrize("patients", [6, 16])
def test_the_blind_baseline_takes_about_what_is_foretold_of_it(patients):
    """Of six patients all deals are made, and of sixteen 500: neither is fifty times the other's share."""
    own = material(Classifier, leaks=False).candidates
    names = tuple(dict.fromkeys(own.patients))[:patients]
    images, roles = own.of(names), np.resize([MEMBER, NON_MEMBER], patients)
    began = time.process_time()
    blind_of(images, roles, 0)
    assert 0.1 < blind_seconds(images, roles) / (time.process_time() - began) < 25


def test_an_estimate_says_what_it_is_at(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_LINE_EVERY_S", 0.0)
    own, config = material(Classifier, leaks=False), AuditConfig.checked(target={"planted_steps": 40})
    chosen = [attack for attack, why in attacks_of(own, config) if not why]
    for quiet in (False, True):
        names = [one.name for one in forecast(own, config, chosen, quiet=quiet)]
        said = capsys.readouterr().err.splitlines()
        if quiet:
            assert not said
            continue
        for number, name in enumerate(names):
            assert said[2 * number] == f"timing {number}/{len(names)}, at {name}"
            assert said[2 * number + 1].startswith(f"timing {number + 1}/{len(names)}, ")


def test_what_is_left_out_is_named_and_clears_nobody(tmp_path, monkeypatch):
    own, config = material(Classifier, leaks=False), AuditConfig.checked(minutes=1e-6)
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
        results = conclude(config, **parts, **machine(Clock(), ""))
    attacks = {attack.name: attack for attack in results.scenario.attacks}
    assert attacks["output"].run and {finding.attack for finding in results.findings} == {"output"}
    assert not attacks["gradient"].run and attacks["gradient"].why == "left out by --minutes"
    assert [control.kind for control in results.controls] == ["blind", "fit"]
    assert results.verdict.ruling == "cannot tell"
    assert any("'label only' and 'gradient' were left out by --minutes" in reason for reason in results.verdict.reasons)
    why = "left out by --minutes 1e-06; about 1 minute would run it"
    assert f"No leak was planted: {why}." in results.not_tested
    said = f"Nobody knows whether the attack could have succeeded: no leak was planted ({why})."
    assert said in results.verdict.reasons and results.verdict.unplanted == why
    assert said in rescored(results, config).verdict.reasons
    assert {one.outcome for one in results.findings} <= {"power unknown", "attack too weak"}
    # Gone on with on a faster machine it is the same audit.
    monkeypatch.setattr(fitted, "forecast_cell", None)
    (tmp_path / "run" / "cells" / "blind.json").unlink()
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=True) as run:
        assert audit_model(run, own, config, quiet=True)["findings"] == parts["findings"]


@pytest.mark.parametrize("minutes", [1000, None])
def test_a_short_audit_is_gone_on_with_in_more_time(tmp_path, minutes):
    own, cells = material(Classifier, leaks=False), tmp_path / "run" / "cells"
    config = AuditConfig.checked(minutes=1e-6, target={"planted_steps": 20})

    def audited(config, resume=True):
        settings = config.resolved()
        with Run.start(tmp_path / "run", "audit", settings, resume=resume, changing=("minutes",)) as run:
            return audit_model(run, own, config, quiet=True)

    assert audited(config, resume=False)["unplanted"]
    before = {path.name: path.read_bytes() for path in cells.iterdir() if path.name != "plan.json"}
    more = audited(config.changed(minutes=minutes))
    assert {attack.name for attack in more["attacks"] if attack.run} == {"output", "label_only", "gradient"}
    assert "planted" in {control.kind for control in more["controls"]} and not more["unplanted"]
    # What was done is kept, as the clock in the cells tells.
    assert {name: (cells / name).read_bytes() for name in before} == before
    # Nor does less time take away what was done.
    assert audited(config)["findings"] == more["findings"]
    with pytest.raises(RemnantError, match=r"other settings \(seed: 0 then, 1 now\)"):
        audited(config.changed(seed=1, minutes=3))


def test_who_is_planted_is_looked_for_by_every_attack_that_is_run(tmp_path):
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        cells = run.path / "cells"
        cells.mkdir()

        def left(minutes, attacks, shadows):
            for name in ("attack-output", "attack-references", "attack-lira", "blind", "planted", "recipe", "shadow-0"):
                write_json(cells / f"{name}.json", {"trained": name != "shadow-0"})
            resumed.forget_stopped(run, minutes)
            resumed.keep_what_holds(run, minutes, attacks, shadows, ["references", "lira"])
            return {path.stem for path in cells.iterdir()} - {"plan", "attack-output", "blind"}

        reading = {"attack-references", "attack-lira"}
        everything = {*reading, "planted", "recipe"}
        assert left(1.0, ["output"], 4) == everything
        assert left(1.0, ["output"], 4) == everything | {"shadow-0"}
        assert left(1.0, ["output", "gradient"], 4) == reading
        # What reads shadow models is not run on each of them.
        assert left(1.0, ["output", "gradient", "lira"], 4) == {*reading, "shadow-0"}
        assert left(1.0, ["output", "gradient"], 4) == {*reading, "shadow-0"}
        assert left(1.0, ["output", "gradient"], 8) == {"shadow-0"}
        assert left(None, ["output", "gradient"], 8) == everything


def test_nothing_is_left_out_of_a_long_audit(tmp_path):
    own, config = material(Classifier, leaks=False), AuditConfig.checked(minutes=1000, target={"planted_steps": 20})
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
    assert {attack.name for attack in parts["attacks"] if attack.run} == {"output", "label_only", "gradient"}
    assert not any("left out" in reason for reason in parts["reasons"])


def test_inversion_costs_by_its_pairs(tmp_path):
    from remnant.attacks.attack import Work
    from remnant.base.seeds import Seeds
    from remnant.targets.seen import seen_latents

    own = material(Classifier, leaks=False)
    access, work = seen_latents(own.target, own.candidates, None), Work(Seeds(0), tmp_path)
    few, many = (INVERSION.cost(access, own.images, InversionSettings(pairs=pairs), work) for pairs in (50, 5000))
    # Each is one timed step times the pairs: how long a step takes is the machine's.
    assert many > 20 * few


TARGET = """\
import os
import time
from pathlib import Path
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 2)

    def forward(self, images):
        time.sleep(0.02)
        return self.linear(images.flatten(1))

def build():
    Path(__file__).with_name("pid").write_text(str(os.getpid()))
    return Net()

def data():
    draw = torch.Generator().manual_seed(0)
    for i in range(24):
        yield {"image": torch.rand(1, 8, 8, generator=draw), "label": i % 2, "patient": i, "member": i < 12}
"""


@pytest.fixture
def begun(tmp_path):
    """`begun(*options, until)`: `remnant audit own` in a process of its own, up to a file."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "audit.toml").write_text("[target]\nplanted_steps = 200\n")
    (tmp_path / "own" / "target.py").write_text(TARGET)

    def begin(*options, until):
        process = subprocess.Popen(
            [sys.executable, "-m", "remnant", "audit", "own", *options],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A shell ignores SIGINT for its background jobs, and what ignores it hands that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        waited = time.monotonic()
        while not (tmp_path / until).exists() and process.poll() is None and time.monotonic() - waited < 300:
            time.sleep(0.02)
        return process

    return begin


def gone(pid, seconds=60):
    waited = time.monotonic()
    while time.monotonic() - waited < seconds:
        try:
            # What has ended may wait for somebody to ask how.
            if (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_the_audit_goes_on(begun, remnant, tmp_path, monkeypatch):
    process = begun(until="own-audit/cells/attack-gradient.json")
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1].splitlines()
    assert process.returncode == 130, said
    assert (
        said[-1].startswith("remnant: stopped")
        and "--resume" in said[-1]
        and not any("Traceback" in line for line in said)
    )
    assert gone(int((tmp_path / "own" / "pid").read_text()))
    assert not (tmp_path / "own-audit" / "results.json").exists()
    cell = tmp_path / "own-audit" / "cells" / "attack-output.json"
    kept = cell.stat().st_mtime_ns
    monkeypatch.chdir(tmp_path)
    code, said, _ = remnant("audit", "own", "--resume", "--quiet")
    assert code == 3 and cell.stat().st_mtime_ns == kept, said


def test_the_owners_process_ends_with_ours(begun, tmp_path):
    process = begun(until="own-audit/cells/attack-gradient.json")
    process.kill()
    process.wait()
    assert gone(int((tmp_path / "own" / "pid").read_text()))
    # It did not end by itself.
    assert not (tmp_path / "own-audit" / "results.json").exists()


def test_what_takes_a_moment_is_not_said_to_take_nothing():
    pieces = [Piece("short", "", 0.2, 900), Piece("long", "", 90.0, 3 * 2**20), Piece("nothing", "", 0)]
    lines = [line.split(maxsplit=1)[1].split() for line in forecast_lines(pieces)]
    assert lines[0] == ["<", "0.1", "min", "<", "0.1", "MiB"] and lines[1] == ["1.5", "min", "3.0", "MiB"]
    assert lines[2] == ["0.0", "min", "0.0", "MiB"] and lines[3] == ["1.5", "min", "3.0", "MiB"]


@pytest.mark.slow
def test_an_estimate_is_printed_and_nothing_is_begun(begun, remnant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said, printed = remnant("audit", "own", "--estimate")
    lines = printed.splitlines()
    assert code == 0, said
    timed, others = lines[:7], lines[7:]
    assert [line.split()[0] for line in timed] == [
        "output",
        "label_only",
        "gradient",
        "blind",
        "fit",
        "planted",
        "together",
    ]
    assert all(" min " in line and " MiB" in line for line in timed)
    assert others and all(" is not run: " in line for line in others)
    assert not (tmp_path / "own-audit").exists()
    code, said, _ = remnant("audit", "own", "--minutes", "0")
    assert code == 2 and "--minutes must be at least 0.01" in said[-1]
