"""The README of the results says what its files say, and nothing that was typed."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

from remnant.base.errors import RemnantError
from remnant.base.texts import p_said
from remnant.report.disclosure import PERSON

RESULTS = Path(__file__).parents[1] / "docs" / "results"


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_readme", RESULTS / "make_readme.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path) -> Path:
    """A page of one number, and its file."""
    rows = [{"network": "unet", "auc": 0.891, "auc_low": 0.8, "auc_high": None}, {"network": "segnet", "auc": 0.5}]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text(json.dumps({"tables": {"leak": rows}}), "utf-8")
    (tmp_path / "README.md.jinja").write_text('AUC {{ results("run").one("leak", network="unet").auc|decimals }}\n')
    return tmp_path


def test_readme_says_what_the_committed_files_say(maker):
    """If this fails: `python docs/results/make_readme.py --check` prints where."""
    assert maker.readme() == (RESULTS / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", sorted(RESULTS.glob("*/README.md")), ids=lambda page: page.parent.name)
def test_a_page_promises_rows_a_patient_where_its_file_has_them(page):
    tables = json.loads((page.parent / "results.json").read_text("utf-8"))["tables"]
    has = any(row.keys() & PERSON for rows in tables.values() for row in rows)
    assert ("a row a patient by pseudonym" in page.read_text("utf-8")) == has


def test_check_fails_on_a_changed_number_and_shows_it(maker, folder, capsys):
    assert maker.main([], folder) == 0
    assert (folder / "README.md").read_text() == "AUC 0.89\n"
    assert maker.main(["--check"], folder) == 0
    results = folder / "run" / "results.json"
    results.write_text(results.read_text().replace("0.891", "0.872"))
    assert maker.main(["--check"], folder) == 1
    assert "-AUC 0.89\n+AUC 0.87\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "typed",
    [
        "The AUC is 0.89.",
        "It identifies five of them.",
        "A [table of 24](subbanna2021/) says so.",
        "A table says `0.89`.",
        "{{ 0.89 }}",
        '{{ "0.89" }}',
        "{% set x = 0.89 %}{{ x }}",
    ],
)
def test_a_typed_number_is_refused(maker, folder, capsys, typed):
    with (folder / "README.md.jinja").open("a") as template:
        template.write(typed)
    assert maker.main([], folder) == 2
    assert re.search("typed|constant", capsys.readouterr().err)
    assert not (folder / "README.md").exists()


@pytest.mark.parametrize(
    "allowed",
    ['lambda {{ fixed("1") }}', "T1 of `run --size 64`", "[page2](page2/)", "{# 24 of 24 #}"],
)
def test_names_code_addresses_and_settings_may_hold_digits(maker, folder, allowed):
    with (folder / "README.md.jinja").open("a") as template:
        template.write(allowed)
    assert maker.main([], folder) == 0


@pytest.mark.parametrize(
    "asked",
    [
        'one("leak")',  # two rows
        'one("leak", network="vgg")',  # none
        'one("leak", netwrok="unet")',
        'one("identification")',
        'one("leak", network="unet").auc_high|decimals',  # empty
        'one("leak", network="unet").auc|count',  # no count
    ],
)
def test_exactly_one_row_and_a_number_in_it_are_asked_for(maker, folder, asked):
    (folder / "README.md.jinja").write_text('{{ results("run").' + asked + " }}")
    with pytest.raises(RemnantError):
        maker.readme(folder)


def test_a_claim_in_words_holds_or_fails(maker, folder):
    claim = '{% set run = results("run") %}{% set _ = holds(run.one("leak", network="unet").auc > 0.5) %}'
    (folder / "README.md.jinja").write_text(claim)
    assert maker.readme(folder) == ""
    (folder / "README.md.jinja").write_text(claim.replace(">", "<"))
    with pytest.raises(RemnantError, match="no longer"):
        maker.readme(folder)


def test_p_values_are_said_as_in_reports(maker):
    for p in (0.000411, 0.0064, 0.013995, 0.0207, 0.372, 1.0):
        for bound in (False, True):
            assert maker.p_value({"holm_p": p, "holm_p_bound": bound}) == p_said(p, bound=bound)
            assert maker.p_value({"p": p}, "p", at_most=bound) == p_said(p, bound=bound)


def test_sentences_are_short():
    """One sentence a line, of at most 30 words, outside tables and lists."""
    lines = (RESULTS / "README.md").read_text("utf-8").splitlines()
    assert not [line for line in lines if line[:1] not in "|-" and len(re.findall(r"[A-Za-z]\S*", line)) > 30]
