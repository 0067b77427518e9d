"""The tutorial of docs/serving.md, its commands one after the other as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.serve.processes import free_port

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]


def test_its_commands_lead_from_a_cohort_to_a_pair_and_a_pacs(tmp_path):
    shutil.copytree(REPOSITORY / "examples" / "pacs", tmp_path / "examples" / "pacs")
    text = (REPOSITORY / "docs" / "serving.md").read_text().partition("## A real installation")[0]
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 5
    # Ports that are free here, and an Orthanc on one of them.
    pacs, server = str(free_port()), str(free_port())
    orthanc = tmp_path / "examples" / "pacs" / "orthanc.json"
    orthanc.write_text(orthanc.read_text().replace("8042", pacs))
    script = "\n".join(blocks).replace("8042", pacs).replace("8443", server)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "remnant").write_text(f'#!/bin/sh\nexec {sys.executable} -m remnant "$@"\n')
    (tools / "remnant").chmod(0o755)
    environment = os.environ | {
        "PATH": os.pathsep.join((str(tools), str(Path(sys.executable).parent), os.environ["PATH"]))
    }
    end = "\ntrap - EXIT; kill $(jobs -p)\n"
    command = ["bash", "-euc", "trap 'kill $(jobs -p)' EXIT\n" + script + end]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    made = tmp_path / "tutorial"
    assert {path.name for path in (made / "result").iterdir()} == {"labels.nii.gz", "manifest.json"}
    assert "SEG" in done.stdout or (made / "queue").is_dir()
    assert any((made / "orthanc").iterdir())  # and nowhere else: Orthanc takes folders as seen from its configuration
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "examples", "tutorial"]
    assert {path.name for path in (tmp_path / "examples" / "pacs").iterdir()} == {"orthanc.json", "series.py"}
    assert (made / "token").stat().st_mode & 0o077 == 0
    assert "2 scans of patients whose contributions were withdrawn: left out" in done.stderr
    assert "Nobody has measured" not in done.stderr  # the evaluation lies beside the encoder
    assert re.search(r"\b2\b", done.stdout), done.stdout
