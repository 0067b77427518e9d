"""The chapters of the report on one checkpoint: which tables, under which words."""

from remnant.base.results import Section, TableView
from remnant.studies.lee2025.leak_findings import Tables
from remnant.studies.lee2025.leak_sections import leak_sections
from remnant.studies.lee2025.paper_sections import paper_sections
from remnant.studies.membership_tables import membership_section


def chapters(tables: Tables, *, compared: bool) -> list[Section]:
    """All of them, in order; `compared`: members were held against non-members."""
    found = []
    if compared:
        found += [
            membership_section(
                who="Members are the patients whom the table's column split says trained the model; non-members those whom it "
                "says did not."
            ),
            _balance_section(),
        ]
    found += [_input_section(), _file_section()]
    return [*found, *leak_sections(tables), *(paper_sections(tables) if tables["likely"] else [])]


def _balance_section() -> Section:
    return Section(
        title="Are members and non-members alike?",
        text=[
            "What distinguishes the two groups beside the training may pass for a leak; the blind baseline looks for it."
        ],
        table=TableView(
            name="balance",
            caption="Means over patients; the difference in standard deviations.",
            columns={
                "trait": "Trait",
                "{members:.3g}": "Members",
                "{non_members:.3g}": "Non-members",
                "{difference:+.2f}": "Difference",
                "{members_known}/{non_members_known}": "Patients with it",
            },
        ),
    )


def _input_section() -> Section:
    return Section(
        title="How were images given to the model?",
        text=["A model that is given images otherwise than in training answers noise, and noise hides a leak."],
        table=TableView(
            name="input",
            caption="Distance of the images from the statistics that the model stores of its training images.",
            columns={
                "size": "Pixels a side",
                "channels": "Channels",
                "range": "Range",
                "mean": "Mean",
                "std": "Standard deviation",
                "greys": "Greys",
                "{distance:.2f}": "Distance",
                "{first:.2f}": "First layer",
                "fits": "Fits",
            },
        ),
    )


def _file_section() -> Section:
    return Section(
        title="What is in the file?",
        text=["What the file tells, what had to be assumed where it does not, and what `remnant inspect` finds."],
        table=TableView(name="file", caption="The checkpoint.", columns={"fact": "What", "value": "As read"}),
    )
