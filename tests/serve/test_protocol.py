"""Tensors on the wire: what goes in comes out, what is of another form is told, and lengths tell nothing."""

import json
import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remnant.base.errors import RemnantError
from remnant.serve.protocol import HEADER_MOST, Answer, Metadata, Request, Tensor, packed, unpacked

CODE = np.linspace(0, 1, 24).astype(np.float16).reshape(1, 2, 3, 4)


def request(**values):
    return Request((Tensor("code", CODE),), **values)


def raw(value, rest=b""):
    header = json.dumps(value).encode()
    return header + rest, str(len(header))


def told(**changes):
    tensor = {"name": "code", "datatype": "FP16", "shape": [1, 2, 3, 4], "parameters": {"binary_data_size": 48}}
    return {"inputs": [tensor | changes]}


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8])
def test_what_goes_in_comes_out(binary, dtype):
    array = (np.arange(24) * (1 if dtype is np.uint8 else 1 / 7)).astype(dtype).reshape(4, 3, 2)
    sent = Request(
        (Tensor("code", CODE), Tensor("labels", array.transpose(2, 0, 1))), "an id", {"mark": "ab"}, {"maps": True}
    )
    body = packed(sent, binary=binary)
    found = unpacked(Request, body.body, None if body.header is None else str(body.header))
    assert (found.id, found.parameters, found.wanted) == ("an id", {"mark": "ab"}, {"maps": True})
    for one, other in zip(found.tensors, sent.tensors, strict=True):
        assert one.name == other.name and one.array.dtype == other.array.dtype
        np.testing.assert_array_equal(one.array, other.array)
    answer = packed(Answer((Tensor("maps", array),), "net", 3, "an id", {"mark": "ab"}), binary=binary)
    back = unpacked(Answer, answer.body, None if answer.header is None else str(answer.header))
    assert (back.model, back.version, back.id, back.parameters) == ("net", 3, "an id", {"mark": "ab"})
    np.testing.assert_array_equal(back.tensors[0].array, array)


def test_bytes_are_those_of_the_protocol():
    """Written out by hand, as another implementation of it would."""
    body = packed(request(id="7", wanted={"maps": True}))
    header = json.loads(body.body[: body.header])
    assert header["inputs"] == [
        {"name": "code", "datatype": "FP16", "shape": [1, 2, 3, 4], "parameters": {"binary_data_size": 48}}
    ]
    assert header["outputs"] == [{"name": "maps", "parameters": {"binary_data": True}}] and header["id"] == "7"
    assert body.body[body.header :] == CODE.astype("<f2").tobytes()
    assert body.headers == {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(body.header),
    }
    plain = packed(request(), binary=False)
    assert plain.headers == {"Content-Type": "application/json"}
    assert json.loads(plain.body)["inputs"][0]["data"] == CODE.ravel().tolist()


def test_whether_outputs_are_binary_is_asked_in_either_way():
    body = packed(request(binary=True))
    assert unpacked(Request, body.body, str(body.header)).binary
    value = json.loads(packed(request(binary=True), binary=False).body) | {"outputs": [{"name": "maps"}]}
    assert unpacked(Request, json.dumps(value).encode(), None).wanted == {"maps": True}


def test_lengths_tell_nothing():
    """One length whatever the id, the mark and the intensities are, and the header's is a multiple of 512."""
    lengths = set()
    for scale in (0, 1):
        sent = Request((Tensor("code", CODE * scale),), str(uuid.uuid4()), {"mark": "a" * (12 + scale)}, {"maps": True})
        body = packed(sent)
        lengths.add((len(body.body), body.header % 512))
    assert len(lengths) == 1 and lengths.pop()[1] == 0


def test_arrays_are_read_only_views_of_the_body():
    body = packed(request())
    array = unpacked(Request, bytearray(body.body), str(body.header)).tensors[0].array
    assert not array.flags.writeable and array.base is not None


BAD = {
    "no JSON": (b"{", "1", "not JSON"),
    "not UTF-8": (b"\xff\xfe{}", None, "not JSON"),
    "deep": (b"[" * 100_000, None, "not JSON"),
    "digits": (b'{"inputs": ' + b"9" * 10_000 + b"}", None, "not JSON"),
    "no table": (*raw([]), "table"),
    "no inputs": (*raw({}), "inputs is missing"),
    "empty inputs": (*raw({"inputs": []}), "inputs must have at least 1"),
    "NaN in the header": (b'{"inputs": NaN}', None, "holds NaN"),
    "header longer than the body": (b"{}", "3", "Content-Length '3'"),
    "no number": (b"{}", "+2", r"'\+2'"),
    "no digit of ours": (b"{}", "٢", "at most"),
    "header too long": (b" " * (HEADER_MOST + 2), str(HEADER_MOST + 1), "at most 65536"),
    "cut off": (*raw(told(), CODE.tobytes()[:-1]), "of which 47 came"),
    "too long": (*raw(told(), CODE.tobytes() + b"\0"), "1 bytes behind"),
    "size lies": (*raw(told(parameters={"binary_data_size": 46}), CODE.tobytes()[:-2]), "48 bytes"),
    "size no number": (*raw(told(parameters={"binary_data_size": True}, shape=[1]), b"\0"), "2 bytes"),
    "size below 0": (*raw(told(parameters={"binary_data_size": -48}), CODE.tobytes()), "48 bytes"),
    "huge": (*raw(told(shape=[2**30, 2**30, 2**30])), "of which 0 came"),
    "side below 1": (*raw(told(shape=[0, 2])), "shape.0 must be at least 1"),
    "side no number": (*raw(told(shape=["1"])), "whole number"),
    "datatype": (*raw(told(datatype="BYTES")), "of 'BYTES'; it must be of FP16, FP32, UINT8"),
    "NaN": (*raw(told(shape=[1], parameters={"binary_data_size": 2}), b"\x00\x7e"), "NaN or infinity"),
    "twice": (*raw({"inputs": told(shape=[1], data=[0], parameters={})["inputs"] * 2}), "twice"),
    "strings": (*raw(told(shape=[1], data=["1"], parameters={})), "no FP16 numbers"),
    "ragged": (*raw(told(shape=[3], data=[[1], [1, 2]], parameters={})), "no FP16 numbers"),
    "no data": (*raw(told(parameters={})), "no FP16 numbers"),
    "truths": (*raw(told(shape=[1], data=[True], parameters={})), "no FP16 numbers"),
    "over FP16": (*raw(told(shape=[1], data=[1e9], parameters={})), "NaN or infinity"),
    "huge number": (*raw(told(shape=[1], data=[10**400], parameters={})), "no FP16 numbers"),
    "over UINT8": (*raw(told(datatype="UINT8", shape=[1], data=[256], parameters={})), "no UINT8 numbers"),
    "too few": (*raw(told(data=[1.0], parameters={})), "with 1 numbers"),
    "id": (*raw(told() | {"id": "x" * 129}), "id must have at most 128"),
    "parameter": (*raw(told() | {"parameters": {"mark": []}}), "parameters"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_of_another_form_is_one_sentence(name):
    body, header, said = BAD[name]
    with pytest.raises(RemnantError, match=said) as error:
        unpacked(Request, body, header)
    assert len(str(error.value)) < 500 and str(error.value).endswith(".")


def test_an_answer_of_another_server_is_read():
    """MLServer writes out what it has none of."""
    output = told(shape=[1], data=[0.5], parameters=None)["inputs"][0]
    value = {"model_name": "a", "model_version": None, "id": None, "parameters": None, "outputs": [output]}
    found = unpacked(Answer, json.dumps(value).encode(), None)
    assert (found.version, found.id, found.parameters, found.tensors[0].array.tolist()) == (1, None, {}, [0.5])


def test_an_answer_of_another_form_is_told():
    value = {
        "model_name": "a",
        "model_version": "newest",
        "outputs": told(data=[0.0], shape=[1], parameters={})["inputs"],
    }
    with pytest.raises(RemnantError, match="no number"):
        unpacked(Answer, json.dumps(value).encode(), None)
    with pytest.raises(RemnantError, match="model_name is missing"):
        unpacked(Answer, b"{}", None)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_bodies_are_read_or_told(data):
    """Whatever becomes of its bytes."""
    body = packed(request(id="x"))
    mutated = bytearray(body.body)
    for place in data.draw(st.lists(st.integers(0, len(mutated) - 1), max_size=6)):
        mutated[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(mutated)))
    header = data.draw(st.sampled_from([str(body.header), "0", str(cut), None]))
    try:
        found = unpacked(Request, bytes(mutated[:cut]), header)
    except RemnantError:
        return
    assert all(np.isfinite(tensor.array).all() for tensor in found.tensors)


def test_metadata_are_read():
    value = {
        "name": "net",
        "versions": ["1"],
        "platform": "remnant_torch",
        "inputs": [{"name": "code", "datatype": "FP16", "shape": [1, 4, 4, 4]}],
        "outputs": [{"name": "maps", "datatype": "FP16", "shape": [2, 4, 4, 4]}],
        "parameters": {"mark": "0" * 12, "classes": '["none", "gm"]'},
    }
    found = Metadata.read(json.dumps(value).encode())
    assert found.mark == "0" * 12 and found.classes == ("none", "gm") and found.inputs[0].shape == [1, 4, 4, 4]
    assert Metadata.read(json.dumps(value | {"parameters": {}}).encode()).classes == ()
    for wrong in (value | {"inputs": 3}, value | {"parameters": {"mark": 1}}):
        with pytest.raises(RemnantError, match="does not fit the protocol"):
            Metadata.read(json.dumps(wrong).encode())
    with pytest.raises(RemnantError, match="no list of names"):
        _ = Metadata.read(json.dumps(value | {"parameters": {"classes": "[1]"}}).encode()).classes
