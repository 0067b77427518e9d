"""What the files of a folder or zip give away of the patients behind a model, and which of them its recipient needs."""

import re
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from remnant.base.errors import RemnantError
from remnant.targets.adapters.nnunet_results import WEIGHTS
from remnant.targets.bundle import Bundle, BundleEntry
from remnant.targets.opening import open_checkpoint
from remnant.targets.telling import in_file, in_text

SEARCHED = 16 * 2**20  # bytes of a text
HEAD = 512
CHECKPOINT = {".pt", ".pth", ".ckpt", ".safetensors", ".bin", ".tar", ".model", ".ts"}
PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"BM", b"GIF8")
# What nnU-Net writes beside its weights (nnunetv2/model_sharing/model_export.py, training/nnUNetTrainer), and other trainers too.
KNOWN: tuple[tuple[str, str], ...] = (
    (r"(?:.*/)?summary\.json", "results of every validation case, by the name of its file"),
    (
        r"(?:.*/)?dataset_fingerprint\.json",
        "shape and spacing of every training image, and statistics of their intensities",
    ),
    (r"(?:.*/)?debug\.json", "settings of the training with paths of its machine"),
    (r"(?:.*/)?splits_final\.(?:json|pkl)", "which cases were in training and which in validation"),
    (r"(?:.*/)?training_log[^/]*\.txt", "the log of the training, with dates and paths of its machine"),
    (
        r"(?:.*/)?(?:plans|[^/]+\.model)\.pkl",
        "plans of nnU-Net 1, which name its cases: its programs need them, and a copy leaves them out",
    ),
    (r"(?:.*/)?progress\.png", "the curves of the training"),
    (r"(?:.*/)?events\.out\.tfevents[^/]*", "TensorBoard's log of the training, with the name of its machine"),
    (
        r"(?:.*/)?(?:wandb|mlruns|lightning_logs|\.ipynb_checkpoints|__pycache__|\.git)/.*",
        "a trainer's or editor's log",
    ),
    (r"(?:.*/)?(?:\.DS_Store|\.bash_history|Thumbs\.db)", "a machine's notes of its files"),
    (r"(?:.*/)?[^/]+\.ipynb", "a notebook, which keeps its outputs"),
)
NNUNET = "nnU-Net results"  # a layout
FILES = "files"  # of any other folder or zip
NEEDED = ("plans.json", "dataset.json")


@dataclass(frozen=True)
class File:
    """One file: `kind` (checkpoint, text, image, other), whether the model's recipient `needed` it, and `findings` in words."""

    name: str
    bytes: int
    kind: str
    needed: bool
    findings: tuple[str, ...]


@dataclass(frozen=True)
class FolderContents:
    """Of the folder or zip `path` the `layout` ("nnU-Net results" or "files") and its `files` by name."""

    path: str
    layout: str
    files: tuple[File, ...]

    @property
    def telling(self) -> tuple[File, ...]:
        """The files with findings."""
        return tuple(file for file in self.files if file.findings)


def look_into(bundle: Bundle) -> FolderContents:
    """Every file of the bundle; nothing of it is executed, and of no text more than its first 16 MiB are searched."""
    models = _nnunet_models([entry.name for entry in bundle.entries])
    files = tuple(_file(bundle, entry, models) for entry in bundle.entries)
    return FolderContents(str(bundle.path), NNUNET if models else FILES, files)


def _nnunet_models(names: list[str]) -> set[str]:
    """What nnU-Net reads to predict: of each trained model plans, data set and one checkpoint a fold."""
    below: dict[str, set[str]] = defaultdict(set)
    for name in names:
        folder, _, base = name.rpartition("/")
        below[folder].add(base)
    needed = set()
    for folder, bases in below.items():
        if not bases.issuperset(NEEDED):
            continue
        prefix = f"{folder}/" if folder else ""
        folds = [other for other in below if re.fullmatch(rf"{re.escape(prefix)}fold_(?:\d+|all)", other)]
        weights = {f"{fold}/{name}" for fold in folds if (name := next((w for w in WEIGHTS if w in below[fold]), None))}
        if weights:
            needed |= weights | {f"{prefix}{base}" for base in NEEDED}
    return needed


def _file(bundle: Bundle, entry: BundleEntry, models: set[str]) -> File:
    if entry.problem:
        return File(entry.name, entry.bytes, "other", False, (f"it {entry.problem}, and was not searched",))
    try:
        kind, found = _searched(bundle, entry)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        kind, found = "other", [f"it cannot be read ({type(error).__name__}), and was not searched"]
    found += [what for pattern, what in KNOWN if re.fullmatch(pattern, entry.name)]
    found += [f"its name holds {kind}" for kind in sorted(in_text(entry.name)) if not entry.name.endswith("/")]
    needed = entry.name in models or (not models and (kind == "checkpoint" or (kind == "text" and not found)))
    return File(entry.name, entry.bytes, kind, needed, tuple(dict.fromkeys(found)))


def _searched(bundle: Bundle, entry: BundleEntry) -> tuple[str, list[str]]:
    with bundle.open(entry) as file:
        head = file.read(HEAD)
        if what := _image(head):
            return "image", [what]
        suffix = PurePosixPath(entry.name).suffix.lower()
        if suffix not in CHECKPOINT and b"\x00" not in head and head[:1] != b"\x80":
            text = (head + file.read(SEARCHED)).decode("utf-8", errors="replace")
            found = [f"it holds {kind}" for kind in sorted(in_file(entry.name, text))]
            return "text", found + (["it is too long to be searched whole"] if entry.bytes > SEARCHED else [])
    if suffix in CHECKPOINT:
        with bundle.local(entry) as path:
            try:
                return "checkpoint", list(open_checkpoint(path).telling)
            except RemnantError as error:
                return "other", [f"it is no checkpoint that can be searched ({_reason(error, path)})"]
    return "other", ["it is neither text nor a checkpoint, and was not searched"]


def _reason(error: RemnantError, path: Path) -> str:
    return str(error).replace(f"{path} ", "it ").partition(";")[0].rstrip(".")


def _image(head: bytes) -> str | None:
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(head, HEAD)
        except zlib.error:
            return None
    if head[128:132] == b"DICM":
        return "a DICOM file: data of a patient"
    if (
        head[344:347] in (b"n+1", b"ni1")
        or head[4:7] in (b"n+2", b"ni2")
        or head[:4] == b"NRRD"
        or b"ObjectType = Image" in head
    ):
        return "a volume: data of a patient"
    return "a picture, which may show a patient" if head.startswith(PICTURES) else None
