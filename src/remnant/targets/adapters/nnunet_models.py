"""The networks of an nnU-Net folder and the scans as they take them, by nnunetv2's own preprocessing and prediction."""

import contextlib
import copy
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.base.provenance import sha256
from remnant.base.texts import short
from remnant.cohort.images import Images, Label
from remnant.cohort.layouts.nnunet_files import RawCase, knows_people
from remnant.engine.device import fabric, place
from remnant.targets.adapters import Trained
from remnant.targets.adapters.nnunet_results import ResultsFolder
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.objective import image_loss
from remnant.targets.weights import load_weights

# What plans.json may name to be imported and called.
NETWORKS, LAYERS = "dynamic_network_architectures.", "torch.nn."
UNKNOWN = -1  # what nnU-Net's preprocessing writes outside of the image


def trained(
    results: ResultsFolder,
    raw: Path,
    cases: Mapping[str, RawCase],
    held_out: Mapping[str, int],
    notes: list[str],
    tell: Callable[[str], None],
) -> Trained:
    """All models, and all cases prepared; arguments as `nnunet.read` finds them."""
    with _silent():
        predictor = _predictor(results)
    outputs, regions = predictor.label_manager.num_segmentation_heads, predictor.label_manager.has_regions
    head = OutputHead("segmentation", "sigmoid" if regions else "softmax", outputs, probabilities=False)
    models = []
    for fold, path in zip(results.folds, results.checkpoints, strict=True):
        tell(f"fold {fold}")
        models.append(_model(results, path, predictor, head))
    network = models[0].module
    return Trained(
        tuple(models),
        results.names,
        _images(results, raw, cases, predictor, tell),
        tuple(held_out[name] for name in cases),
        {
            "name": results.folder.resolve().parent.name,
            "version": None,
            # The folder's name, TRAINER__PLANS__CONFIGURATION, tells two models of one data set apart.
            "architecture": f"{type(network).__name__}, nnU-Net {results.folder.resolve().name}",
            "parameters": sum(weight.numel() for weight in network.parameters()),
            "sha256": sha256(results.checkpoints[0]),
        },
        (*notes, *_assumed(results, raw, predictor)),
        {
            f"fold_{fold}/{path.name}": sha256(path)
            for fold, path in zip(results.folds, results.checkpoints, strict=True)
        },
    )


def _predictor(results: ResultsFolder) -> Any:
    """nnunetv2's, without mirroring and without a network."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans = PlansManager(results.plans)
    configuration = plans.get_configuration(results.configuration)
    if configuration.previous_stage_name is not None:
        raise RemnantError(
            f"{results.folder} is the second stage of a cascade, which needs the first one's answers; audit the first stage, "
            f"{short(configuration.previous_stage_name)}."
        )
    _check_names(results, configuration)
    found = nnUNetPredictor(use_mirroring=False, device=fabric().device, allow_tqdm=False)
    found.manual_initialization(None, plans, configuration, None, results.dataset, results.trainer, None)
    return found


def _check_names(results: ResultsFolder, configuration: Any) -> None:
    """Raise `RemnantError` where the plans would have something imported that is no network of nnU-Net's."""
    arguments = configuration.network_arch_init_kwargs
    layers = [arguments.get(name) for name in configuration.network_arch_init_kwargs_req_import]
    named = [
        (configuration.network_arch_class_name, NETWORKS),
        *((layer, LAYERS) for layer in layers if layer is not None),
    ]
    for name, package in named:
        if not str(name).startswith(package):
            raise RemnantError(
                f"{results.folder / 'plans.json'} names {short(name)}, and code of {package.rstrip('.')} alone is run from "
                "there; audit a network of your own by a folder with audit.toml and target.py."
            )


def _model(results: ResultsFolder, path: Path, predictor: Any, head: OutputHead) -> Audited:
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    configuration = predictor.configuration_manager
    channels = len(results.dataset.get("channel_names") or results.dataset.get("modality") or {"0": ""})
    with _silent():
        network = get_network_from_plans(
            configuration.network_arch_class_name,
            configuration.network_arch_init_kwargs,
            configuration.network_arch_init_kwargs_req_import,
            channels,
            head.outputs,
            allow_init=False,
            deep_supervision=False,
        )
    try:
        load_weights(network, path)
    except RemnantError as error:
        raise RemnantError(
            f"{str(error).partition('; mend build')[0]}; a trainer with a network of its own ({results.trainer}) is audited by a "
            "folder with audit.toml and target.py."
        ) from error
    module = place(network).eval().requires_grad_(False)
    patch = tuple(configuration.patch_size)

    def around(network: nn.Module) -> Callable[[Tensor], Tensor]:
        own = copy.copy(predictor)
        own.network = network
        return lambda batch: torch.stack([own.predict_sliding_window_return_logits(image).float() for image in batch])

    def training(network: nn.Module, image: Tensor, label: Label) -> Tensor:
        return image_loss(Audited(network, head), *patch_of(image, torch.as_tensor(label), patch))

    return Audited(module, head, around(module), batch=1, around=around, training=training)


def patch_of(image: Tensor, label: Tensor, patch: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """A patch of `image` (channels, *spatial) and `label` ([regions,] *spatial) round the middle of the foreground, with zeros
    where the image ends. Of volumes and a patch of two axes, the slice with the most foreground."""
    spatial = image.shape[1:]
    seen = label.reshape(-1, *spatial).amax(0) > 0
    if len(patch) < len(spatial):
        slice_ = int(seen.flatten(1).sum(1).argmax())
        image, label, seen, spatial = image[:, slice_], label[..., slice_, :, :], seen[slice_], spatial[1:]
    middle = seen.nonzero().float().mean(0) if seen.any() else torch.tensor(spatial) / 2
    cuts, pads = [], []
    for size, side, centre in zip(spatial, patch, middle.tolist(), strict=True):
        start = min(max(0, round(centre - side / 2)), max(0, size - side))
        cuts.append(slice(start, start + side))
        pads.append(((side - size) // 2, side - size - (side - size) // 2) if size < side else (0, 0))
    padding = [one for pair in reversed(pads) for one in pair]
    return tuple(nn.functional.pad(values[(..., *cuts)], padding) for values in (image, label))  # type: ignore[return-value]


def _images(
    results: ResultsFolder, raw: Path, cases: Mapping[str, RawCase], predictor: Any, tell: Callable[[str], None]
) -> Images:
    """The cases as the networks take them, with label maps on the same grid."""
    with _silent():
        preprocessor = predictor.configuration_manager.preprocessor_class(verbose=False)
    images, labels = [], []
    for number, (name, case) in enumerate(cases.items(), 1):
        tell(f"case {number} of {len(cases)}")
        try:
            with _silent():
                image, label, _ = preprocessor.run_case(
                    list(map(str, case.images)),
                    str(case.labels),
                    predictor.plans_manager,
                    predictor.configuration_manager,
                    results.dataset,
                )
        except Exception as error:
            raise RemnantError(
                f"nnU-Net cannot prepare the case {name} of {raw} ({type(error).__name__}: {short(error, 160)}); mend its files."
            ) from error
        images.append(torch.from_numpy(np.ascontiguousarray(image, np.float32)))
        labels.append(_labels(label[0], predictor.label_manager, name, raw))
    people = cases.values()
    sexes = {"M": 1.0, "F": 0.0, None: np.nan}
    known = {
        "age": np.array([np.nan if case.age is None else case.age for case in people]),
        "sex": np.array([sexes[case.sex] for case in people]),
    }
    details = {name: values for name, values in known.items() if np.isfinite(values).any()}
    return Images(tuple(images), tuple(labels), tuple(case.patient for case in people), details)


def _labels(label: np.ndarray, manager: Any, name: str, raw: Path) -> Tensor:
    """Class indices (*spatial), or 0 and 1 for each region (regions, *spatial)."""
    unknown = (label == UNKNOWN) | ((label == manager.ignore_label) if manager.has_ignore_label else False)
    label = np.where(unknown, 0, label)
    if extra := set(np.unique(label).tolist()) - set(map(int, manager.all_labels)):
        raise RemnantError(
            f"The label map of {name} of {raw} holds {min(extra)}, which dataset.json does not name; mend the one or the other."
        )
    if manager.has_regions:
        maps = [np.isin(label, region) for region in manager.foreground_regions]
        return torch.from_numpy(np.stack(maps).astype(np.float32))
    return torch.from_numpy(label.astype(np.int64))


def _assumed(results: ResultsFolder, raw: Path, predictor: Any) -> Iterator[str]:
    yield "The models are asked as nnU-Net asks them, but without mirroring."
    if not knows_people(raw):
        yield "Every case counts as a person; patients.csv beside dataset.json (case, subject_id) says whose are one person's."
    if predictor.label_manager.has_ignore_label:
        yield "The label 'ignore' is taken as background."
    if (results.folder / "fold_all").is_dir():
        yield "The model of fold_all trained on everybody; what its recipient can tell of them was not tested."


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """nnU-Net prints as it goes; standard output is for results."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
