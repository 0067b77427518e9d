"""The command line: what a user can mend is one sentence and exit code 2, and leaves nothing half-written."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import typer

from remnant.attacks.prior import digest_of, load_prior
from remnant.base.purge import purge
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.cli import app
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.membership import halves
from remnant.cohort.phantoms import ChestPhantoms, write_manifest


@pytest.fixture(scope="module")
def sound(tmp_path_factory, write_cohort):
    return write_cohort(tmp_path_factory.mktemp("sound") / "data")


@pytest.fixture
def data(sound, tmp_path):
    return Path(shutil.copytree(sound, tmp_path / "data"))


@pytest.fixture
def study(remnant, tmp_path):
    """`study(*arguments)` runs the smoke study, by default into a new directory."""

    def run(*arguments, out=tmp_path / "run"):
        return remnant(
            "study", "subbanna2021", "--preset", "smoke", "--out", out, "--workers", 1, "--quiet", *arguments
        )

    return run


def refused(outcome, *told):
    """One sentence, no traceback, exit code 2."""
    code, errors, printed = outcome
    said = [line for line in errors if line.startswith("remnant: ")]
    assert code == 2 and printed == "" and len(said) == 1 and errors[-1] == said[0], outcome
    assert not any("Traceback" in line for line in errors)
    for text in told:
        assert text in said[0]
    assert said[0].endswith(".")


def unfinished(folder):
    return [path for path in folder.rglob("*") if path.name.startswith(".tmp-") or ".partial-" in path.name]


def scan(data, index=0):
    return sorted(path for path in (data / "files").glob("*.nii.gz") if "_l" not in path.name)[index]


def change(path, function, **save):
    image = nib.load(path)
    nib.save(nib.Nifti1Image(function(np.asarray(image.dataobj, np.float32)), save.get("affine", image.affine)), path)


def with_nan(array):
    array[3, 4, 5] = np.nan
    return array


def patients(data, count):
    rows = (data / "manifest.csv").read_text().splitlines()
    (data / "manifest.csv").write_text("\n".join(rows[: count + 1]) + "\n")


def commands(group, before=()):
    """The words of every command and group of commands below `group`."""
    for name, command in group.commands.items():
        yield (*before, name)
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))


COMMANDS = list(commands(typer.main.get_command(app)))

# What is spoilt, what is told of it; whether a header shows it, so that no run is begun.
SPOILT = {
    "cut off": (
        lambda data: scan(data).write_bytes(scan(data).read_bytes()[:3000]),
        ["zq0hk_0.nii.gz", "cut off"],
        False,
    ),
    "not nifti": (lambda data: scan(data).write_bytes(b"x" * 999), ["zq0hk_0.nii.gz", "cannot be read"], True),
    "file gone": (lambda data: scan(data).unlink(), ["zq0hk_0.nii.gz does not exist"], True),
    "other label": (
        lambda data: change(data / "files/zq1hk_0_l.nii.gz", lambda a: a[:-2].astype(np.int16)),
        ["zq1hk_0_l.nii.gz", "shape"],
        True,
    ),
    "nan": (lambda data: change(scan(data), with_nan), ["zq0hk_0.nii.gz", "NaN"], False),
    "constant": (lambda data: change(scan(data), lambda a: a * 0 + 7), ["zq0hk_0.nii.gz", "every voxel"], False),
    "4d": (lambda data: change(scan(data), lambda a: np.stack([a, a], -1)), ["zq0hk_0.nii.gz", "one 3D volume"], True),
    "mixed spacing": (
        lambda data: [
            change(data / f"files/zq2hk_0{kind}.nii.gz", lambda a: a, affine=np.diag([1.0, 1, 1, 1]))
            for kind in ("", "_l")
        ],
        ["mixes spacings", "zq2hk_0"],
        True,
    ),
    "too few": (lambda data: patients(data, 5), ["3 folds need at least 6 patients", "Got 5"], True),
    "no labels": (lambda data: (data / "labels.csv").unlink(), ["labels.csv"], None),
    "unknown layout": (
        lambda data: (data / "manifest.csv").unlink(),
        ["layout", "manifest.csv", "participants.tsv"],
        True,
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_data_that_do_not_serve(study, data, tmp_path, name):
    spoil, told, before_the_run = SPOILT[name]
    spoil(data)
    before = sorted(data.rglob("*"))
    refused(study("--data", data), *told)
    assert sorted(data.rglob("*")) == before and not unfinished(tmp_path)
    assert not (tmp_path / "run" / "results.json").exists()
    if before_the_run is not None:
        assert (tmp_path / "run").exists() != before_the_run


def test_heads_too_small_for_the_networks(study, data, tmp_path):
    for path in (data / "files").iterdir():
        image = nib.load(path)
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj), np.diag([0.5, 0.5, 0.5, 1])), path)
    refused(study("--data", data), "at most 16 voxels a side")


def test_no_data(study, remnant, tmp_path):
    refused(study("--data", tmp_path / "nowhere"), "nowhere does not exist")
    refused(remnant("study", "subbanna2021", "--out", tmp_path / "run"), "give its directory with --data")
    assert not (tmp_path / "run").exists()


# What takes seconds to import, and the part of torch that only a training needs.
HEAVY = {"torch", "monai", "matplotlib", "scipy", "nibabel", "pandas", "SimpleITK", "lightning_fabric"}
WRONG = [
    "study subbanna2021 --data nowhere",
    "study subbanna2021 --config nowhere",
    "study lee2025 --prior nowhere",
    "study kim2019 --second nowhere",
    "protect train --data nowhere --out out",
    "protect encode nowhere --encoder nowhere --out out",
    "prior train --images nowhere --size 64 --out out",
    "cohort check nowhere",
    "inspect nowhere",
    "--help",
    "study subbanna2021 --help",
]
WRONG_VALUES = {
    "attack checkpoint a.pt --against a --out out --size abc": "'abc'",
    "attack checkpoint a.pt --against a --out out --size 4": "from 8 to 2048. Got 4",
    "attack checkpoint a.pt --against a --out out --mean 0.5 --std 0.2,0": "above 0",
    "attack checkpoint a.pt --against a --out out --mean grey --std 1": "'grey'",
    "attack checkpoint a.pt --against a --out out --minutes 0": "at least 0.01",
    "study lee2025 --methods gmi,best": "'best'",
    "study subbanna2021 --networks unet,vnet": "--networks must be of unet, segnet. Got 'vnet'",
    "study subbanna2021 --experiments none": "'none'",
    "study lee2025 --targets cnn,mlp": "'mlp'",
    "study lee2025 --site 0": "at least 1",
    "study kim2019 --variants raw,best": "'best'",
    "protect train --data . --out out --lambda -1": "at least 0",
    "protect train --data . --out out --adversary friend": "'friend'",
    "prior train --images . --size 12 --out out": "4 times a power of 2",
    "phantom brains --side 8 --out out": "from 16 to 256. Got 8",
    "phantom heads --maps . --spacing 0.1 --out out": "from 0.5 to 8",
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """By command, in one process one after another: the exit code, which heavy modules it had imported, standard error."""
    folder = tmp_path_factory.mktemp("answered")
    code = (
        "import contextlib, io, json, sys\nfrom remnant.cli import main\n"
        f"for words in {[*WRONG, *WRONG_VALUES]!r}:\n"
        "    sys.argv, told = ['remnant', *words.split()], io.StringIO()\n"
        "    try:\n"
        "        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):\n"
        "            main()\n"
        "    except SystemExit as stop:\n"
        f"        print(json.dumps([words, stop.code or 0, sorted({HEAVY!r} & set(sys.modules)), told.getvalue()]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    return {words: told for words, *told in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("words", [*WRONG, *WRONG_VALUES])
def test_a_wrong_path_or_value_and_help_import_nothing_heavy(answered, words):
    code, heavy, said = answered[words]
    assert (code, heavy) == (0 if "--help" in words else 2, []), said
    if words in WRONG_VALUES:
        assert WRONG_VALUES[words] in said and "Traceback" not in said
    elif code:
        refused((code, said.splitlines(), ""), "nowhere", "check the path")


@pytest.mark.slow
def test_settings_that_do_not_fit_are_told_without_the_compiler_of_torch(tmp_path):
    (tmp_path / "a.toml").write_text('networks = ["vnet"]')
    code = (
        "import sys\nfrom remnant.cli import main\n"
        "sys.argv = ['remnant', 'study', 'subbanna2021', '--preset', 'smoke', '--config', 'a.toml']\n"
        "try:\n    main()\nexcept SystemExit as stop:\n"
        "    print(stop.code, 'torch._dynamo' in sys.modules, 'monai' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "2 False False", done.stderr


@pytest.mark.parametrize("command", ["", *(" ".join(words) for words in COMMANDS)])
def test_help_is_for_people(remnant, monkeypatch, command):
    """-h is --help, flags take nothing, and no name of an option is cut on a narrow terminal."""
    monkeypatch.setenv("COLUMNS", "60")
    code, _, said = remnant(*command.split(), "-h")
    assert code == 0 and said == remnant(*command.split(), "--help")[2]
    assert "<bool>" not in said and "│" not in said
    named = [line.split()[0] for line in said.splitlines() if line.strip().startswith("--")]
    assert not any("…" in name or name.endswith(("...", "-")) for name in named)


def test_options_that_do_not_fit_are_told_in_our_voice(remnant):
    code, errors, _ = remnant("phantom", "brains", "--patients", "x", "--out", "a")
    assert code == 2 and errors[-1] == "Error: Invalid value for '--patients': must be a whole number. Got 'x' instead."
    code, errors, _ = remnant("phantom", "brains", "--patients", "0", "--out", "a")
    assert code == 2 and errors[-1] == "Error: Invalid value for '--patients': must be at least 1. Got '0' instead."


def test_tab_completes_commands_and_options(tmp_path):
    """By the script that `remnant --show-completion` gives a shell."""
    words = environment(tmp_path) | {
        "_REMNANT_COMPLETE": "complete_bash",
        "COMP_WORDS": "remnant stu",
        "COMP_CWORD": "1",
    }
    code = "import sys; sys.argv = ['remnant']; from remnant.cli import main; main()"
    told = subprocess.run([sys.executable, "-c", code], env=words, capture_output=True, text=True, check=False)
    assert told.stdout.split() == ["study"], told.stderr


def test_names_that_do_not_exist(study, remnant, tmp_path):
    refused(study("--networks", "unet,vnet"), "networks", "'vnet'")
    code, errors, _ = remnant("study", "subbanna2021", "--preset", "huge")
    assert code == 2 and any("huge" in line for line in errors) and "Traceback" not in "".join(errors)
    assert not (tmp_path / "run").exists()


def test_directories_of_others(study, data, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("mine")
    refused(study("--data", data, out=tmp_path / "thesis"), "is not a run directory")
    refused(study("--data", data, "--resume", out=tmp_path / "thesis"), "is not a run directory")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]
    refused(study("--data", data, out=tmp_path / "thesis" / "chapter.tex" / "run"), "Not a directory")
    Run.start(tmp_path / "other", "kim2019", {}, resume=False)
    for more in ((), ("--resume",)):
        refused(study("--data", data, *more, out=tmp_path / "other"), "'kim2019'", "another run directory")


def test_a_run_that_exists(study, data, monkeypatch, tmp_path):
    scan(data).write_bytes(scan(data).read_bytes()[:3000])
    refused(study("--data", data), "cut off")
    refused(study("--data", data), "add --resume")
    refused(study("--data", data, "--seed", 1, "--resume"), "seed: 0 then, 1 now")
    refused(study("--data", data, "--networks", "unet", "--resume"), "networks")
    refused(study("--data", data, "--resume"), "cut off")
    with Run.open(tmp_path / "run"):
        refused(study("--data", data, "--resume"), "Another process")
    purge(Run.open(tmp_path / "run"))
    refused(study("--data", data, "--resume"), "were purged")


def test_a_network_named_twice_is_one(study, monkeypatch):
    from remnant.studies import subbanna2021

    asked = []
    monkeypatch.setattr(subbanna2021, "run_study", lambda settings, out, **options: asked.append(settings) or out)
    assert study("--networks", "segnet, segnet")[0] == 0
    assert asked[0].networks == ("segnet",)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(study, data, monkeypatch, tmp_path, code):
    def full(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    refused(study("--data", data), os.strerror(code), "make room")
    assert not unfinished(tmp_path)


@pytest.mark.slow
def test_files_that_may_not_grow(data, tmp_path):
    """A real limit of the kernel, reached while scans are prepared by other processes."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = subprocess.run(
        [
            sys.executable,
            "-m",
            "remnant",
            *SMOKE,
            "--data",
            str(data),
            "--out",
            str(tmp_path / "run"),
            "--workers",
            "2",
        ],
        env=environment(tmp_path),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2 and "Traceback" not in process.stderr
    assert "File too large" in process.stderr.splitlines()[-1]
    assert not unfinished(tmp_path)


def test_reports_and_purges_of_what_is_no_run(remnant, tmp_path):
    for verb in ("report", "purge"):
        mend = "the results.json of one" if verb == "report" else "check the path"
        refused(remnant(verb, tmp_path), "is not a run directory", mend)
        refused(remnant(verb, tmp_path / "nowhere"), "is not a run directory")
    run = Run.start(tmp_path / "run", "s", {}, resume=False)
    refused(remnant("report", run.path), "results.json does not exist")
    with run:
        refused(remnant("purge", run.path), "Another process")
    assert remnant("purge", run.path)[::2] == (0, "1 file of patient data removed; results and report are kept.")


def test_phantoms(remnant, tmp_path):
    refused(remnant("phantom", "brains", "--side", 8, "--out", tmp_path / "a"), "side", "Got 8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    refused(remnant("phantom", "brains", "--out", tmp_path / "mine"), "is not an empty directory")
    refused(remnant("phantom", "brains", "--out", tmp_path / "mine" / "notes" / "a"), "could not be written")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    made = remnant(
        "phantom", "brains", "--patients", 2, "--side", 16, "--workers", 1, "--quiet", "--out", tmp_path / "b"
    )
    assert made[::2] == (0, str(tmp_path / "b")) and (tmp_path / "b" / "participants.tsv").exists()


def test_phantom_chests(remnant, tmp_path):
    refused(remnant("phantom", "chests", "--side", 8, "--out", tmp_path / "a"), "side", "Got 8")
    few = ("--patients", 2, "--side", 16, "--workers", 1, "--quiet")
    made = remnant("phantom", "chests", *few, "--out", tmp_path / "b")
    assert made[::2] == (0, str(tmp_path / "b")) and len(list((tmp_path / "b" / "images").iterdir())) == 4
    refused(remnant("phantom", "chests", *few, "--out", tmp_path / "b"), "is not an empty directory")


def test_ctrl_c_in_process_is_one_sentence(study, data, monkeypatch):
    from remnant.studies.subbanna2021 import preparation as module

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "prepare", stop)
    code, errors, printed = study("--data", data)
    assert (code, len(errors), printed) == (130, 1, "") and "--resume" in errors[0]


@pytest.mark.parametrize(
    ("words", "goes_on", "then"),
    [
        ("study subbanna2021 --preset smoke --networks segnet --data DATA --out OUT", ", and --resume goes on", "add --resume"),
        ("client watch --from U --to U --rule Modality=MR --encoder DATA --server U --queue OUT",
         ", and the same command goes on", "start again"),
        ("client segment DATA --encoder DATA --server U --out OUT", "", "start again"),
    ],
)  # fmt: skip
def test_what_is_stopped_says_how_that_very_command_goes_on(remnant, data, tmp_path, monkeypatch, words, goes_on, then):
    raised = KeyboardInterrupt

    def stop(*given, **options):
        raise raised

    for place in ("studies.subbanna2021.preparation.prepare", "serve.needs.require_extra"):
        monkeypatch.setattr(f"remnant.{place}", stop)
    words = words.replace("DATA", str(data)).replace("OUT", str(tmp_path / "out")).split()
    code, errors, _ = remnant(*words)
    assert code == 130 and errors[-1] == f"remnant: stopped; nothing is half-written{goes_on}."
    raised = OSError(28, "No space left on device", "there")
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    code, errors, _ = remnant(*words)
    assert code == 2 and errors[-1] == f"remnant: No space left on device: there; make room, then {then}."


def test_a_fault_has_a_code_of_its_own(study, data, monkeypatch):
    from remnant.studies.subbanna2021 import preparation as module

    def fail(*arguments, **options):
        raise ZeroDivisionError("spoilt")

    monkeypatch.setattr(module, "prepare", fail)
    code, errors, _ = study("--data", data)
    # 1 says that `cohort check` found errors.
    assert code == 70 and "spoilt" in "".join(errors) and "this is a fault of Remnant" in errors[-1]


SMOKE = ["study", "subbanna2021", "--preset", "smoke", "--networks", "segnet"]


def environment(tmp_path):
    paths = os.pathsep.join(sys.path)
    return os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def test_a_prior_is_trained_on_a_folder_of_radiographs(remnant, tmp_path):
    write_manifest(ChestPhantoms(patients=3, side=16), tmp_path / "public", quiet=True)
    train = ("prior", "train", "--images", tmp_path / "public", "--preset", "smoke", "--quiet")
    refused(remnant(*train, "--size", 12, "--out", tmp_path / "no"), "4 times a power of 2", "Got 12")
    assert not (tmp_path / "no").exists()
    code, errors, out = remnant(*train, "--size", 8, "--out", tmp_path / "run")
    assert code == 0 and out == str(tmp_path / "run" / "checkpoints" / "prior.safetensors"), errors
    whole = load_prior(Path(out))
    assert whole.side == 8 and whole.patients == digest_of(f"chest{i:05d}" for i in (1, 2, 3))
    code, errors, out = remnant(*train, "--size", 8, "--attackers-half", "--out", tmp_path / "half")
    half = halves(read_cohort(tmp_path / "public").cases)[1]
    assert code == 0 and len(half) == 2 and load_prior(Path(out)).patients == digest_of(half), errors


@pytest.mark.slow
@pytest.mark.parametrize("after", ["phantoms", "cells/"])
def test_ctrl_c_in_the_terminal(tmp_path, after):
    """Ctrl-C reaches every process of the group: one sentence, 130, and --resume finishes."""
    run = tmp_path / "run"
    command = [sys.executable, "-m", "remnant", *SMOKE, "--out", str(run), "--workers", "2", "--quiet"]
    process = subprocess.Popen(
        command,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell ignores SIGINT for its background jobs, and what ignores it hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    waited = time.monotonic()

    def begun():
        if after == "phantoms":
            return any((run / "private").glob(".phantoms.partial-*"))
        return any((run / "cells").glob("segmenter-*.json"))

    while not begun() and process.poll() is None and time.monotonic() - waited < 300:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    errors = process.communicate(timeout=120)[1].splitlines()
    assert process.returncode == 130
    assert "Traceback" not in "\n".join(errors) and errors[-1].startswith("remnant: stopped")
    assert not unfinished(tmp_path / "cache") and not (run / "results.json").exists()
    again = subprocess.run(
        [*command, "--resume"], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert not unfinished(tmp_path) and again.stdout.strip() == str(run / "report.html")
    # What makes the result again, for somebody who has no run to go on with.
    assert "--resume" not in Results.read(run / "results.json").command


def test_a_report_is_made_of_the_results_alone(remnant, tmp_path):
    published = Path(__file__).parents[1] / "docs" / "results"
    for name, told in (("audit/monai_unet", "Decision sheet"), ("subbanna2021-hippocampus", "Gallery")):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        shutil.copy(published / name / "results.json", folder)
        code, errors, printed = remnant("report", folder)
        assert code == 0 and printed.strip() == str(folder / "report.html"), errors
        assert told in (folder / "report.html").read_text()
    # What may leave of a run is decided where the run is.
    refused(remnant("report", folder, "--egress"), "is not a run directory", "what may leave is made in the run itself")
    refused(remnant("report", folder, "--show-images"), "is not a run directory", "leave out --show-images")
    refused(remnant("rescore", folder), "is not a run directory", "give the directory that the audit made")
    # A page that is there may be a published one, as are figures.
    refused(remnant("report", folder), "holds report.html and figures already", "copy its results.json")
    (folder / "report.html").unlink()
    before = {path: path.read_bytes() for path in (folder / "figures").iterdir()}
    refused(remnant("report", folder), "holds figures already")
    assert before == {path: path.read_bytes() for path in (folder / "figures").iterdir()}
    (tmp_path / "results.json").write_text("[]")
    refused(remnant("report", tmp_path), "not a results.json")


def test_a_purge_knows_what_a_prior_cached_before_it_failed(remnant, tmp_path):
    images = tmp_path / "images"
    write_manifest(ChestPhantoms(patients=4, sessions=1, side=16, seed=1), images, quiet=True)
    sorted((images / "images").iterdir())[-1].write_bytes(b"no picture")
    words = ("prior", "train", "--images", images, "--size", 16, "--preset", "smoke", "--quiet", "--out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    refused(remnant(*words, tmp_path / "mine"), "is not a run directory")
    assert not list((tmp_path / "cache").rglob("*.npz"))
    assert remnant(*words, tmp_path / "run")[0] == 2
    assert list((tmp_path / "cache").rglob("*.npz"))
    assert remnant("purge", tmp_path / "run")[0] == 0
    assert not list((tmp_path / "cache").rglob("*.npz"))


def test_the_help_of_the_checkpoint_study_names_every_target_and_default(remnant):
    from remnant.studies.lee2025.settings import METHODS_OF_ALL
    from remnant.studies.lee2025.targets import TARGETS

    said = " ".join(remnant("study", "lee2025", "--help")[2].split())
    listed = said.split("--targets")[1].split("--methods")
    told = listed[0].split("Comma-separated: ")[1].split(".")[0]
    # Those that are not run by default stand last.
    assert sorted(told.replace("; not by default: ", ", ").split(", ")) == sorted(TARGETS)
    assert all(name in listed[1].split("by default")[0] for name in METHODS_OF_ALL)
