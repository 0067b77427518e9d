import json
import re
import shutil

import pytest
from tests.report.example import example_results, write_run

from remnant.base.errors import RemnantError
from remnant.base.results import Results
from remnant.report.publish import MARK, publish


def test_what_is_published_shows_no_patient_and_links_to_all_of_it(tmp_path):
    run = write_run(tmp_path / "run", private=True)
    paths = publish(run, tmp_path / "out")
    written = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name != MARK)
    assert sorted(paths) == written
    assert not [path for path in written if path.suffix in {".png", ".npz", ".html"}]
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "remnant study subbanna2021" in readme and "24 of 24 members" in readme
    for path in written:
        assert "P01" not in path.read_text() and "pseudonym" not in path.read_text(), path
    assert "85 minutes on 2 cores" in readme and "of which 150 minutes of one core were work, commit" in readme
    for link in re.findall(r"\]\(([^)]+)\)", readme):
        assert (tmp_path / "out" / link).exists(), link


def test_an_unfinished_run_is_not_published(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(RemnantError):
        publish(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two figures, since drawing is what takes the time: one of all patients, and one of groups of few."""
    run = write_run(tmp_path_factory.mktemp("published") / "run")
    results = Results.read(run / "results.json")
    sections = [
        section.model_copy(
            update={"figures": [one for one in section.figures if one.name in ("leak", "identification")]}
        )
        for section in results.sections
    ]
    results.model_copy(update={"sections": sections}).write(run / "results.json")
    return run


def files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_publish_made_it_may_make_again(run, tmp_path):
    publish(run, tmp_path / "out", 1)
    whole = files(tmp_path / "out")
    publish(run, tmp_path / "out")
    fewer = files(tmp_path / "out")
    assert fewer.keys() < whole.keys() and "figures/identification.svg" in whole.keys() - fewer.keys()
    publish(run, tmp_path / "out", 1)
    assert files(tmp_path / "out") == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_page_says_what_is_withheld_and_not_that_anything_is_where_nothing_is(run, tmp_path):
    publish(run, tmp_path / "some")
    publish(run, tmp_path / "all", 1)
    some, everything = ((tmp_path / name / "README.md").read_text() for name in ("some", "all"))
    assert "fewer than 10 patients are withheld" in some and "withheld" not in everything
    assert "No table has a row a patient; groups and counts stand as they are" in everything


@pytest.mark.parametrize("theirs", ["README.md", "notes/thesis.txt", "results.json", MARK])
def test_nothing_that_is_not_its_own_is_overwritten(run, tmp_path, theirs):
    (tmp_path / "out" / theirs).parent.mkdir(parents=True)
    (tmp_path / "out" / theirs).write_text('{"README.md": "mine"}')
    before = files(tmp_path)
    if theirs == MARK:
        (tmp_path / "out" / "README.md").write_text("mine")
        before = files(tmp_path)
    with pytest.raises(RemnantError, match="was not written by publish"):
        publish(run, tmp_path / "out")
    assert files(tmp_path) == before


@pytest.mark.parametrize("how", ["changed", "added", "linked"])
def test_what_somebody_changed_in_a_published_folder_stays(run, tmp_path, how):
    publish(run, tmp_path / "out")
    if how == "linked":
        (tmp_path / "elsewhere.md").write_bytes((tmp_path / "out" / "README.md").read_bytes())
        (tmp_path / "out" / "README.md").unlink()
        (tmp_path / "out" / "README.md").symlink_to(tmp_path / "elsewhere.md")
    else:
        (tmp_path / "out" / ("README.md" if how == "changed" else "mine.md")).write_text("mine")
    before = files(tmp_path)
    with pytest.raises(RemnantError, match="was changed since"):
        publish(run, tmp_path / "out")
    assert files(tmp_path) == before


def test_neither_the_run_nor_a_file_nor_a_link_is_a_place_to_publish_in(run, tmp_path):
    before = files(run)
    with pytest.raises(RemnantError, match="was not written by publish"):
        publish(run, run)
    assert files(run) == before
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(RemnantError, match="is no folder"):
            publish(run, tmp_path / name)
    assert not (tmp_path / "nowhere").exists() and (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_is_a_place(run, tmp_path):
    (tmp_path / "out").mkdir()
    assert publish(run, tmp_path / "out")


def test_a_failure_leaves_no_half(run, tmp_path, monkeypatch):
    monkeypatch.setattr("remnant.report.publish.write_tables", lambda *words: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish(run, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_what_is_published_can_be_published_again(run, tmp_path):
    """Its results.json is whole: the report and the folder can be made of it anew."""
    publish(run, tmp_path / "one", 1)
    publish(tmp_path / "one", tmp_path / "two", 1)
    assert (tmp_path / "one" / "results.json").read_bytes() == (tmp_path / "two" / "results.json").read_bytes()


def test_links_in_texts_are_no_links_in_markdown(run, tmp_path):
    copied = shutil.copytree(run, tmp_path / "run")
    text = "see [here](http://a.example/x) ![x][y] <b> www.b.example"
    results = example_results().model_copy(update={"findings": [text], "command": "remnant ```\n[a](http://c.example)"})
    results.write(copied / "results.json")
    publish(copied, tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    finding = next(line for line in readme.splitlines() if line.startswith("- see"))
    assert finding == r"- see [here]\(http:&#47;&#47;a.example/x) ![x]\[y] &lt;b> www&#46;b.example"
    assert "````bash\nremnant ```" in readme


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [("\\ud800", "lone surrogate"), ("9" * 400, "more than 18 digits"), ("9" * 5000, "not valid JSON")],
)
def test_what_no_file_can_take_up_is_one_sentence(run, tmp_path, remnant, spoilt, told):
    copied = shutil.copytree(run, tmp_path / "run")
    value = json.loads((copied / "results.json").read_text())
    value["settings"]["odd"] = "HERE"
    text = json.dumps(value).replace('"HERE"', f'"{spoilt}"' if spoilt[0] == "\\" else spoilt)
    (copied / "results.json").write_text(text)
    (copied / "run.json").write_text('{"format": 1, "study": "s"}')
    for verb in (("publish", copied, "--out", tmp_path / "out"), ("report", copied)):
        code, said, _ = remnant(*verb)
        assert code == 2 and len(said) == 1 and told in said[0], said
    assert not (tmp_path / "out").exists()


def test_the_smallest_cell_is_asked_for_by_name(run, tmp_path, remnant):
    copied = shutil.copytree(run, tmp_path / "run")
    (copied / "run.json").write_text('{"format": 1, "study": "s"}')
    assert remnant("publish", copied, "--out", tmp_path / "out", "--min-cell", 25)[0] == 2
    assert remnant("publish", copied, "--out", tmp_path / "out", "--min-cell", 0)[0] == 2
    assert not (tmp_path / "out").exists()
    assert remnant("publish", copied, "--out", tmp_path / "out")[::2] == (0, str(tmp_path / "out" / "README.md"))


def test_what_is_published_without_a_conclusion_says_so_before_its_numbers(tmp_path):
    run = write_run(tmp_path / "run")
    results = Results.read(run / "results.json")
    reasons = ["The preset 'smoke' shows nothing.", "There were only 6 members."]
    notes = {"no_conclusion": reasons, "notices": ["All patients are phantoms."]}
    results.model_copy(update=notes).write(run / "results.json")
    publish(run, tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    places = [
        readme.index(text) for text in ("All patients are phantoms.", "**No conclusion.**", "Measured all the same: **")
    ]
    assert places == sorted(places) and "- The preset 'smoke' shows nothing." in readme
    assert "6 members" not in readme and "- A group had fewer than 10 patients." in readme


def test_why_there_is_no_conclusion_is_published_once(tmp_path):
    run = write_run(tmp_path / "run")
    results = Results.read(run / "results.json")
    reason = "It cannot be told."
    notes = {"no_conclusion": [reason], "headline": reason, "findings": [reason, "This is no clearance."]}
    results.model_copy(update=notes).write(run / "results.json")
    publish(run, tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    assert readme.count(reason) == 1 and "- This is no clearance." in readme


def test_what_is_left_open_beside_a_verdict_is_published_with_it(tmp_path):
    run = write_run(tmp_path / "run")
    results = Results.read(run / "results.json")
    notes = {"left_open": ["No conclusion about ViT.", "There were only 6 members."]}
    results.model_copy(update=notes).write(run / "results.json")
    publish(run, tmp_path / "out")
    readme = (tmp_path / "out" / "README.md").read_text()
    assert readme.index("24 of 24 members") < readme.index("**No conclusion about ViT.**\n\n- A group had fewer")
    assert "6 members" not in readme and "Measured all the same" not in readme
