import json
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch

from remnant.nets.segmenter import Segmenter
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.describe import show
from remnant.targets.description import as_json
from remnant.targets.known.densenet import BLOCKS, densenet_layout
from remnant.targets.known.match import STATISTICS
from remnant.targets.known.resnet import DEPTHS, resnet_layout
from remnant.targets.known.vit import vit_layout
from remnant.targets.opening import Opened, open_checkpoint
from remnant.targets.recognise import recognise

GOLDEN = Path(__file__).parents[1] / "nets" / "golden"
LAYOUTS = {
    **{name: resnet_layout(name, 2, 3, 1000) for name in DEPTHS},
    **{name: densenet_layout(blocks, 2, 3, 1000) for name, blocks in BLOCKS.items()},
    "vit_b_16": vit_layout((768, 3, 16, 16), 12, 3072, 197, 1000),
}
# As torchvision publishes them.
PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "densenet121": 7_978_856,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "vit_b_16": 86_567_656,
}


@pytest.fixture
def described(tmp_path):
    """`described(state)`: what is told of these tensors; they are written to no disk, which would take the time."""
    path = tmp_path / "a.pt"
    path.touch()

    def of(state):
        return recognise(Opened(path, "PyTorch", state, {}))

    return of


@pytest.mark.parametrize("name", PARAMETERS)
def test_numbers_of_parameters(name):
    shapes = (shape for key, shape in LAYOUTS[name].items() if not key.endswith(STATISTICS))
    assert sum(torch.Size(shape).numel() for shape in shapes) == PARAMETERS[name]


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "densenet121", "vit_b_16"])
def test_layouts_are_torchvisions(name):
    lines = [line.split() for line in (GOLDEN / f"{name}.txt").read_text().splitlines()]
    golden = {name: () if shape == "scalar" else tuple(map(int, shape.split("x"))) for name, shape in lines}
    assert golden == LAYOUTS[name]


def test_a_resnet(tmp_path, state):
    weights = {f"module.{name}": tensor for name, tensor in state("resnet18").items()}
    torch.save({"state_dict": weights, "epoch": 4}, tmp_path / "a.pt")
    one = recognise(open_checkpoint(tmp_path / "a.pt"))
    assert (one.architecture, one.task, one.dimensions, one.channels, one.classes) == (
        "resnet18",
        "classifier",
        2,
        3,
        1,
    )
    assert one.arguments == {"name": "resnet18", "channels": 3, "classes": 1, "width": 64}
    assert one.parameters == 11_177_025 and one.buffers == 9_620 and one.dtypes == {"float32": 102, "int64": 20}
    assert (one.statistics.layers, one.statistics.untouched, one.statistics.removed, one.statistics.steps) == (
        20,
        0,
        0,
        120,
    )
    assert "momentum is not stored" in one.statistics.momentum
    assert [attack.applies for attack in one.attacks] == [True, False, False]
    assert one.findings == ("Keys begin with `module.`: DataParallel or DistributedDataParallel.",)
    assert one.metadata == {"epoch": 4} and one.nearest is None and one.advice is None


def test_heads_behind_a_dropout(described, state):
    for name, head in (("resnet18", "fc"), ("densenet121", "classifier")):
        renamed = {key.replace(f"{head}.", f"{head}.1."): tensor for key, tensor in state(name).items()}
        one = described(renamed)
        assert one.architecture == name and one.attacks[0].applies and one.findings == ()


def test_a_densenet_in_both_dialects(described, state):
    one = described(state("densenet121"))
    assert (one.architecture, one.channels, one.classes, one.statistics.layers) == ("densenet121", 1, 2, 121)
    assert one.dialect.startswith("torchvision or timm")
    import re

    monai = {
        re.sub(r"(denselayer\d+)\.", r"\1.layers.", name).replace("classifier.", "class_layers.out."): tensor
        for name, tensor in state("densenet121").items()
    }
    other = described(monai)
    assert other.dialect == "MONAI" and other.arguments == one.arguments and other.findings == ()


TIMM = (
    ("encoder.layers.encoder_layer_", "blocks."),
    ("encoder.pos_embedding", "pos_embed"),
    ("encoder.ln.", "norm."),
    ("class_token", "cls_token"),
    ("conv_proj", "patch_embed.proj"),
    ("self_attention.in_proj_", "attn.qkv."),
    ("self_attention.out_proj", "attn.proj"),
    ("ln_", "norm"),
    ("mlp.0", "mlp.fc1"),
    ("mlp.3", "mlp.fc2"),
    ("heads.head", "head"),
)


def test_a_vit_in_both_dialects(described, state):
    one = described(state("vit"))
    sizes = {"image_size": 32, "patch": 8, "blocks": 2, "width": 64, "heads": 1, "mlp": 128}
    assert one.architecture == "vit" and one.arguments == {"name": "vit", "channels": 3, "classes": 1, **sizes}
    assert one.statistics.kind == "LayerNorm" and one.statistics.layers == 0 and one.statistics.steps is None
    assert one.attacks[0].applies and "stores no statistics" in one.attacks[0].why
    assert any("1 attention heads of 64" in text and "do not tell" in text for text in one.assumptions)
    renamed = {}
    for name, tensor in state("vit").items():
        for ours, theirs in TIMM:
            name = name.replace(ours, theirs)
        renamed[name] = tensor
    assert "blocks.1.attn.qkv.weight" in renamed
    other = described(renamed)
    assert other.dialect == "timm" and other.arguments == one.arguments and other.findings == ()


def test_vit_b_16_by_its_name(tmp_path):
    layout = LAYOUTS["vit_b_16"]
    # On the disk a file of zeros takes no room, and no weight is written.
    header, end = {}, 0
    for name, shape in layout.items():
        size = 4 * torch.Size(shape).numel()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    encoded = json.dumps(header).encode()
    with (tmp_path / "a.safetensors").open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        file.truncate(8 + len(encoded) + end)
    one = recognise(open_checkpoint(tmp_path / "a.safetensors"))
    assert one.architecture == "vit_b_16" and one.arguments["heads"] == 12 and one.parameters == 86_567_656
    assert any("Every weight is zero" in text for text in one.findings)


def test_heads_in_remnants_own_header(tmp_path, state):
    header = json.dumps({"module": "ViT", "arguments": {"heads": 4}})
    safetensors.torch.save_file(state("vit"), tmp_path / "a.safetensors", {"remnant": header})
    one = recognise(open_checkpoint(tmp_path / "a.safetensors"))
    assert one.arguments["heads"] == 4 and not any("heads" in text for text in one.assumptions)
    for bad in ("{", "[]", json.dumps({"arguments": {"heads": 5}}), json.dumps({"arguments": {"heads": "x"}})):
        safetensors.torch.save_file(state("vit"), tmp_path / "a.safetensors", {"remnant": bad})
        assert recognise(open_checkpoint(tmp_path / "a.safetensors")).arguments["heads"] == 1


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize(("architecture", "unpool"), [("unet", "none"), ("segnet", "none"), ("segnet", "indices")])
def test_remnants_own_segmenters(tmp_path, described, architecture, unpool, norm):
    arguments = {"architecture": architecture, "classes": 3, "widths": (2, 4, 6), "norm": norm, "unpool": unpool}
    model = Segmenter(**arguments)
    save_checkpoint(tmp_path / "a.safetensors", model, arguments)
    one = recognise(open_checkpoint(tmp_path / "a.safetensors"))
    assert one.arguments == arguments and (one.architecture, one.dialect) == (architecture, "Remnant")
    assert (one.dimensions, one.channels, one.classes) == (3, 1, 3) and one.findings == described(
        model.state_dict()
    ).findings
    assert [attack.applies for attack in one.attacks] == [False, True, True]
    assert one.statistics.layers == (5 if norm == "batch" else 0)
    # Untrained, as it is here, it says so.
    assert any("never trained" in text for text in one.findings) == (norm == "batch")


def test_statistics_that_never_moved_or_are_gone(described, state):
    fresh = state("resnet18")
    for name in fresh:
        if name.endswith(STATISTICS):
            fresh[name] = torch.ones_like(fresh[name]) if name.endswith("var") else torch.zeros_like(fresh[name])
    one = described(fresh)
    assert one.statistics.untouched == 20 and one.statistics.steps == 0
    assert any("was never trained" in text for text in one.findings)
    assert not one.attacks[0].applies and "never saw an image" in one.attacks[0].why
    bare = {name: tensor for name, tensor in state("resnet18").items() if not name.endswith(STATISTICS)}
    one = described(bare)
    assert one.architecture == "resnet18" and one.statistics.removed == 20 and one.statistics.steps is None
    assert not one.attacks[0].applies and "not in the file" in one.attacks[0].why
    uncounted = {name: tensor for name, tensor in state("resnet18").items() if not name.endswith("tracked")}
    one = described(uncounted)
    assert one.attacks[0].applies and one.statistics.steps is None and one.findings == ()


def test_what_does_not_quite_fit(described, state):
    lacking = state("resnet18")
    lacking.pop("layer3.1.conv2.weight")
    one = described(lacking)
    assert any("1 tensor is missing that resnet18 needs (e.g. layer3.1.conv2.weight)" in text for text in one.findings)
    assert not one.attacks[0].applies and "do not fit" in one.attacks[0].why
    one = described(state("resnet18") | {"layer1.0.se.fc.weight": torch.zeros(1, 1)})
    assert any("1 tensor is none of resnet18's (e.g. layer1.0.se.fc.weight)" in text for text in one.findings)
    one = described(state("resnet18") | {"conv1.weight": torch.rand(64, 3, 3, 3)})
    assert any(
        "1 tensor has a shape" in text and "conv1.weight is (64, 3, 3, 3) instead of (64, 3, 7, 7)" in text
        for text in one.findings
    )
    headless = {name: tensor for name, tensor in state("resnet18").items() if not name.startswith("fc.")}
    one = described(headless)
    assert one.classes is None and not one.attacks[0].applies and "no classifying head" in one.attacks[0].why
    one = described(state("resnet18_3d"))
    assert one.dimensions == 3 and one.arguments is None and "does not build" in one.attacks[0].why


def test_numbers_that_are_odd(described, state):
    broken = state("resnet18")
    broken["fc.weight"] = torch.tensor([[float("nan")] * 512])
    broken["fc.bias"] = torch.tensor([float("-inf")])
    # Finite, though their sum is not.
    broken["layer1.0.conv1.weight"] = torch.full((64, 64, 3, 3), 1e38)
    one = described(broken)
    assert any("2 tensors hold NaN or infinity (e.g. fc.weight, fc.bias)" in text for text in one.findings)
    assert json.loads(as_json(one), parse_constant=pytest.fail)["architecture"] == "resnet18"
    for dtype in (torch.float16, torch.bfloat16):
        half = {
            name: value.to(dtype) if value.is_floating_point() else value for name, value in state("resnet18").items()
        }
        one = described(half)
        assert one.attacks[0].applies and any("read as float32" in text for text in one.findings)
    for integers in (
        lambda value: (value * 9).to(torch.int8),
        lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8),
    ):
        one = described(
            {name: integers(value) if value.ndim > 1 else value for name, value in state("resnet18").items()}
        )
        assert not one.attacks[0].applies and "quantised" in one.attacks[0].why
        assert any("dequantise" in text for text in one.findings)
    one = described(state("resnet18") | {"fc.weight": torch.zeros(0, 2**40)})
    assert any("1 tensor is empty" in text for text in one.findings) and one.architecture is None


def test_an_unknown_architecture_is_described_by_its_layers(described, capsys):
    from torch import nn

    class Strange(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(2, 4, 3)
            self.blocks = nn.ModuleList(nn.Linear(4, 4) for _ in range(60))
            self.volume = nn.Conv3d(1, 2, 3)
            self.norm, self.bn = nn.LayerNorm(4), nn.BatchNorm1d(4)
            self.attention = nn.MultiheadAttention(4, 2)
            self.memory = nn.LSTM(4, 3)
            self.act, self.embed = nn.PReLU(), nn.Embedding(3, 4)
            self.token = nn.Parameter(torch.zeros(1))

    one = described(Strange().state_dict())
    assert one.architecture is None and one.nearest is None and "rename its keys" in one.advice
    assert one.advice.startswith("`remnant audit` takes any network")
    kinds = {layer.name: layer.kind for layer in one.layers}
    assert kinds["stem"] == "Conv2d" and kinds["volume"] == "Conv3d" and kinds["blocks.0"] == "Linear"
    assert kinds["norm"].startswith("LayerNorm") and kinds["bn"] == "BatchNorm" and kinds["memory"] == "LSTM"
    assert kinds["attention"] == "MultiheadAttention" and kinds["embed"] == "Embedding" and "PReLU" in kinds["act"]
    assert kinds[""] == "parameters" and sum(layer.parameters for layer in one.layers) == one.parameters
    assert not any(attack.applies for attack in one.attacks)
    show(one)
    printed = capsys.readouterr().out
    assert "and 59 like it" in printed and "What to do" in printed and "architecture  unknown" in printed


def test_a_mixture_names_what_it_is_most_like(described, state):
    one = described(state("vit") | state("resnet18"))
    assert one.architecture is None and one.nearest.startswith("resnet18 (") and "most like resnet18" in one.advice


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "vit"])
def test_shapes_of_any_kind_never_end_in_a_traceback(described, state, name):
    generator = torch.Generator().manual_seed(0)
    keys = list(state(name))
    for _ in range(10):
        chosen = torch.randint(len(keys), (6,), generator=generator).tolist()
        changed = state(name)
        for index in [*chosen, 0, len(keys) - 1, len(keys) - 2]:
            sides = torch.randint(0, 4, (int(torch.randint(0, 6, (1,), generator=generator)),), generator=generator)
            changed[keys[index]] = torch.zeros(sides.tolist())
        as_json(described(changed))


def test_the_command(tmp_path, monkeypatch, capsys, state):
    from remnant import cli

    torch.save(state("resnet18"), tmp_path / "a.pt")
    for options, parse in ((), str), (("--json",), json.loads):
        monkeypatch.setattr(sys, "argv", ["remnant", "inspect", str(tmp_path / "a.pt"), *options])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code
        told = parse(capsys.readouterr().out)
        if options:
            assert told["architecture"] == "resnet18" and told["statistics"]["steps"] == 120
            assert told["attacks"][0]["applies"] is True and len(told["layers"]) == 41
        else:
            assert "resnet18, 2D classifier" in told and "120 steps" in told and "20 BatchNorm layers" in told


@pytest.mark.parametrize("path", ["no/such/file.pt", "https://example.org/a.pt"])
def test_a_wrong_path_is_told_before_pytorch_is_imported(path):
    code = f"""
import sys
from remnant import cli
sys.argv = ["remnant", "inspect", {path!r}]
try:
    cli.main()
except SystemExit as stop:
    print(stop.code, [name for name in ("torch", "numpy", "monai") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "2 []" and ran.stderr.count("\n") == 1


def test_nothing_heavy_is_imported():
    """What costs seconds: the answer is due within three."""
    code = (
        "import sys; from remnant.targets import opening, recognise, describe, description; "
        "print([name for name in ('monai', 'scipy', 'pandas', 'torchvision', 'nibabel', 'matplotlib', 'lightning_fabric')"
        " if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
