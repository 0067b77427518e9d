"""The page in a real browser, cut off from the network: desktop, phone, print."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from tests.report.browser import chromium, font_sizes
from tests.report.example import write_run

from remnant.report.page import make_report

pytestmark = pytest.mark.slow

PHONE, LAPTOP, DESKTOP = 390, 1200, 1400
# The page in a frame of the phone's width: headless Chromium makes no window that narrow.
FRAME = """<!DOCTYPE html><meta charset="utf-8">
<style>body {{ margin: 0 }} iframe {{ border: 0; display: block }}</style>
<iframe width="{width}" height="{height}" srcdoc="{page}"></iframe>
<script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument;
  const width = page.documentElement.clientWidth;
  const out = [...page.querySelectorAll("body *")].filter(
    (e) => !e.closest(".scroll > *") && e.getBoundingClientRect().right > width + 1);
  const clipped = [...page.querySelectorAll("h1, h2, h3, p, li, dd, dt")].filter(
    (e) => e.scrollWidth > e.clientWidth + 1);
  const name = (e) => e.tagName + "." + e.getAttribute("class") + " " + e.textContent.trim().slice(0, 40);
  const found = {{ width, scroll: page.documentElement.scrollWidth,
    out: out.map(name), clipped: clipped.map(name),
    tables: page.querySelectorAll("table").length,
    cut: [...page.querySelectorAll(".scroll > table")].filter((e) => e.scrollWidth > e.parentElement.clientWidth + 1).length,
    charts: page.querySelectorAll("svg text").length }};
  const line = document.createElement("pre");
  line.textContent = "FOUND" + JSON.stringify(found) + "END";
  document.body.append(line);
}};
</script>"""


@pytest.fixture(scope="module", params=[False, True], ids=["without images", "with images"])
def page(request, tmp_path_factory) -> Path:
    run = write_run(tmp_path_factory.mktemp("browser") / "run", private=True)
    return make_report(run, show_images=request.param)


@pytest.mark.parametrize("width", [PHONE, 768, DESKTOP])
def test_the_page_fits_the_window(page, tmp_path, width):
    framed = FRAME.format(width=width, height=900, page=html.escape(page.read_text(encoding="utf-8")))
    (tmp_path / "frame.html").write_text(framed, encoding="utf-8")
    done = chromium(tmp_path, "--window-size=1600,1000", "--dump-dom", (tmp_path / "frame.html").as_uri())
    found = json.loads(html.unescape(re.search(r"<pre>FOUND(.*)END</pre>", done.stdout, re.DOTALL)[1]))
    assert found["width"] == width
    assert found["scroll"] <= width
    assert found["out"] == []
    assert found["clipped"] == []
    assert found["tables"] == 6
    assert found["charts"] > 100


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_page_is_drawn(page, tmp_path, width):
    framed = FRAME.format(width=width, height=6000, page=html.escape(page.read_text(encoding="utf-8")))
    (tmp_path / "frame.html").write_text(framed, encoding="utf-8")
    shot = tmp_path / "shot.png"
    chromium(tmp_path, "--window-size=1500,6000", f"--screenshot={shot}", (tmp_path / "frame.html").as_uri())
    pixels = imread(shot)[:, :width, :3]
    bands = np.array_split(pixels, 12)
    assert all(band.std() > 0.02 for band in bands)  # no stretch of the page is blank
    colors = np.unique((pixels[::4, ::4].reshape(-1, 3) * 15).astype(int), axis=0)
    assert len(colors) > 30


def test_the_page_prints(page, tmp_path):
    pdf = tmp_path / "report.pdf"
    chromium(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri())
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF")
    sheets = len(re.findall(rb"/Type\s*/Page\b", data))
    assert 6 <= sheets <= 16
    boxes = set(re.findall(rb"/MediaBox\s*\[([^\]]*)\]", data))
    sizes = {tuple(round(float(side)) for side in box.split()) for box in boxes}
    assert (0, 0, 595, 842) in sizes and sizes <= {(0, 0, 595, 842), (0, 0, 842, 595)}  # A4, wide tables across


def _with_more_columns(run: Path, number: int) -> Path:
    """The report of the run with so many columns of intervals more in its first table."""
    results = json.loads((run / "results.json").read_text())
    (section, *_) = [section for section in results["sections"] if section["table"]]
    rows = results["tables"][section["table"]["name"]]
    for place in range(number):
        section["table"]["columns"][f"more_{place}"] = f"A long heading, the {place}th of many"
        for row in rows:
            row[f"more_{place}"] = "0.52 [0.41, 0.63]"
    (run / "results.json").write_text(json.dumps(results))
    return make_report(run)


@pytest.mark.parametrize("width", [LAPTOP, DESKTOP, 1440])
def test_a_table_of_thirteen_columns_is_read_without_scrolling(tmp_path, width):
    run = write_run(tmp_path / "run", private=False)
    page = _with_more_columns(run, 2).read_text(encoding="utf-8")
    framed = FRAME.format(width=width, height=900, page=html.escape(page))
    (tmp_path / "frame.html").write_text(framed, encoding="utf-8")
    done = chromium(tmp_path, "--window-size=1600,1000", "--dump-dom", (tmp_path / "frame.html").as_uri())
    found = json.loads(html.unescape(re.search(r"<pre>FOUND(.*)END</pre>", done.stdout, re.DOTALL)[1]))
    assert found["tables"] == 6 and found["cut"] == 0


def test_print_is_legible_whatever_is_in_the_tables(tmp_path):
    """A table wider than its page makes the browser shrink every page."""
    run = write_run(tmp_path / "run", private=False)
    page = _with_more_columns(run, 8)
    pdf = tmp_path / "report.pdf"
    chromium(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri())
    points = font_sizes(pdf)
    assert sum(count for size, count in points.items() if size < 7) < 0.02 * points.total()  # powers at axes
    assert points[9.8] > 1000 and points[8.0] > 1000  # text and tables, as the style sheet has them


def test_the_console_is_watched(tmp_path):
    """The check above is worth nothing unless the browser does tell of a refused load."""
    (tmp_path / "bad.html").write_text(
        """<meta http-equiv="Content-Security-Policy" content="default-src 'none'"><img src="http://x.invalid/a.png">"""
    )
    with pytest.raises(AssertionError, match="CONSOLE"):
        chromium(tmp_path, "--dump-dom", (tmp_path / "bad.html").as_uri())
