"""Small files that are made to take time, or to trip whoever reads them: each ends soon, in a description or a sentence."""

import json
import resource
import struct
import time

import pytest
import safetensors.torch
import torch
from tests.targets.hostile import flat, sound, zipped

from remnant.base.errors import RemnantError
from remnant.targets.describe import show
from remnant.targets.description import as_json
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise

SECONDS = 5
ONE = torch.ones(1)
SHARED = [f"text {index}" for index in range(9_000)]
CASES = [f"case{index:05}" for index in range(20_000)]


def named(names):
    """A state_dict of so many names, all of one tensor's storage."""
    return dict.fromkeys(names, ONE)


def many(path, names):
    """Tensors of these names, in the format that takes least to write."""
    entries = {name: ([1], [4 * index, 4 * index + 4]) for index, name in enumerate(names)}
    flat(path, entries, 4 * len(entries))


def moments(index):
    return {"step": ONE, "exp_avg": ONE}


OPTIMIZER = {"state": {index: moments(index) for index in range(200)}, "param_groups": [{"lr": 1}]}
SLOW = {
    "holders_without_end": lambda path: torch.save(named(["m." * 200_000 + "a"]), path),
    "wrappers_without_end": lambda path: torch.save(named(["module." * 200_000 + "a"]), path),
    "short_names_of_many_parts": lambda path: many(
        path, ["m." * 400 + f"layer{index}.weight" for index in range(5000)]
    ),
    "blocks_of_a_resnet": lambda path: many(
        path, ["conv1.weight", *(f"layer1.{index}.conv1.weight" for index in range(100_000))]
    ),
    "as_many_blocks_as_may_be": lambda path: many(
        path, ["conv1.weight", *(f"layer1.{index}.conv1.weight" for index in range(9_900))]
    ),
    "blocks_of_a_transformer": lambda path: torch.save(
        {
            "encoder.pos_embedding": torch.ones(1, 5, 8),
            "class_token": torch.ones(1, 1, 8),
            "conv_proj.weight": torch.ones(8, 1, 2, 2),
            **named(f"encoder.layers.encoder_layer_{index}.mlp.0.weight" for index in range(9_900)),
        },
        path,
    ),
    "levels_of_a_segmenter": lambda path: torch.save(
        {
            **dict.fromkeys(
                (f"encoder.convolutions.{index}.weight" for index in range(3000)), torch.ones(1, 1, 1, 1, 1)
            ),
            "decoder.ups.2999.weight": torch.ones(1, 1, 2, 2, 2),
        },
        path,
    ),
    "one_list_under_many_keys": lambda path: torch.save(
        {"model": sound(), "hyper": {f"k{index}": SHARED for index in range(2000)}}, path
    ),
    "one_list_of_cases_under_many_keys": lambda path: torch.save(
        {"model": sound(), "hyper": {f"k{index}": CASES for index in range(15_000)}}, path
    ),
    "one_optimiser_under_many_keys": lambda path: torch.save(
        {"model": sound(), "trainer": {f"k{index}": OPTIMIZER for index in range(2000)}}, path
    ),
    "one_list_of_optimisers": lambda path: torch.save({"model": sound(), "optimizers": [OPTIMIZER] * 5000}, path),
    "tensors_without_end": lambda path: many(path, [f"a{index}" for index in range(100_000)]),
    "tensors_of_a_pickle_without_end": lambda path: torch.save(named(f"a{index}" for index in range(100_000)), path),
    "siblings_without_end": lambda path: many(path, ["model.conv.a", *(f"loss{index}.a" for index in range(9_000))]),
    "nested_names": lambda path: torch.save(named([".".join("ab" * index) for index in range(1, 200)]), path),
    "one_long_text": lambda path: torch.save({"model": sound(), "config": "/a" * 2_000_000 + "x:" * 1_000_000}, path),
    "texts_that_backtrack": lambda path: torch.save(
        {"model": sound(), "config": ["a" * 9000, "a." * 4500, "a/" * 4500, "A" + "a" * 900 + " ", "aa^" * 300]}, path
    ),
}
ODD = {
    "a_lone_surrogate": lambda path: torch.save({"model": sound() | {"a\ud800": ONE}, "k\udfff": "v\ud800"}, path),
    "steps_that_are_no_numbers": lambda path: torch.save(
        {
            "model": sound(),
            "optimizer": {
                "state": {
                    0: {"step": float("nan"), "exp_avg": ONE},
                    1: {"step": torch.tensor(float("inf"))},
                    2: {"step": torch.ones(2, 2)},
                    3: {"step": torch.tensor(1j)},
                },
                "param_groups": [{"lr": float("nan"), "weight_decay": float("inf"), "betas": (1, 2)}],
            },
        },
        path,
    ),
    "integers_of_many_digits": lambda path: torch.save(
        {
            "model": sound(),
            "n": 10**5000,
            "l": [10**5000],
            10**4999: 1,
            "optimizer": {"state": {}, "param_groups": [{"lr": 10**5000}]},
        },
        path,
    ),
    "complex_counters": lambda path: torch.save(
        {"bn.running_mean": torch.ones(1), "bn.num_batches_tracked": torch.tensor(1j), "a.weight": torch.ones(1, 1)},
        path,
    ),
    "a_zero_point_beyond": lambda path: zipped(
        path,
        b"\x80\x02}U\x01actorch._utils\n_rebuild_qtensor\n((U\x07storagectorch\nQInt8Storage\nU\x010U\x03cpuK\x04tQK\x00K\x04\x85K\x01\x85"
        b"(ctorch\nper_tensor_affine\nG?\xf0\x00\x00\x00\x00\x00\x00\x8a\x06\x00\x00\x00\x00\x00\x01t\x89}tRs.",
        bytes(4),
    ),
    "a_quantised_storage_of_a_plain_tensor": lambda path: zipped(
        path,
        b"\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nQInt8Storage\nU\x010U\x03cpuK\x04tQK\x00K\x04\x85K\x01\x85"
        b"\x89}tRs.",
        bytes(4),
    ),
    "four_bits": lambda path: header(path, {"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}, 2),
    "thousands_of_dimensions": lambda path: flat(path, {"a": ([1] * 5000, [0, 4])}, 4),
    "infinite_heads": lambda path: ours(path, '{"arguments": {"heads": Infinity}}'),
    "brackets_in_our_header": lambda path: ours(path, "[" * 100_000),
    "digits_in_our_header": lambda path: ours(path, '{"arguments": {"heads": ' + "9" * 5000 + "}}"),
    "strange_statistics": lambda path: torch.save(
        {
            "bn.running_mean": torch.ones(2, dtype=torch.complex64),
            "bn.running_var": torch.tensor(True),
            "q.running_mean": torch.ones(2).to(torch.float8_e5m2),
            "q.running_var": torch.ones(2, dtype=torch.uint16),
            "a.weight": torch.zeros(2, 2, dtype=torch.bool),
            "b.weight": torch.zeros(2, 2, dtype=torch.uint32),
        },
        path,
    ),
}


def header(path, entries, length):
    encoded = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + bytes(length))


def ours(path, text):
    safetensors.torch.save_file({"a.weight": torch.ones(1, 1)}, path, {"remnant": text})


def look(path):
    """What `remnant inspect` does, both ways."""
    try:
        described = recognise(open_checkpoint(path))
    except RemnantError as refusal:
        assert str(refusal).endswith(".") and str(refusal).isprintable() and len(str(refusal)) < 1000
        return str(refusal)
    show(described)
    text = as_json(described)
    # Standard JSON, which has neither NaN nor lone surrogates.
    json.loads(text, parse_constant=pytest.fail)
    json.dumps(json.loads(text), ensure_ascii=False).encode()
    return described


@pytest.mark.parametrize("name", SLOW)
def test_files_that_take_time_end_soon(tmp_path, name):
    SLOW[name](tmp_path / "a.pt")
    before = time.process_time()
    look(tmp_path / "a.pt")
    assert time.process_time() - before < SECONDS


@pytest.mark.parametrize("name", ODD)
def test_odd_files_end_in_a_description_or_a_sentence(tmp_path, name):
    ODD[name](tmp_path / "a.pt")
    look(tmp_path / "a.pt")


def test_no_room_to_map_a_file(tmp_path):
    """Also a sparse file, which takes no room on the disk."""
    path = tmp_path / "a.safetensors"
    flat(path, {"a": ([2**33], [0, 2**35])}, 0)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + 2**35)
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**34, before[1]))
    try:
        with pytest.raises(RemnantError, match="cannot"):
            open_checkpoint(path)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
