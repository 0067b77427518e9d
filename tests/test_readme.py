"""The README's example in Python runs as it stands there."""

import html
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_python_example_leaves_a_report(tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {"__name__": "__main__"})
    headline, report = capsys.readouterr().out.splitlines()
    assert "chance" in headline
    assert report == "runs/phantoms/report.html"
    assert headline in html.unescape((tmp_path / report).read_text("utf-8"))
