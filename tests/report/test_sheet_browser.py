"""The decision sheet and the evidence in a real browser: one A4 page to sign, legible, in colours that can be read."""

import html
import json
import re
import shutil
from pathlib import Path

import pytest
from pypdf import PdfReader
from tests.report.browser import chromium, font_sizes, printed
from tests.report.example_audit import LONG, WORDLESS, audit_results, crowded
from tests.report.test_browser import FRAME, LAPTOP, PHONE

from remnant.report.audit import make_audit_report

pytestmark = pytest.mark.slow
PUBLISHED = Path(__file__).parents[2] / "docs" / "results" / "audit"

RESULTS = {
    "within": lambda: audit_results("within"),
    "cannot tell": lambda: audit_results("cannot tell"),
    "long": lambda: crowded(LONG),
    "wordless": lambda: crowded(WORDLESS),
}
# Every element with text of its own: its contrast by WCAG 2.2 against the nearest background, and what it is.
CONTRASTS = """<script>onload = () => {
  const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const parts = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0.5) return c.slice(0, 3); } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("svg, script") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(parts(getComputedStyle(e).color).slice(0, 3)), light(behind(e))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.className + " " + e.textContent.trim().slice(0, 30)]);
  }
  const keys = [...document.querySelectorAll("a[href], [tabindex]")].filter((e) => { e.focus(); const s = getComputedStyle(e);
    return document.activeElement === e && s.outlineStyle !== "none"; }).length;
  const line = document.createElement("pre");
  line.textContent = "FOUND" + JSON.stringify({ found, keys,
    links: document.querySelectorAll("a[href], [tabindex]").length }) + "END";
  document.body.append(line); };</script>"""


@pytest.fixture(scope="module", params=list(RESULTS))
def page(request, tmp_path_factory):
    run = tmp_path_factory.mktemp("audit")
    RESULTS[request.param]().write(run / "results.json")
    return make_audit_report(run)


def _seen(page, tmp_path, width, text):
    (tmp_path / "frame.html").write_text(text, encoding="utf-8")
    done = chromium(tmp_path, f"--window-size={width},1000", "--dump-dom", (tmp_path / "frame.html").as_uri())
    return json.loads(html.unescape(re.search(r"<pre>FOUND(.*)END</pre>", done.stdout, re.DOTALL)[1]))


def test_page_one_is_the_whole_sheet_and_legible(page, tmp_path):
    pdf = printed(page, tmp_path)
    first, second, *_ = PdfReader(pdf).pages
    assert tuple(round(float(side)) for side in first.mediabox[2:]) == (595, 842)  # A4
    text = first.extract_text()
    for part in (
        "Decision sheet",
        "Decision support, not a determination.",
        "Criterion",
        "Singling out",
        "Inference",
        "Not tested",
        "Residual risk",
        "Contact",
        "Signature",
        "Audited by",
        "Decided by",
    ):
        assert part in text, part
    assert "0123456789abcdef" * 4 in re.sub(r"\s", "", text)
    assert re.match(r"2 / \d+\s+Contents", second.extract_text().strip())
    points = font_sizes(pdf, slice(1))
    assert min(points) >= 7 and points[8.2] > 100  # as the style sheet has it: the browser shrank nothing


def test_a_remark_of_two_lines_is_whole_in_print(tmp_path):
    remark = " ".join(f"word{place}" for place in range(30)) + " and its end."
    audit_results(notices=[remark]).write(tmp_path / "results.json")
    sheets = PdfReader(printed(make_audit_report(tmp_path), tmp_path)).pages
    assert "and its end." in re.sub(r"\s+", " ", sheets[0].extract_text())


def test_a_caption_stands_on_the_page_of_its_first_rows(tmp_path):
    shutil.copy(PUBLISHED / "monai_densenet121" / "results.json", tmp_path)
    sheets = [one.extract_text() for one in PdfReader(printed(make_audit_report(tmp_path), tmp_path)).pages]
    found = [(number, sheet) for sheet in sheets for number in re.findall(r"Table (\d+)\.", sheet)]
    assert len(found) > 3
    for number, sheet in found:
        below = sheet[sheet.index(f"Table {number}.") :]
        assert re.search(r"^ ?(Attack|Control|Defence|Trait) ", below, re.MULTILINE), number


def test_all_sheets_are_legible(page, tmp_path):
    points = font_sizes(printed(page, tmp_path))
    assert sum(count for size, count in points.items() if size < 7) < 0.02 * points.total()


@pytest.mark.parametrize("width", [PHONE, LAPTOP])
def test_the_page_fits_the_window(page, tmp_path, width):
    text = FRAME.format(width=width, height=900, page=html.escape(page.read_text(encoding="utf-8")))
    found = _seen(page, tmp_path, 1600, text)
    assert found["width"] == width and found["scroll"] <= width
    assert found["out"] == [] and found["clipped"] == []


def test_text_has_contrast_and_the_keyboard_reaches_every_link(page, tmp_path):
    text = page.read_text(encoding="utf-8")
    # The page forbids scripts; this copy has the one of the test.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace(
        "</body>", CONTRASTS + "</body>"
    )
    found = _seen(page, tmp_path, LAPTOP, text)
    assert len(found["found"]) > 100
    assert [one for one in found["found"] if one[0] < 4.5] == []
    assert found["keys"] == found["links"] > 10
