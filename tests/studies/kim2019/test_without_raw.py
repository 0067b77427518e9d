"""One defence by itself: no raw scans to prove an adversary on."""

from tests.report.example import example_results
from tests.studies.kim2019.example import PERSON, scans, study

from remnant.base.results import Results
from remnant.base.seeds import Seeds
from remnant.report.page import make_report
from remnant.studies.kim2019 import page
from remnant.studies.kim2019.tables import make_tables


def test_a_defence_alone_is_reported_without_a_control(tmp_path):
    given = study({"deformation": PERSON["deformation"]})
    tables = make_tables(**given, seeds=Seeds(0))
    words = page.words(tables, given["variants"], page.attacked(tables, given["variants"], scans()))
    assert "did not prove themselves on raw scans" in words["headline"]
    assert any("no adversary has a control" in text for text in words["findings"])
    assert not any(text.startswith("Yardstick 1") for text in words["findings"])
    update = {"study": "kim2019", "tables": tables, **words}
    results = Results.model_validate(example_results().model_copy(update=update).model_dump())
    results.write(tmp_path / "results.json")
    assert "no control in this run" in make_report(tmp_path).read_text()
