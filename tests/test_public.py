"""`import remnant`: the public names and only these, typed, and in no time."""

import importlib
import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pandas as pd

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


def functions():
    """Every public function, and every public method and property of the public classes, that the package itself wrote."""
    for name in remnant.__all__:
        one = getattr(remnant, name)
        if name == "audit":
            yield name, importlib.import_module("remnant.audit.api").audit
        if inspect.isclass(one):
            for part, value in vars(one).items():
                found = getattr(value, "fget", None) or getattr(value, "func", None) or value
                # Of a field the function is its default, and its type is the field's.
                if inspect.isfunction(found) and not part.startswith("_") and part not in one.__annotations__:
                    yield f"{name}.{part}", found


def test_every_public_function_is_typed_and_says_what_it_does():
    names = []
    for name, function in functions():
        hints = typing.get_type_hints(function, localns={"pd": pd})
        arguments = [one for one in inspect.signature(function).parameters if one != "self"]
        assert {*arguments, "return"} <= hints.keys(), name
        assert function.__doc__, name
        names.append(name)
    assert {"audit", "Audit.report", "Audit.findings", "Audit.verdict", "Appetite.limits"} <= {*names}
    for name in inspect.signature(remnant.audit).parameters:
        assert f"`{name}" in remnant.audit.__doc__, name


def test_help_on_the_audit_is_that_of_the_function():
    audit = importlib.import_module("remnant.audit.api").audit
    assert inspect.signature(remnant.audit) == inspect.signature(audit)
    assert inspect.getdoc(remnant.audit) == inspect.getdoc(audit)


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
