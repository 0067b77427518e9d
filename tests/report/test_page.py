import re
from html.parser import HTMLParser

import pytest
from markupsafe import escape
from tests.report.example import COMMAND, example_results, write_run

from remnant.base.errors import RemnantError
from remnant.base.results import FigureView, Results, Section
from remnant.report.page import make_report

NASTY = "<script>alert('x')</script> <img src=x onerror=alert(1)>"


class _Tags(HTMLParser):
    """Every tag with its attributes; ids, and whether each tag that is opened is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _page(run) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def _plain(run, **changes) -> Results:
    """Write the run's results without figures, which keeps a test quick; return them."""
    results = example_results().model_copy(update={"sections": []} | changes)
    run.mkdir(exist_ok=True)
    results.write(run / "results.json")
    return results


def test_the_page_holds_every_part_in_order(reported):
    page, results = _page(reported), example_results()
    parts = [
        results.headline,
        *(text for tile in results.highlights for text in (tile.value, tile.label, tile.note)),
        "This report shows no patient image",
        "What this means",
        results.findings[0],
        "Threat model",
        results.threat_model[0],
        "What was attacked, with what",
        results.attacked[0],
        *(section.title for section in results.sections),
        "Most exposed patients",
        "What was not tested",
        results.not_tested[0],
        "How it was measured",
        results.measures["ssim"],
        "Settings and provenance",
        COMMAND,
        "Example CPU at 2.5 GHz",
        "decoder.epochs",
        results.checkpoints["unet-fold0"],
    ]
    body = page[page.index("<body>") :].replace("&#39;", "'")
    nav = body[body.index("<nav") : body.index("</nav>")]
    body = body.replace(nav, "")
    places = [body.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_the_page_is_whole(reported):
    tags = _Tags(_page(reported))
    assert tags.open == []
    ids = [attrs["id"] for _, attrs in tags.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for tag, attrs in tags.seen if tag == "a"]
    assert len(links) == 14
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_nothing_is_loaded_from_anywhere(reported):
    page = _page(reported)
    for tag, attrs in _Tags(page).seen:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base"}
        for name in ("src", "href", "srcset", "action", "data", "poster", "background"):
            assert (attrs.get(name) or "#").startswith(("#", "data:image/png;base64,"))
        assert not any(name.startswith("on") for name in attrs)
    assert "://" not in page
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    assert "default-src 'none'" in page


def test_figures_are_in_the_page_and_beside_it_with_their_captions_as_text(reported):
    page, results = _page(reported), example_results()
    public = [view for section in results.sections for view in section.figures if not view.private]
    assert sorted(path.name for path in (reported / "figures").iterdir()) == sorted(f"{v.name}.svg" for v in public)
    labels = [attrs["aria-label"] for tag, attrs in _Tags(page).seen if tag == "svg"]
    assert labels == [view.caption for view in public]
    assert re.findall(r"<figcaption><b>Figure (\d)\.", page) == ["1", "2", "3", "4", "5"]


def test_tables_hold_the_numbers_of_the_results(reported):
    page = _page(reported)
    row = next(r for r in example_results().tables["identification"] if r["decoder"] == "published")
    assert f'<td class="num">{row["rank1_count"]}/24</td>' in page
    assert re.findall(r'"caption" id="table-(\d)"', page) == ["1", "2", "3", "4", "5", "6"]
    assert "P17" in page


def test_no_patient_image_unless_asked(reported):
    page = _page(reported)
    assert "This report shows no patient image and no reconstruction." in page
    assert not [tag for tag, _ in _Tags(page).seen if tag in {"img", "image"}]
    assert "reconstructions.png" not in page
    assert not (reported / "private" / "figures").exists()
    assert not list((reported / "figures").glob("reconstructions*"))


def test_shown_images_stay_in_the_private_folder_and_the_page_warns(tmp_path):
    run = write_run(tmp_path / "run", private=True)
    path = make_report(run, show_images=True)
    assert path == run / "private" / "report.html"
    page = path.read_text(encoding="utf-8")
    images = [attrs for tag, attrs in _Tags(page).seen if tag == "img"]
    assert [image["src"].split(",")[0] for image in images] == ["data:image/png;base64"]
    assert images[0]["alt"] == "Original and reconstruction of the best, the median and the worst patient."
    assert "This report shows images of patients." in page
    assert "shows no patient image" not in page
    assert [p.name for p in (run / "private" / "figures").iterdir()] == ["reconstructions.png"]
    assert not (run / "report.html").exists()
    assert all(p.suffix == ".svg" for p in (run / "figures").iterdir())


def test_images_that_were_not_kept_cannot_be_shown(tmp_path):
    _plain(tmp_path / "run", sections=[_private_section()])
    with pytest.raises(RemnantError, match="--keep-reconstructions"):
        make_report(tmp_path / "run", show_images=True)
    assert not list((tmp_path / "run").rglob("*.html"))


def test_a_run_without_such_a_figure_says_so(tmp_path):
    _plain(tmp_path / "run")
    with pytest.raises(RemnantError, match="no figure with patient images"):
        make_report(tmp_path / "run", show_images=True)


def _private_section(**changes) -> Section:
    view = {"name": "r", "kind": "reconstructions", "private": True} | changes
    return Section(title="R", figures=[FigureView(**view)])


def test_the_same_run_gives_the_same_page(reported):
    before = {path: path.read_bytes() for path in reported.rglob("*") if path.is_file()}
    make_report(reported)
    assert {path: path.read_bytes() for path in reported.rglob("*") if path.is_file()} == before


def test_what_a_user_wrote_is_escaped_everywhere(tmp_path):
    run = tmp_path / "run"
    tables = {
        "exposed": [row | {"pseudonym": NASTY, "network": NASTY} for row in example_results().tables["exposed"][:1]],
        "leak": [
            {
                "network": NASTY,
                "decoder": "d",
                "metric": "m",
                "statistic": "own",
                "difference": 0.1,
                "low": 0.0,
                "high": 0.2,
            }
        ],
    }
    _plain(
        run,
        title=NASTY,
        command=NASTY,
        headline=NASTY,
        started=NASTY,
        findings=[f"`{NASTY}`"],
        threat_model=[NASTY],
        attacked=[NASTY],
        not_tested=[NASTY],
        measures={NASTY: NASTY},
        hardware={NASTY: NASTY},
        versions={"remnant": NASTY},
        checkpoints={NASTY: NASTY},
        settings={NASTY: [NASTY]},
        tables=tables,
        sections=[
            Section(
                title=NASTY,
                text=[NASTY],
                figures=[FigureView(name="leak", kind="leak_forest", caption='" onload="alert(1)' + NASTY)],
            )
        ],
    )
    make_report(run)
    tags = _Tags(_page(run))
    assert not {"script", "img"} & {tag for tag, _ in tags.seen}
    assert not [name for _, attrs in tags.seen for name in attrs if name.startswith("on")]
    assert _page(run).count("&lt;script&gt;") >= 20


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (Section(title="x", figures=[FigureView(name="a", kind="pie")]), "unknown kind 'pie'; the kinds are"),
        (_private_section(private=False), "must have private=True"),
        (
            Section(title="x", figures=[FigureView(name="a", kind="leak_forest", where={"network": "vgg"})]),
            "nothing to show",
        ),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_named(tmp_path, section, told):
    _plain(tmp_path / "run", sections=[section])
    with pytest.raises(RemnantError, match=told):
        make_report(tmp_path / "run")


def test_a_column_that_a_figure_misses_is_named(tmp_path):
    section = Section(title="x", figures=[FigureView(name="a", kind="leak_forest")])
    _plain(tmp_path / "run", sections=[section], tables={"leak": [{"network": "unet"}]})
    with pytest.raises(RemnantError, match="needs the column 'metric' of the table 'leak'"):
        make_report(tmp_path / "run")


def test_a_run_without_results_says_so(tmp_path):
    with pytest.raises(RemnantError, match=r"results\.json does not exist"):
        make_report(tmp_path)


def test_a_run_without_a_conclusion_is_no_verdict_and_has_another_colour(tmp_path):
    reason = "There were only 6 members."
    results = _plain(tmp_path / "run", no_conclusion=[reason], notices=["All patients are phantoms."])
    make_report(tmp_path / "run")
    page = _page(tmp_path / "run")
    assert '<div class="banner none">' in page and '<p class="eyebrow">Verdict</p>' not in page
    assert page.index("All patients are phantoms.") < page.index("No conclusion</p>") < page.index(reason)
    # What was measured stands below, and is not called a verdict or a meaning.
    assert page.index(reason) < page.index(str(escape(results.headline))) and "What this means" not in page
    _plain(tmp_path / "other")
    make_report(tmp_path / "other")
    assert '<div class="banner">' in _page(tmp_path / "other") and "No conclusion" not in _page(tmp_path / "other")


def test_why_there_is_no_conclusion_is_said_once(tmp_path):
    reason = "Whether its own output gives the patients away cannot be told."
    _plain(tmp_path / "run", no_conclusion=[reason], headline=reason, findings=[reason, "This is no clearance."])
    make_report(tmp_path / "run")
    page = _page(tmp_path / "run")
    assert page.count(reason) == 1 and "What was measured all the same" not in page
    assert '<p class="lead">This is no clearance.</p>' in page


def test_a_verdict_on_some_targets_says_which_others_it_leaves_open(tmp_path):
    results = _plain(tmp_path / "run", left_open=["No conclusion about ViT.", "There were only 6 members."])
    make_report(tmp_path / "run")
    page = _page(tmp_path / "run")
    assert '<p class="eyebrow">Verdict</p>' in page and "What this means" in page
    assert (
        page.index(str(escape(results.headline)))
        < page.index("<b>No conclusion about ViT.</b>")
        < page.index("<li>There were only 6 members.</li>")
        < page.index("What this means")
    )


def test_the_first_line_says_what_kind_of_work_it_is(tmp_path):
    _plain(tmp_path / "run", subject="Study of networks that Remnant trained itself")
    make_report(tmp_path / "run")
    page = _page(tmp_path / "run")
    assert "<b>Remnant</b> Study of networks that Remnant trained itself" in page
    assert "audit of a medical-imaging model" not in page
