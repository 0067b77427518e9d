"""What `make demo` runs: a small segmenter of phantoms that was trained for too long, audited."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "segmenter"


@pytest.mark.slow
def test_the_demo_exposes_the_members_of_its_segmenter(remnant, tmp_path):
    shutil.copytree(
        EXAMPLE, tmp_path / "examples" / "segmenter", ignore=shutil.ignore_patterns("model.pt", "__pycache__")
    )
    cohort, own = tmp_path / "runs" / "demo-cohort", tmp_path / "examples" / "segmenter"
    assert remnant("phantom", "brains", "--patients", "32", "--side", "32", "--out", str(cohort), "--quiet")[0] == 0
    subprocess.run([sys.executable, str(own / "target.py")], check=True)
    code, _, page = remnant("audit", str(own), "--out", str(tmp_path / "audit"), "--quiet")
    results = json.loads((tmp_path / "audit" / "results.json").read_text("utf-8"))
    assert code == 1 and page.endswith("report.html")
    assert results["verdict"]["ruling"] == "outside"
    assert "output" in {finding["attack"] for finding in results["findings"] if finding["outcome"] == "exposed"}
    # Bare answers may tell too little to find those who were planted.
    assert all(control["passed"] for control in results["controls"] if control["attack"] != "label_only")
