"""What may leave the house: a run's numbers, tables and figures, without a patient's image or the key to pseudonyms."""

import shutil
from pathlib import Path

from remnant.base.files import write_text
from remnant.base.results import Results
from remnant.report.page import make_report
from remnant.report.tables import write_tables


def publish(run: Path, out: Path) -> list[Path]:
    """Write results.json, the tables as Markdown, the figures and a README with the command into `out`.

    Raises `RemnantError` when the run is not finished. Returns the paths.
    """
    run, out = Path(run), Path(out)
    results = Results.read(run / "results.json")
    make_report(run)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    paths = [out / "results.json"]
    shutil.copyfile(run / "results.json", paths[0])
    figures = [figure for section in results.sections for figure in section.figures if not figure.private]
    for figure in figures:
        paths.append(out / "figures" / f"{figure.name}.svg")
        shutil.copyfile(run / "figures" / paths[-1].name, paths[-1])
    tables = write_tables(out, results)
    readme = out / "README.md"
    write_text(readme, _readme(results, [path.name for path in tables], [(f.name, f.caption) for f in figures]))
    return [*paths, *tables, readme]


def _readme(results: Results, tables: list[str], figures: list[tuple[str, str]]) -> str:
    hardware, versions = results.hardware, results.versions
    worked = f" of which {results.cpu_seconds / 60:.0f} minutes of one core were work," if results.cpu_seconds else ""
    lines = [
        f"# {results.title}",
        "",
        f"**{results.headline}**",
        "",
        *(f"- {finding}" for finding in results.findings),
        "",
        "```bash",
        results.command,
        "```",
        "",
        f"{results.patients} patients, {results.scans} scans, seed {results.seed}, {results.seconds / 60:.0f} minutes on "
        f"{hardware.get('cores')} cores ({hardware.get('cpu')}),{worked} commit {versions.get('commit')}, started "
        f"{results.started}.",
        "",
        "Tables: " + ", ".join(f"[{name}]({name})" for name in tables) + ". All numbers, and "
        "a row a patient by pseudonym: [results.json](results.json).",
        "",
    ]
    for name, caption in figures:
        lines += [f"![{caption}](figures/{name}.svg)", "", caption, ""]
    return "\n".join(lines)
