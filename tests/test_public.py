"""`import remnant`: the public names and only these, typed, and in no time."""

import importlib
import subprocess
import sys
from pathlib import Path

import remnant

PROGRAM = """
import sys, time
before = {*sys.modules}
started = time.process_time()
import remnant
taken = time.process_time() - started
print(taken, *sorted({name.partition(".")[0] for name in {*sys.modules} - before}))
"""


def test_the_import_takes_no_time_and_imports_nothing():
    done = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True) for _ in range(5)
    ]
    seconds, *imported = min((one.stdout.split() for one in done), key=lambda words: float(words[0]))
    assert float(seconds) < 0.05
    assert not {*imported} - {"remnant", "importlib", "warnings", "_weakrefset"} - sys.stdlib_module_names


def test_every_public_name_is_there_and_says_what_it_is():
    assert dir(remnant) == remnant.__all__ == sorted(remnant.__all__)
    for name in remnant.__all__:
        assert getattr(remnant, name).__doc__, name
    assert callable(remnant.audit)
    # Also once the package of this name was imported.
    assert importlib.import_module("remnant.audit.config") and callable(remnant.audit)


def test_what_is_not_public_is_no_attribute():
    program = "import remnant\ntry: remnant.load_weights\nexcept AttributeError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "module 'remnant' has no attribute 'load_weights'"


def test_limits_and_findings_need_no_pytorch():
    program = (
        "import remnant, sys\nremnant.Appetite(), remnant.Finding, remnant.RemnantError\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_type_checkers_are_told():
    assert (Path(remnant.__file__).parent / "py.typed").is_file()
