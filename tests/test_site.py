"""The site of the manual and the API: built without a warning, whole, and fetching nothing."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import remnant

ROOT = Path(__file__).parents[1]
API = sorted((ROOT / "docs" / "api").glob("*.md"))


class Fetched(HTMLParser):
    """`addresses` of all that a browser fetches for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}
        self.addresses += [value for name, value in attrs if value and name == of.get(tag)]


def shown(page: Path) -> list[str]:
    """The objects whose docstrings a page of the API shows."""
    return re.findall(r"^::: (\S+)$", page.read_text("utf-8"), flags=re.MULTILINE)


def test_the_api_shows_every_public_name_and_every_page_is_in_the_menu():
    names = {name.rpartition(".")[2] for page in API for name in shown(page)}
    assert {*remnant.__all__} - {"__version__"} <= names
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    menu = {*re.findall(r"^ +- .+: (\S+\.md)$", text, flags=re.MULTILINE)}
    docs = ROOT / "docs"
    assert menu == {str(page.relative_to(docs)) for page in [*docs.glob("*.md"), *API, docs / "results" / "README.md"]}


@pytest.mark.slow
def test_it_builds_without_a_warning_and_fetches_nothing(tmp_path):
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0 and "WARNING" not in build.stderr, build.stderr
    pages = [path for path in (tmp_path / "site").rglob("*.html") if "sample" not in path.parts]
    assert len(pages) > 100
    for page in pages:
        fetched = Fetched()
        fetched.feed(page.read_text("utf-8"))
        strange = [address for address in fetched.addresses if re.match(r"(\w+:)?//", address)]
        assert not strange, f"{page.name} fetches {strange}"
    api = (tmp_path / "site" / "api" / "python.html").read_text("utf-8")
    assert "it is left as it was" in api  # a docstring
    assert not list((tmp_path / "site").rglob("*.py"))
