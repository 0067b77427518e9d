"""Shadow models that audits of one training share: taken over where all is the same, trained anew where anything is not."""

import stat
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tests.audit.trainings import written

from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells import blind, recipe, shadow_time, shadows, training_checks
from remnant.audit.owner.code import digest_of_code
from remnant.audit.run.model import audit_model
from remnant.base.purge import purge
from remnant.base.run import Run

NOTED = """
import beside

def train(model, items, seed):
    with open(__file__ + ".log", "a") as log:
        log.write("x")
    torch.manual_seed(seed)
    with torch.no_grad():
        model[1].weight += torch.randn(model[1].weight.shape) * len(items)
"""
SHARED = "[shadows]\ncount = 4\nshared = '../shared'\n[target]\nplanted_steps = 0\n"


@pytest.fixture
def bare(monkeypatch):
    for where, name in ((blind, "blind_cell"), (recipe, "recipe_cell")):
        monkeypatch.setattr(where, name, lambda run, **_: {"controls": [], "rows": []})
    monkeypatch.setattr(training_checks, "repeated_cell", lambda run, **_: {"repeats": None})


@pytest.fixture
def folder(tmp_path):
    """`folder(train, toml, **changed)`, always the same one, with a file beside it."""
    path = tmp_path / "own"
    path.mkdir()
    (path / "beside.py").write_text("SCALE = 1\n")
    return lambda train=NOTED, toml=SHARED, **changed: written(path, train, toml, **changed)


def audited(own, out):
    """The parts of an audit, and how many networks it trained."""
    log = own.path / "target.py.log"
    before = len(log.read_text()) if log.exists() else 0
    with Run.start(out, "audit", {}, resume=out.exists()) as run:
        parts = audit_model(run, own.material(), own.config, quiet=True)
    return parts, len(log.read_text()) - before


def test_a_second_audit_takes_over_what_the_first_trained_and_says_so(folder, tmp_path, bare):
    first, trained = audited(folder(), tmp_path / "first")
    assert trained == 4 and not first["notices"]
    second, trained = audited(folder(), tmp_path / "second")
    assert trained == 0 and second["findings"] == first["findings"]
    assert second["notices"] == [
        "4 of 4 shadow models were trained by earlier audits of the same training and patients."
    ]
    shared = tmp_path / "shared"
    assert stat.S_IMODE(shared.stat().st_mode) == 0o700
    # A record and what it fits for each, and what two attacks say; more of the same by further audits alone.
    kinds = sorted(path.name.split("-")[0] for path in shared.glob("*.npz"))
    assert kinds.count("shadow") == kinds.count("fits") == 4 and kinds.count("scores") == 4 * 3


def test_networks_are_no_others_for_another_checkpoint_or_who_is_a_member(folder, tmp_path, bare):
    audited(folder(), tmp_path / "first")
    torch.save({"1.weight": torch.ones(2, 64), "1.bias": torch.zeros(2)}, tmp_path / "own" / "next.pt")
    toml = SHARED.replace("[target]\n", "[target]\ncheckpoint = 'next.pt'\n")
    parts, trained = audited(folder(toml=toml), tmp_path / "second")
    assert trained == 0 and "4 of 4" in parts["notices"][0]


@pytest.mark.parametrize("what", ["train", "beside", "data", "label", "seed", "build"])
def test_with_anything_else_changed_they_are_trained_anew(folder, tmp_path, bare, what):
    audited(folder(), tmp_path / "first")
    train, toml, changed = NOTED, SHARED, {}
    if what == "train":
        train = NOTED.replace("len(items)", "2 * len(items)")
    elif what == "beside":
        (tmp_path / "own" / "beside.py").write_text("SCALE = 2\n")
    elif what == "seed":
        toml = "seed = 1\n" + SHARED
    elif what == "build":
        toml = SHARED.replace("[target]\n", "[target]\nbuild = 'other'\n")
        train = NOTED + "\ndef other():\n    return build()\n"
    else:
        old = {"data": "manual_seed(i)", "label": "i % 2, f"}[what]
        changed = {old: {"data": "manual_seed(i + 1)", "label": "(i + 1) % 2, f"}[what]}
    _, trained = audited(folder(train, toml, **changed), tmp_path / "second")
    assert trained == 4


def test_what_is_damaged_or_lacks_an_attack_is_trained_anew(folder, tmp_path, bare):
    audited(folder(), tmp_path / "first")
    shared = tmp_path / "shared"
    one, other = sorted(shared.glob("fits-*.npz"))[:2]
    one.write_bytes(b"torn")
    other.unlink()
    assert audited(folder(), tmp_path / "second")[1] == 2
    assert audited(folder(), tmp_path / "third")[1] == 0
    sorted(shared.glob("scores-*.npz"))[0].unlink()
    assert audited(folder(), tmp_path / "fourth")[1] == 1


def test_a_purge_removes_what_is_shared_as_well(folder, tmp_path, bare):
    audited(folder(), tmp_path / "first")
    audited(folder(), tmp_path / "second")
    purge(Run(tmp_path / "second"))
    assert not list((tmp_path / "shared").glob("*.npz")) and not (tmp_path / "second" / "private").exists()


def test_without_a_folder_nothing_is_shared(folder, tmp_path, bare):
    own = folder(toml=SHARED.replace("shared = '../shared'\n", ""))
    assert audited(own, tmp_path / "first")[1] == audited(own, tmp_path / "second")[1] == 4
    assert not (tmp_path / "shared").exists()
    cohort = shadows.with_shadows(own.material(), own.config)
    assert shadows.files_of(Run(tmp_path / "first"), cohort, [OUTPUT], 0, 0) is None
    assert shadows.files_of(Run(tmp_path / "first"), replace(cohort, training=None), [OUTPUT], 0, 0) is None


def test_shared_ones_take_none_of_the_minutes(folder, tmp_path, bare, monkeypatch):
    audited(folder(), tmp_path / "first")
    own = folder()
    cohort = shadows.with_shadows(own.material(), own.config)
    cells = shadows.shadow_cells(cohort, [OUTPUT], own.config.seed)
    asked = []

    def done(run, some, **_):
        asked.extend(cell.name for cell in some)
        return {cell.name: {"trained": True, "seconds": 10.0} for cell in some}

    monkeypatch.setattr(shadow_time, "run_cells", done)
    run = Run(tmp_path / "first")
    assert shadow_time.affordable_shadows(run, cells, 0.0, workers=1, quiet=True) == 4 and not asked
    for path in shadows.files_of(run, cohort, [OUTPUT], own.config.seed, 3).paths:
        path.unlink()
    # Of three that are there and one that fits not: an even number.
    assert shadow_time.affordable_shadows(run, cells, 9.0, workers=1, quiet=True) == 0
    assert asked == ["shadow-3"]
    assert shadow_time.affordable_shadows(run, cells, 10.0, workers=1, quiet=True) == 4


def test_code_is_that_of_the_folder_wherever_it_lies(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "target.py").write_text("x = 1\n")
        (tmp_path / name / "deep" / "net.py").write_text("y = 1\n")
    one, two = (digest_of_code(tmp_path / name, "build") for name in ("one", "two"))
    assert one == two != digest_of_code(tmp_path / "one", "other")
    (tmp_path / "two" / "deep" / "net.py").write_text("y = 2\n")
    assert digest_of_code(tmp_path / "two", "build") != one


def test_code_that_was_imported_from_elsewhere_counts_as_it_is_now(tmp_path, monkeypatch):
    elsewhere, folder = tmp_path / "elsewhere.py", tmp_path / "folder"
    folder.mkdir()
    without = digest_of_code(folder, "build")
    found = []
    for text in ("x = 1\n", "x = 2\n"):
        elsewhere.write_text(text)
        monkeypatch.setitem(sys.modules, "elsewhere", SimpleNamespace(__file__=str(elsewhere)))
        found.append(digest_of_code(folder, "build"))
    assert len({without, *found}) == 3
