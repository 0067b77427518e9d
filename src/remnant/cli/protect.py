"""`remnant protect`: an encoder that is meant to hide who a scan shows from the server that segments it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from remnant.cli.forecast import print_forecast
from remnant.cli.options import (
    CORES,
    Cache,
    Config,
    Estimate,
    Minutes,
    Preset,
    Quiet,
    Resume,
    Seed,
    SimulateRevisits,
    Workers,
    typed,
    with_options,
)
from remnant.cli.values import among, existing, within

if TYPE_CHECKING:
    pass

ADVERSARIES = ("published", "entropy", "inversion", "confusion")
HIDES = ("encoder", "deformation", "both", "mixing", "none")

protect = typer.Typer(no_args_is_help=True)


def _list(asked: bool) -> None:
    if not asked:
        return
    from remnant.defenses.registry import listed

    rows = listed()
    widths = [max(len(row[key]) for row in rows) for key in ("name", "changes")]
    for row in rows:
        kept = "  ".join(row[key].ljust(width) for key, width in zip(("name", "changes"), widths, strict=True))
        print(f"{kept}  {row['words']}: {row['does']} ({row['source']})")
    raise typer.Exit


@protect.callback()
def about_protect(
    defences: Annotated[
        bool,
        typer.Option(
            "--list",
            callback=_list,
            is_eager=True,
            help="List the defences, those of other packages too, and train none.",
        ),
    ] = False,
) -> None:
    """Train, use and attack an encoder that is meant to hide who a scan shows.

    `remnant protect --list` names each defence.
    """


@protect.command("train")
def protect_train(
    data: Annotated[
        Path,
        typer.Option(
            callback=existing("data directory"),
            metavar="DIR",
            help="Scans with label maps, in any layout that is read.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Run directory.")],
    lambda_: Annotated[
        float | None,
        typer.Option(
            "--lambda", callback=within(0), help="Weight of hiding against segmenting; the paper has 1 to 100."
        ),
    ] = None,
    adversary: Annotated[
        str | None,
        typer.Option(
            callback=among(*ADVERSARIES),
            help="What the encoder plays against: published, entropy, inversion or confusion.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            callback=among(*HIDES),
            help="What hides: encoder, the network; deformation, a secret that stays with you; both, one after the "
            "other; mixing, a reference that stays with you.",
        ),
    ] = None,
    simulate_revisits: SimulateRevisits = False,
    preset: Annotated[
        Preset, typer.Option(help="smoke: seconds. cpu: 3 mm, small networks. paper: the authors' sizes, for a GPU.")
    ] = Preset.cpu,
    config: Config = None,
    seed: Seed = None,
    resume: Resume = False,
    cache: Cache = None,
    workers: Workers = CORES,
    quiet: Quiet = False,
) -> None:
    """Train encoder and segmenter against adversaries; print the folder of their files."""
    from remnant.cohort.layouts.read import read_cohort
    from remnant.cohort.revisit import revisit_settings
    from remnant.defenses.privacynet.settings import privacynet_preset
    from remnant.defenses.privacynet.train import train_privacynet
    from remnant.report.losses import draw_losses

    single = {"lambda_": lambda_, "adversary": adversary, "method": method, "seed": seed}
    settings = with_options(privacynet_preset(preset), config, {}, single)
    if simulate_revisits:
        settings = settings.changed(revisits=revisit_settings(settings.preparation))
    cohort = read_cohort(data)
    how = {"resume": resume, "cache": cache, "workers": workers, "quiet": quiet, "draw": draw_losses}
    print(train_privacynet(cohort, settings, out, **how))


@protect.command("evaluate")
def protect_evaluate(
    run: Annotated[Path, typer.Argument(callback=existing("run"), metavar="RUN", help="A run of `protect train`.")],
    data: Annotated[
        Path,
        typer.Option(
            callback=existing("data directory"),
            metavar="DIR",
            help="Scans with label maps, of patients it was trained on and of others.",
        ),
    ],
    second: Annotated[
        list[Path] | None,
        typer.Option(callback=existing("data directory"), metavar="DIR", help="A cohort of another kind; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run directory; RUN with -evaluation behind it by default.")] = None,
    simulate_revisits: SimulateRevisits = False,
    preset: Annotated[Preset, typer.Option(help="How much attacks take: smoke, cpu, or paper for a GPU.")] = Preset.cpu,
    config: Annotated[
        Path | None,
        typer.Option(
            callback=existing("configuration"), help="audit.toml with the risk appetite; options replace its settings."
        ),
    ] = None,
    estimate: Estimate = False,
    minutes: Minutes = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The root of every random number.")] = None,
    resume: Resume = False,
    cache: Cache = None,
    workers: Workers = CORES,
    quiet: Quiet = False,
) -> None:
    """Audit what is sent: attack it, measure what it costs. Exit code 0 within the risk appetite, 1 outside, 3 cannot tell."""
    from remnant.audit.config import config_of
    from remnant.audit.inputs.protected import audit_protected
    from remnant.audit.inputs.protected_material import ProtectedInputs, read_protected
    from remnant.cli.verdict import told

    inputs = ProtectedInputs(run, data, preset.value, tuple(second or ()), simulate_revisits)
    read = config_of(config, scenario="codes", seed=seed, minutes=minutes)
    if estimate:
        print_forecast(read_protected(inputs, read, cache=cache, workers=workers, quiet=quiet), read, quiet=quiet)
    # Beside the run, also where that is called "." or "..".
    whole = run.resolve()
    where = out or (run.parent if run.name == whole.name else whole.parent) / f"{whole.name}-evaluation"
    audit_protected(inputs, read, where, command=typed(), resume=resume, quiet=quiet, cache=cache, workers=workers)
    told(where, quiet=quiet)


@protect.command("encode")
def protect_encode(
    scan: Annotated[
        Path,
        typer.Argument(
            callback=existing("scan"),
            metavar="SCAN",
            help="A volume, or a DICOM series by its folder or any file of it.",
        ),
    ],
    encoder: Annotated[
        Path,
        typer.Option(
            callback=existing("encoder"),
            metavar="RUN",
            help="A run of `protect train`, or its encoder's file or folder.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="New file, .nii or .nii.gz. Beside it NAME.client.json is written: it stays with you, and without it a "
            "label map cannot be brought back."
        ),
    ],
) -> None:
    """Encode a scan; print the code's file. Whether codes may leave, only `protect evaluate` tells: it attacks them."""
    from remnant.base.files import require_new
    from remnant.defenses.privacynet import deploy
    from remnant.defenses.privacynet.networks import load_client

    kept = deploy.ticket_file(out)
    for path in (out, kept):
        require_new(path)
    client = load_client(encoder)
    code, ticket = deploy.encode_scan(client, scan)
    # First what undoes the code: a code whose secret was lost is worth nothing.
    ticket.write(kept)
    try:
        deploy.write_code(out, code, client)
    except BaseException:
        kept.unlink()
        raise
    print(out)


@protect.command("segment")
def protect_segment(
    code: Annotated[
        Path, typer.Argument(callback=existing("code"), metavar="CODE", help="A code of `protect encode`.")
    ],
    segmenter: Annotated[
        Path,
        typer.Option(
            callback=existing("segmenter"),
            metavar="RUN",
            help="A run of `protect train`, or its segmenter's file or folder.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="New file for the label map: on the scan's grid where its .client.json is at hand.")
    ],
) -> None:
    """Segment a code; print the label map's file."""
    from remnant.base.files import require_new
    from remnant.cohort.files.nifti import write_volume
    from remnant.defenses.privacynet import deploy
    from remnant.defenses.privacynet.networks import load_server

    require_new(out)
    server = load_server(segmenter)
    maps, affine = deploy.segment_code(server, code)
    ticket = deploy.ticket_of(code, server)
    if ticket is not None:
        placing = ticket.placing
        write_volume(out, ticket.undo(maps), placing.affine, geometry=placing.geometry)
    else:
        write_volume(out, deploy.labels_of(maps), affine)
    print(out)
