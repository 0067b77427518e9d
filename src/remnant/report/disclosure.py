"""What of a run's results may be told outside: no row a patient, no count and no share of a few (statistical disclosure control).

Thresholds on cells, with the complement and whatever gives a withheld cell back, are those of Griffiths et al., "Handbook on
Statistical Disclosure Control for Outputs" (2019).
"""

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from remnant.base.errors import RemnantError
from remnant.base.results import Highlight, Results, Row, Section, Value, matching
from remnant.report.figures import FIGURES
from remnant.report.words import split

PERSON = {"pseudonym", "patient", "subject"}  # a table with one of these columns has a row a patient
GROUPS = {"patients", "members", "non_members", "n", "ages", "sexes"}  # how many patients a row speaks of
RANK1 = "rank1_count"
# Counts of patients with a trait, and which of a row's columns say of how many.
TRAITS = {"women": "patients", "men": "patients", "sex_right": "sex_known", "nearest_sex_right": "nearest_sex_known"}
TOTALS = re.compile(r"patients|members|non_members|images|scans|(?:.*_)?n|.*_known")
# Numbers between 0 and 1 that count nobody, though they may happen to be a share: settings, similarities, means of rates, AUC, p,
# and the ends of intervals, which go with their share.
NO_SHARE = re.compile(
    r"published|chance|level|at_|lambda|(?:.*_)?(?:auc|balanced|best|detectable|p|dice|ssim|ncc|mcc|loss|low|high)(?:_|$)"
)
EXACT = 1e-6  # how far from a whole number of patients a share that was not rounded may lie
CELLS = {"actual", "predicted"}  # what parts a table of counts into cells

_PEOPLE = r"(?:patients?|people|persons?|members?|non-members?|women|men|subjects?|scans?)\b"
_OF = re.compile(rf"(\d[\d,]*)(?: of (?:the )?|/)(\d[\d,]*)(?=[^.;]{{0,40}}?\b{_PEOPLE})", re.IGNORECASE)
_MANY = re.compile(rf"(?<![\d.,])(\d[\d,]*) (?:[a-z-]+ )?{_PEOPLE}|{_PEOPLE} than (\d+)", re.IGNORECASE)
_SHARE = re.compile(r"(?<![\d.,])(\d+(?:\.(\d+))?)\s?%")
_SIZE = re.compile(r"\bn\s?=\s?(\d[\d,]*)", re.IGNORECASE)
_PER_CENT_OF = re.compile(r"%\s+of\s+(?:the\s+|all\s+|these\s+)?(\d[\d,]*)", re.IGNORECASE)
_OF_PEOPLE = re.compile(rf"%\s+of\s+(?:the\s+|all\s+|these\s+)?(?:[a-z-]+\s+)?{_PEOPLE}", re.IGNORECASE)
# Percentages that count nobody: levels, chance, rates that were set, and the ends of an interval, which goes with its share.
_NO_SHARE = re.compile(
    r"\[[^\]]*\]|[\d.]+\s?% (?:CI|confidence|power|(?:confidence )?interval)(?: [−\d.]+\s?% to [−\d.]+\s?%)?"
    r"|chance[^,;()%]{0,20}%|\brate of [\d.]+\s?%|[\d.]+\s?% (?:FPR|false)",
    re.IGNORECASE,
)
_WORDS = re.compile(rf"\b(?:one|two|three|four|five|six|seven|eight|nine) of (?:the )?\w+ {_PEOPLE}", re.IGNORECASE)


@dataclass(frozen=True)
class Aggregate:
    """`results` without what is withheld; `left_out`: in words, each thing that is not among them."""

    results: Results
    left_out: tuple[str, ...]


def aggregate(results: Results, smallest: int) -> Aggregate:
    """The results as they may be told: groups of patients alone, none of them and no part of them fewer than `smallest`.

    Tables with a row a patient go, with the figures that draw a dot a patient. Of a row about fewer than `smallest` patients
    the values go. A count of fewer than `smallest`, or of all but fewer, becomes a bound ("<10", ">14"), and its share goes, as
    does, with its interval, any share that comes to such a count ("3.3%" of 60); of a frequency table with such a cell all
    cells go. Sentences with such a count or share go too, and the verdict keeps a bound. The report can be made of what is left.
    Raises `RemnantError` where the run has no group of that size.
    """
    _enough(results, smallest)
    personal = {name for name, rows in results.tables.items() if any(PERSON & row.keys() for row in rows)}
    personal |= {kind.table for kind in FIGURES.values() if kind.people and results.tables.get(kind.table)}
    where = {column for view in _views(results) for column in view}
    tables = {
        name: _cells([_row(row, smallest, where) for row in rows], smallest)
        for name, rows in results.tables.items()
        if name not in personal
    }
    left_out = [f"the table `{name}`, which has a row a patient" for name in sorted(personal)]
    # Whom "3% of the members" may mean, where no number stands beside it.
    sizes = {
        results.patients,
        *(
            row[name]
            for table in results.tables.values()
            for row in table
            for name in GROUPS
            if _is_count(row.get(name))
        ),
    }
    sections = []
    for section in results.sections:
        kept, gone = _section(section, results, tables, smallest, sizes)
        left_out += gone
        sections += [kept] if kept else []
    headline = _coarse(results.headline, smallest, sizes)
    if headline is None:
        headline = f"The verdict counts fewer than {smallest} patients and is not told outside."
        left_out.append("the verdict")
    findings = [text for text in results.findings if not counts_few(text, smallest, sizes)]
    highlights = [kept for one in results.highlights if (kept := _highlight(one, smallest, sizes))]
    for word, before, after in (
        ("findings", results.findings, findings),
        ("highlights", results.highlights, highlights),
    ):
        left_out += [f"{len(before) - len(after)} of {len(before)} {word}"] if len(after) < len(before) else []
    changed = {
        "tables": tables,
        "sections": sections,
        "headline": headline,
        **{
            name: [
                f"A group had fewer than {smallest} patients." if counts_few(reason, smallest, sizes) else reason
                for reason in getattr(results, name)
            ]
            for name in ("no_conclusion", "left_open")
        },
        "findings": findings,
        "highlights": highlights,
        "command": _without_folders(results.command),
        "settings": _settings(results.settings),
    }
    return Aggregate(results.model_copy(update=changed), tuple(left_out))


def counts_few(text: str, smallest: int, sizes: Collection[int] = ()) -> bool:
    """Whether a sentence counts fewer than `smallest` patients, or all of a group but fewer, as a number or as a percentage.

    `sizes`: of the groups that "3% of the members" may mean, where no number of patients stands beside it.
    """
    few = any(_small(_int(some), smallest, _int(total)) for some, total in _OF.findall(text))
    many = [_int(one or other) for one, other in _MANY.findall(text)]
    few = few or any(0 < count < smallest for count in many) or (smallest > 1 and bool(_WORDS.search(text)))
    return few or any(_shares_few(sentence, smallest, sizes) for sentence in re.split(r"(?<=[.;])\s", text))


def _shares_few(sentence: str, smallest: int, sizes: Collection[int]) -> bool:
    """Whether a percentage in it, of a number of patients in it or else of one of the `sizes`, is of few."""
    bare = _NO_SHARE.sub("", sentence)
    found = [*_OF.findall(bare), *_MANY.findall(bare)]
    totals = {_int(total or some) for some, total in found} | {_int(one) for one in _SIZE.findall(bare)}
    if re.search(rf"\b{_PEOPLE}", bare, re.IGNORECASE):
        totals |= {_int(one) for one in _PER_CENT_OF.findall(bare)}
    if not totals and _OF_PEOPLE.search(bare):
        totals = set(sizes)
    return _percentages_few(bare, smallest, totals)


def _percentages_few(text: str, smallest: int, totals: Collection[int]) -> bool:
    """Whether a percentage in `text`, of one of the `totals`, is of a count to be withheld."""
    return any(
        _share_small(float(value) / 100, 0.5 * 10 ** -(len(digits) + 2), total, smallest)
        for value, digits in _SHARE.findall(_NO_SHARE.sub("", text))
        for total in totals
    )


def _share_small(share: float, half: float, total: int, smallest: int) -> bool:
    """Whether a share of `total`, rounded to plus or minus `half`, is of a count to be withheld.

    A share that is so rounded that it may as well be nobody's or everybody's tells less than a bound.
    """
    least = math.ceil((share - half) * total - EXACT)
    most = math.floor((share + half) * total + EXACT)
    return 0 < least <= most < total and any(_small(count, smallest, total) for count in (least, most))


def _coarse(text: str, smallest: int, sizes: Collection[int]) -> str | None:
    """The text with "more than 14 of 24" in place of 23 and without shares in brackets; None where that does not do.

    A verdict is not left out for an attack that succeeded on nearly everybody.
    """
    if not counts_few(text, smallest, sizes):
        return text

    def bound(found: re.Match[str]) -> str:
        count, total = _int(found[1]), _int(found[2])
        if total < smallest or not _small(count, smallest, total):
            return found[0]
        return found[0].replace(found[1], _bound(count, smallest, total, "fewer than ", "more than "), 1)

    text = _OF.sub(bound, re.sub(r"\s*\([^()]*%[^()]*\)", "", text))
    # The bounds themselves are no counts.
    rest = re.sub(r"(?:fewer|more) than \d+(?: of (?:the )?|/)\d+", "", text)
    return None if counts_few(rest, smallest, sizes) or re.search(r"\d against", text) else text


def _bound(count: float, smallest: int, total: float, fewer: str = "<", more: str = ">") -> str:
    return f"{fewer}{smallest}" if count < smallest else f"{more}{total - smallest}"


def _highlight(one: Highlight, smallest: int, sizes: Collection[int]) -> Highlight | None:
    """The highlight, a count of it as a bound and then without its share."""
    if not counts_few(f"{one.value} {one.label} {one.note}", smallest, sizes):
        return one
    value = re.fullmatch(r"(\d+)/(\d+)", one.value)
    if not value or int(value[2]) < smallest or counts_few(one.label, smallest):
        return None
    bound = _bound(int(value[1]), smallest, int(value[2]))
    return Highlight(value=f"{bound}/{value[2]}", label=one.label)


def _int(text: str) -> int:
    return int(text.replace(",", ""))


def _small(count: float, smallest: int, total: float | None) -> bool:
    """Whether a cell is to be withheld: it, its complement, or the group that it is a part of."""
    parts = [count] if total is None else [count, total - count, total]
    return any(0 < part < smallest for part in parts)


def _enough(results: Results, smallest: int) -> None:
    rows = [row for table in results.tables.values() for row in table]
    sizes = [row[name] for row in rows for name in ("patients", "members") if _is_count(row.get(name))]
    sizes = sizes or [row["n"] for row in rows if _is_count(row.get("n"))]
    largest = min(results.patients, max(sizes, default=results.patients))
    if largest < smallest:
        raise RemnantError(
            f"The largest group of patients in these results has {largest}, fewer than --min-cell {smallest}, so that nothing of "
            "them may leave; audit more patients, or lower --min-cell where the cohort is public."
        )


def _is_count(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _views(results: Results) -> Iterable[dict]:
    for section in results.sections:
        yield from (view.where for view in (*([section.table] if section.table else []), *section.figures))


def _row(row: Row, smallest: int, where: set[str]) -> Row:
    """The row; the same object where nothing of it is withheld."""
    totals = {int(total) for total in _totals(row).values()}
    gone = {
        name
        for name, value in row.items()
        if isinstance(value, str) and (counts_few(value, smallest, totals) or _percentages_few(value, smallest, totals))
    }
    bounds: dict[str, Value] = {}
    if any(_is_count(row.get(name)) and 0 < row[name] < smallest for name in GROUPS):
        kept = where | {name for name, value in row.items() if isinstance(value, str) or name.startswith("published")}
        gone |= row.keys() - kept
    for name, value in row.items():
        if name.endswith(RANK1):
            before = name.removesuffix(RANK1)
            total = row.get(f"{before}n")
            if value is not None and _small(value, smallest, total):
                if total is not None and total >= smallest:
                    bounds[name] = _bound(value, smallest, total)
                # The p-value and the interval follow from the count, and the count from each of them.
                gone |= {other for other in row if other.startswith(f"{before}rank1")} | {"p", "holm_p"} & row.keys()
        elif name in TRAITS and value is not None and _small(value, smallest, None):
            gone |= TRAITS.keys() & row.keys()
        elif isinstance(value, float) and 0 < value < 1 and not NO_SHARE.match(name):
            digits = -int(Decimal(repr(value)).as_tuple().exponent)
            half = 0.5 * 10**-digits if digits < 6 else 0.0
            if any(_share_small(value, half, total, smallest) for total in _totals_of(name, row)):
                # Its interval gives it back.
                ends = set() if f"{name}_low" in row else {"low", "high"}
                gone |= {other for other in row if other.startswith(name) or other in ends}
    return {name: bounds.get(name) if name in gone else value for name, value in row.items()} if gone else row


def _totals(row: Row) -> dict[str, int]:
    """The columns that say of how many patients or images a row speaks."""
    return {name: int(value) for name, value in row.items() if TOTALS.fullmatch(name) and _is_count(value)}


def _totals_of(name: str, row: Row) -> Collection[int]:
    """What a share may be of: its own number where there is one ("mm_n" of "mm_rank1"), else the row's, else any."""
    totals = _totals(row)
    prefixes = {total: re.sub(r"(?:n|known)$", "", total) for total in totals if re.search(r"_(?:n|known)$", total)}
    own = [totals[total] for total, prefix in prefixes.items() if name.startswith(prefix)]
    return own or [count for total, count in totals.items() if total not in prefixes] or totals.values()


def _cells(rows: list[Row], smallest: int) -> list[Row]:
    """Of a table of counts the parts that have no small cell: one that is withheld alone could be found from the total."""
    if not any("count" in row for row in rows):
        return rows
    words = sorted({name for row in rows for name, value in row.items() if isinstance(value, str)} - CELLS)
    parts = split(rows, *words).values()
    return [row for part in parts if not any(_small(one["count"] or 0, smallest, None) for one in part) for row in part]


def _section(
    section: Section, results: Results, tables: dict[str, list[Row]], smallest: int, sizes: Collection[int]
) -> tuple[Section | None, list[str]]:
    """The section with what can still be shown, or None where that is nothing, and what was left out of it."""
    table, figures, gone = section.table, [], []
    if table and (table.name not in tables or (results.tables[table.name] and not tables[table.name])):
        gone.append(f"the table of {section.title!r}")
        table = None
    elif table and tables[table.name] != results.tables[table.name]:
        note = (
            f"Withheld (–, <, >): counts of fewer than {smallest} patients, or of all but fewer, and what tells them."
        )
        table = table.model_copy(update={"caption": f"{table.caption} {note}".strip()})
    for view in section.figures:
        name = FIGURES[view.kind].table if view.kind in FIGURES else ""
        whole = matching(results.tables.get(name, []), view.where)
        if view.private or name not in tables or matching(tables[name], view.where) != whole:
            gone.append(f"the figure {view.name!r}")
        else:
            figures.append(view)
    text = [one for one in section.text if not counts_few(one, smallest, sizes)]
    if not (table or figures) and (section.table or section.figures):
        return None, gone
    return section.model_copy(update={"table": table, "figures": figures, "text": text}), gone


def _without_folders(text: str) -> str:
    """Paths without the folders before their last name, which tell users and machines."""
    return re.sub(r"(?<![^\s'\"=])(?:~|\.{0,2}|[A-Za-z]:)[/\\](?:[^\s'\"/\\]+[/\\])*(?=[^\s'\"/\\])", "", text)


def _settings(value):
    if isinstance(value, dict):
        return {name: _settings(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_settings(item) for item in value]
    return _without_folders(value) if isinstance(value, str) else value
