"""Chromium, cut off from the network, and what it printed."""

import math
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from pypdf import PdfReader

OFFLINE = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
]


def chromium(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it; it must end well and say nothing on the console."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert browser, "this test needs Chromium: apt-get install chromium"
    done = subprocess.run(
        [browser, *OFFLINE, f"--user-data-dir={folder / 'profile'}", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not (errors := [line for line in done.stderr.splitlines() if "CONSOLE" in line]), errors
    return done


def printed(page: Path, folder: Path) -> Path:
    """The page as PDF."""
    pdf = folder / "page.pdf"
    chromium(folder, "--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri())
    return pdf


def font_sizes(pdf: Path, sheets: slice = slice(None)) -> Counter:
    """How many letters of each size, in points, stand on some sheets."""
    points: Counter = Counter()

    def seen(text, transformation, matrix, font, size):
        if not text.strip():
            return
        a, b = (matrix[0] * transformation[i] + matrix[1] * transformation[i + 2] for i in (0, 1))
        points[round(size * math.hypot(a, b), 1)] += len(text.strip())

    for sheet in PdfReader(pdf).pages[sheets]:
        sheet.extract_text(visitor_text=seen)
    return points
