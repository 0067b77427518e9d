"""What the documents say is so: links lead somewhere, commands exist, the example attack runs."""

import contextlib
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
import torch
import typer
import typer.main
import yaml
from tests.manual import MANUAL, ROOT, blocks, commands

from remnant.attacks.checkpoint.audited import LISTED
from remnant.attacks.decoder import DECODERS, Decoder, reconstruct
from remnant.audit.config import About
from remnant.audit.verdict.appetite import REIDENTIFICATION, Appetite
from remnant.audit.verdict.scenario import RECIPIENTS
from remnant.base.files import read_json
from remnant.base.seeds import Seeds
from remnant.cli import app
from remnant.cli.verdict import EXIT_CODES, FAULT
from remnant.nets.encoder import Encoder
from remnant.targets.access import Latents, encode

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMAND_PAGES = [*PAGES, ROOT / "Makefile"]


def anchors(page: Path) -> set[str]:
    """The anchors that a reader's tool makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links {link}, which does not exist"
        assert not anchor or anchor in anchors(target), f"{page.name} links {link}, which has no such heading"


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_parse(page, monkeypatch):
    written = commands(page)
    # Data and runs of a reader, who has them where we have not.
    monkeypatch.setattr(Path, "exists", lambda path, **how: True)
    for words in written:
        command, rest = typer.main.get_command(app), list(words)
        # Of a group an option may do, as one that lists.
        while hasattr(command, "commands") and not (rest and rest[0].startswith("--")):
            assert rest and rest[0] in command.commands, f"{page.name}: remnant has no {' '.join(words)}"
            command = command.commands[rest.pop(0)]
        # Parses and converts every value, and runs nothing; a wrong option or value raises.
        # What only lists has listed, and ends.
        with contextlib.suppress(typer.Exit):
            command.make_context(" ".join(words), rest)


def test_the_manual_and_the_makefile_show_every_command():
    assert {words[0] for page in MANUAL for words in commands(page)} == {
        "attack",
        "audit",
        "study",
        "report",
        "publish",
        "purge",
        "phantom",
        "cohort",
        "inspect",
        "prior",
        "protect",
        "rescore",
        "compare",
        "mitigate",
        "matrix",
        "serve",
        "server",
        "client",
    }
    assert [words[0] for words in commands(ROOT / "Makefile")] == ["phantom", "audit"]


def test_every_option_named_in_the_manual_exists():
    def options(command):
        own = {name for parameter in command.params for name in getattr(parameter, "opts", [])}
        return own.union(*(options(below) for below in getattr(command, "commands", {}).values()))

    named = {name for page in MANUAL for name in re.findall(r"`(--[a-z-]+)", page.read_text("utf-8"))}
    assert named - options(typer.main.get_command(app)) - {"--help"} == set()


def test_every_list_that_a_part_is_added_to_is_where_the_manual_has_it():
    text = (ROOT / "docs" / "extending.md").read_text("utf-8").partition("## An attack")[0]
    lists = re.findall(r"`([A-Z]+)` in `(src/[\w/]+\.py)`", text)
    assert len(lists) >= 13
    for name, path in lists:
        assert re.search(rf"^{name}\b.* = ", (ROOT / path).read_text("utf-8"), re.MULTILINE), f"{path} has no {name}"


def test_example_attack_returns_the_scan_it_knows():
    attack, line = blocks(ROOT / "docs" / "extending.md", "python")
    names = {"DECODERS": dict(DECODERS), "Decoder": Decoder}
    exec(attack, names)
    exec(line, names)
    nearest = names["DECODERS"]["nearest"]

    own = torch.rand(4, 1, 16, 16, 16, generator=Seeds(0).torch())
    encoder = Encoder((2, 4)).eval()
    access = Latents(encoder, encode(encoder, own[[2, 0]]))
    decoder = nearest.train(access, own, nearest.settings(), Seeds(0), lambda epoch, loss, validation: None)
    assert torch.equal(reconstruct(decoder, access.latents), own[[2, 0]])
    again = nearest.network(**nearest.arguments(nearest.settings(), decoder))
    again.load_state_dict(decoder.state_dict())
    assert torch.equal(reconstruct(again, access.latents), own[[2, 0]])


def test_defences_are_asked_for_as_it_is_shown(capsys):
    (example,) = blocks(ROOT / "docs" / "defences.md", "python")
    exec(example, {})
    assert capsys.readouterr().out.splitlines() == [
        "['mixup', 'early_stopping']",
        "the network stores no statistics of BatchNorm",
    ]


def test_the_audit_from_python_runs_as_it_is_shown(capsys, monkeypatch):
    (example,) = blocks(ROOT / "docs" / "audit.md", "python")
    # As in a terminal of the usual width, where pandas leaves out the columns that do not fit.
    monkeypatch.setenv("COLUMNS", "80")
    with pd.option_context("display.max_columns", 0, "display.width", 80):
        exec(example, {})
    said = capsys.readouterr().out
    ruling, *_, page = said.split()
    assert ruling in EXIT_CODES or ruling == "cannot"
    assert page.endswith("report.html") and "..." not in said


def test_the_manual_of_the_audit_says_every_exit_code_limit_scenario_and_drawing_attack():
    text = (ROOT / "docs" / "audit.md").read_text("utf-8")
    rows = {int(code): means for code, means in re.findall(r"^\| (\d+) \| (.+) \|$", text, flags=re.MULTILINE)}
    assert {code: rows[code] for code in EXIT_CODES.values()} == {
        0: "within the risk appetite",
        1: "outside",
        3: "cannot tell",
    }
    assert {2, 130, FAULT} <= rows.keys()
    keys = {*re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)}
    told = {*RECIPIENTS, *Appetite.model_fields, *About.model_fields, *(attack.name for attack in LISTED)}
    assert keys == told - {"release"}
    assert all(f"({share:g}: " in text for share, _ in REIDENTIFICATION.values())


def test_simulated_attacks_are_told_as_they_were_measured():
    measured = read_json(ROOT / "docs" / "results" / "membership" / "simulated.json")["tables"]["simulated"]
    page = (ROOT / "docs" / "numbers.md").read_text("utf-8")
    head, rows = re.search(r"^\| the model \| shadow models \|(.*) \|\n\|[-:|]*\n((?:\|.*\n)+)", page, re.M).groups()
    known = {(row["model"], row["shadow_models"]): row for row in measured}
    for line in rows.splitlines():
        model, count, *found = (cell.strip() for cell in line.strip("|").split("|"))
        row = known[model, int(count)]
        assert found == [f"{row[name.strip()]['auc']:.2f}" for name in head.split("|")]
    assert len(rows.splitlines()) == 7


def test_the_workflow_of_a_release_is_sound():
    (text,) = blocks(ROOT / "docs" / "audit.md", "yaml")
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["publish"]["needs"] == "audit"
    (command,) = (step["run"] for step in jobs["audit"]["steps"] if "remnant audit" in step.get("run", ""))
    # A name that nobody registered may be anybody's package, and a job that runs again finds its first run directory.
    assert "pip install remnant" not in text and "${{ github.run_attempt }}" in command
    words = shlex.split(command.replace("${{ github.ref_name }}-${{ github.run_attempt }}", "v1-1"))
    typer.main.get_command(app).commands["audit"].make_context("audit", words[2:])


def test_pinned_versions_name_no_place():
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", line), f"constraints.txt: {line}"
