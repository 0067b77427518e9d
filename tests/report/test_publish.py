import re

import pytest
from tests.report.example import write_run

from remnant.base.errors import RemnantError
from remnant.report.publish import publish


def test_what_is_published_shows_no_patient_and_links_to_all_of_it(tmp_path):
    run = write_run(tmp_path / "run", private=True)
    paths = publish(run, tmp_path / "out")
    written = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert sorted(paths) == written
    assert not [path for path in written if path.suffix in {".png", ".npz", ".html"}]
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "remnant study subbanna2021" in readme and "24 of 24 members" in readme
    assert "85 minutes on 2 cores" in readme and "of which 150 minutes of one core were work, commit" in readme
    for link in re.findall(r"\]\(([^)]+)\)", readme):
        assert (tmp_path / "out" / link).exists(), link


def test_an_unfinished_run_is_not_published(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(RemnantError):
        publish(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()
