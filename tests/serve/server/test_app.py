"""The server's routes, in this process: the protocol's answers, and a sentence for what it does not have."""

import asyncio
import json
import threading

import httpx
import numpy as np
import pytest

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.cohort.files.nifti import write_volume
from remnant.defenses.privacynet.deploy import segment_code
from remnant.defenses.privacynet.networks import load_server
from remnant.serve.protocol import HEADER_MOST, Answer, Metadata, unpacked
from remnant.serve.server import limits
from remnant.serve.server.models import load_models
from remnant.serve.server.refusal import RefusalError

SIZE = 2 * 16 * 20 * 16


def answer(response):
    assert response.status_code == 200, response.text
    return unpacked(Answer, response.content, response.headers.get("Inference-Header-Content-Length"))


def test_the_maps_are_those_of_the_local_pipeline_rounded(served, asked, pair, code, tmp_path, float32):
    here, _ = served()
    found = answer(here.infer(asked()))
    write_volume(tmp_path / "code.nii.gz", code[0].astype(np.float32), np.eye(4), load_server(pair()).mark)
    local, _ = segment_code(load_server(pair()), tmp_path / "code.nii.gz")
    np.testing.assert_array_equal(found.tensors[0].array, local.numpy().astype(np.float16))
    assert found.tensors[0].name == "maps" and (found.model, found.version) == ("net", 1)
    assert found.id == "7d0c4f2e-5a1b-4c3d-8e9f-001122334455"
    assert found.parameters == {"mark": load_server(pair()).mark}


def test_plain_json_and_every_way_to_ask_for_an_output_give_the_same(served, asked):
    here, _ = served()
    maps = answer(here.infer(asked())).tensors[0].array
    for values in ({"wanted": {}}, {"wanted": {"maps": False}}):
        for binary in (True, False):
            response = here.infer(asked(binary=binary, **values))
            assert response.headers["content-type"] == "application/json"
            np.testing.assert_array_equal(answer(response).tensors[0].array, maps)
    for binary in (True, False):
        response = here.infer(asked(binary=binary, wanted={}, answer_binary=True))
        assert response.headers["content-type"] == "application/octet-stream"
        np.testing.assert_array_equal(answer(response).tensors[0].array, maps)
    np.testing.assert_array_equal(answer(here.infer(asked(), "/v2/models/net/versions/1/infer")).tensors[0].array, maps)


def test_an_answer_has_one_length_whatever_the_code(served, asked, code):
    here, _ = served()
    lengths = {len(here.infer(asked(array=array)).content) for array in (code, code * 0, code[:, ::-1])}
    assert len(lengths) == 1


def test_models_say_what_they_take(served, pair):
    here, _ = served(models=load_models([pair(), pair("other", 1)]))
    for path in ("/v2/models/other", "/v2/models/other/versions/1"):
        found = Metadata.read(here("GET", path).content)
        assert found.name == "other" and found.versions == ["1"] and found.platform == "remnant_torch"
        assert (found.inputs[0].name, found.inputs[0].datatype, found.inputs[0].shape) == (
            "code",
            "FP16",
            [1, 16, 20, 16],
        )
        assert (found.outputs[0].name, found.outputs[0].datatype, found.outputs[0].shape) == (
            "maps",
            "FP16",
            [3, 16, 20, 16],
        )
        assert found.mark == load_server(pair("other", 1)).mark and found.classes == ("background", "grey", "white")
        assert here("GET", f"{path}/ready").json() == {"name": "other", "ready": True}
    assert here("GET", "/v2").json() == {
        "name": "remnant",
        "version": __version__,
        "extensions": ["binary_tensor_data"],
    }
    assert (
        here("GET", "/v2/health/live").json() == {"live": True} and here("GET", "/v2/health/ready").status_code == 200
    )


def test_what_is_not_there_is_told(served, asked, refused):
    here, _ = served()
    for path in ("/v2/models/x", "/v2/models/x/ready", "/v2/models/x/versions/1"):
        refused(here("GET", path), 404, "no model x here")
    refused(here.infer(asked(), "/v2/models/x/infer"), 404, "no model x here")
    for number in ("2", "0", "-1", "1.0", "a", "٣", "9" * 5000):
        refused(here("GET", f"/v2/models/net/versions/{number}"), 404, "has no version")
        refused(here.infer(asked(), f"/v2/models/net/versions/{number}/infer"), 404, "has no version")
    for path in ("/", "/v1", "/docs", "/v2/", "/v2/models/../../etc/passwd", "/v2/models/net%2F..%2Fx"):
        refused(here("GET", path), 404)
    refused(here("DELETE", "/v2"), 405, "Method Not Allowed")
    refused(here("GET", "/v2/models/a%0d%0aX-Set: 1"), 404, r"a\r\nX-Set: 1")


def test_only_codes_of_its_encoder_are_segmented(served, asked, refused):
    here, _ = served()
    refused(here.infer(asked(mark="f" * 12)), 409, "'ffffffffffff'", "was trained with the encoder")
    body = asked()
    refused(here.infer(type(body)(body.body.replace(b'"mark"', b'"kram"'), body.header)), 409, "no mark")


def test_what_is_no_code_is_told(served, asked, refused, code):
    here, _ = served()
    wrong = {
        "shape": (code[:, :-1], "FP16 of shape (1, 16, 20, 16). Got float16 of shape (1, 15, 20, 16)"),
        "dtype": (code.astype(np.float32), "Got float32"),
        "below": (code - np.float16(0.5), "must lie in [0, 1]"),
        "above": (code + np.float16(0.5), "must lie in [0, 1]"),
        "nan": (np.where(code > 0.5, np.float16("nan"), code), "NaN or infinity"),
    }
    for name, (array, said) in wrong.items():
        for binary in (True, False)[: 1 if name == "nan" else 2]:  # JSON has no NaN
            refused(here.infer(asked(array=array, binary=binary)), 400, said)
    body = asked()
    refused(
        here.infer(type(body)(body.body.replace(b'"name":"code"', b'"name":"scan"'), body.header)), 400, "named 'code'"
    )
    refused(here.infer(asked(wanted={"scan": True})), 400, "named 'maps'")
    refused(here.infer(type(body)(body.body[:-1], body.header)), 400, f"of which {SIZE - 1} came")
    refused(here.infer(type(body)(body.body, 10**8)), 400, "Inference-Header-Content-Length")


def test_a_segmenter_that_does_not_say_its_shape_takes_any_up_to_a_bound(
    served, asked, pair, code, refused, monkeypatch
):
    models = load_models([pair()])
    object.__setattr__(models["net"].versions[1], "shape", None)
    monkeypatch.setattr("remnant.serve.server.models.VOXELS", code.size)
    here, _ = served(models=models)
    assert here("GET", "/v2/models/net").json()["inputs"][0]["shape"] == [1, -1, -1, -1]
    assert answer(here.infer(asked(array=code[:, :8]))).tensors[0].array.shape == (3, 8, 20, 16)
    refused(here.infer(asked(array=code[0], binary=False)), 400, "[1, x, y, z]")
    refused(here.infer(asked(array=np.repeat(code, 2, axis=1), binary=False)), 400, "Got float16")


def test_a_body_is_refused_at_the_first_byte_too_many(served, refused, asked):
    here, _ = served()
    most = SIZE + HEADER_MOST
    pulled = 0

    async def endless():
        nonlocal pulled
        while True:
            pulled += 1000
            yield b"\0" * 1000

    headers = {"Inference-Header-Content-Length": "20", "Content-Type": "application/octet-stream"}
    response = here("POST", "/v2/models/net/infer", content=endless(), headers=headers)
    refused(response, 413, f"at most {most} bytes")
    assert most < pulled <= most + 1000 and response.headers["connection"] == "close"
    announced = here("POST", "/v2/models/net/infer", content=b"", headers=headers | {"Content-Length": str(10**10)})
    refused(announced, 413)
    assert announced.headers["connection"] == "close"
    refused(here("POST", "/v2/models/net/infer", content=b"", headers=headers | {"Content-Length": "9" * 5000}), 413)
    refused(here("POST", "/v2/models/net/infer", content=b"", headers=headers | {"Content-Length": "+1"}), 400)
    plain = {"Content-Length": str(limits.PLAIN_MOST + 1), "Content-Type": "application/json"}
    refused(here("POST", "/v2/models/net/infer", content=b"", headers=plain), 413, f"at most {limits.PLAIN_MOST}")
    # The next is served, on a connection that stays.
    sound = here.infer(asked())
    assert sound.status_code == 200 and "connection" not in sound.headers


def test_a_body_of_no_told_length_or_of_another_kind(served, refused):
    here, _ = served()
    refused(here("POST", "/v2/models/net/infer"), 400)
    for headers in ({"Content-Type": "text/plain"}, {"Content-Encoding": "gzip"}):
        refused(here("POST", "/v2/models/net/infer", content=b"{}", headers=headers), 415, "not compressed")

    async def without():
        sent = []

        async def send(message):
            sent.append(message)

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "POST", "path": "/v2/models/net/infer", "headers": [], "query_string": b""}
        await here.app(scope | {"client": ("127.0.0.1", 1), "raw_path": b"", "root_path": ""}, receive, send)
        return sent[0]["status"]

    assert asyncio.run(without()) == 411


def test_a_slow_or_broken_upload_is_let_go(served, refused, monkeypatch):
    here, _ = served()

    async def slow():
        yield b"{"
        await asyncio.sleep(30)
        yield b"}"

    monkeypatch.setattr(limits, "ARRIVES_S", 0.05)
    refused(here("POST", "/v2/models/net/infer", content=slow()), 408, "within 0 s")
    assert here.app.state.slots.taken == 0


def test_who_is_too_many_is_sent_away(served, asked, refused):
    """More at once than there are slots are told to come again; the others are answered, and all slots are free then."""
    here, _ = served()
    here.app.state.slots._most = 3
    body = asked()
    request = ("POST", "/v2/models/net/infer", {"content": body.body, "headers": body.headers})
    found = here.together(*[request] * 8)
    assert sorted(response.status_code for response in found) == [200] * 3 + [503] * 5
    busy = next(response for response in found if response.status_code == 503)
    refused(busy, 503, "busy")
    assert busy.headers["retry-after"] == "5"
    assert here.app.state.slots.taken == 0
    assert here.infer(body).status_code == 200


def test_health_is_told_while_a_network_computes(served, asked, monkeypatch):
    """The event loop is free: of a network that waits for the health check, the answer comes."""
    told = threading.Event()
    here, _ = served()
    original = here.app.state.models["net"].versions[1].network.forward

    def forward(batch):
        assert told.wait(20)
        return original(batch)

    monkeypatch.setattr(here.app.state.models["net"].versions[1].network, "forward", forward)
    body = asked()

    async def both():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(here.app), base_url="http://here") as client:
            slow = asyncio.create_task(client.post("/v2/models/net/infer", content=body.body, headers=body.headers))
            while here.app.state.slots.taken == 0:
                await asyncio.sleep(0.01)
            health = await client.get("/v2/health/live")
            assert not slow.done()
            told.set()
            return health.status_code, (await slow).status_code

    assert asyncio.run(both()) == (200, 200)


def test_one_who_asks_too_often_waits_and_others_do_not():
    now = [0.0]
    rate = limits.Rate(2, 3, lambda: now[0])
    for _ in range(3):
        rate.take("a")
    with pytest.raises(RefusalError, match="try again in 1 s") as error:
        rate.take("a")
    assert error.value.status == 429 and error.value.headers == {"Retry-After": "1"}
    rate.take("b")
    now[0] = 0.5
    rate.take("a")
    with pytest.raises(RefusalError):
        rate.take("a")
    now[0] = 1000.0
    for _ in range(3):
        rate.take("a")
    with pytest.raises(RefusalError):
        rate.take("a")


def test_rates_are_remembered_of_so_many(monkeypatch):
    monkeypatch.setattr(limits, "TENANTS", 10)
    rate = limits.Rate(1, 1, lambda: 0.0)
    for tenant in range(100):
        rate.take(tenant)
    assert len(rate._left) == 10
    with pytest.raises(RefusalError):
        rate.take(99)


def test_a_fault_is_one_sentence_without_its_reason(served, asked, refused, monkeypatch):
    here, lines = served()
    monkeypatch.setattr(here.app.state.models["net"].versions[1].network, "forward", lambda batch: 1 / 0)
    assert "division" not in refused(here.infer(asked()), 500, "fault of the server")
    assert lines[-1]["status"] == 500 and here.app.state.slots.taken == 0


def test_the_log_tells_who_and_what_and_nothing_of_a_client_s_words(served, asked):
    here, lines = served()
    here.infer(asked(), headers={"X-Patient": "Zqhk"})
    here("GET", "/v2/models/Zqhk?name=Zqhk")
    here("GET", "/Zqhk")
    assert [line["status"] for line in lines] == [200, 404, 404]
    first = lines[0]
    assert (first["tenant"], first["route"], first["model"], first["version"]) == (
        "local",
        "/v2/models/{name}/infer",
        "net",
        1,
    )
    assert first["received"] == len(asked().body) and first["sent"] > 3 * SIZE and first["seconds"] > 0
    assert (lines[1]["model"], lines[1]["route"], lines[2]["route"]) == (None, "/v2/models/{name}", "unknown")
    assert "Zqhk" not in json.dumps(lines)


def test_metrics_count_by_route(served, asked):
    here, _ = served()
    here.infer(asked())
    here("GET", "/v2/models/Zqhk")
    text = here("GET", "/metrics").text
    assert 'remnant_requests_total{route="/v2/models/{name}/infer",status="200"} 1.0' in text
    assert 'remnant_requests_total{route="/v2/models/{name}",status="404"} 1.0' in text
    assert 'remnant_network_seconds_count{model="net"} 1.0' in text
    assert f'remnant_received_bytes_total{{route="/v2/models/{{name}}/infer"}} {float(len(asked().body))}' in text
    assert "remnant_requests_in_memory 0.0" in text and "Zqhk" not in text


def test_the_document_has_every_route_and_no_422(served):
    here, _ = served()
    paths = here("GET", "/openapi.json").json()["paths"]
    assert {"/v2", "/v2/health/live", "/v2/health/ready", "/metrics"} < paths.keys()
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        assert {"get"} == paths[path].keys() == paths[f"{path}/ready"].keys()
        responses = paths[f"{path}/infer"]["post"]["responses"]
        assert {"200", "400", "401", "403", "404", "408", "409", "411", "413", "415", "429", "503"} == responses.keys()
    assert not any("422" in operation["responses"] for path in paths.values() for operation in path.values())


def test_models_are_named_by_their_folders(pair):
    assert load_models([pair()]).keys() == {"net"}
    assert load_models([pair() / "segmenter.safetensors"]).keys() == {"segmenter"}
    with pytest.raises(RemnantError, match="Two segmenters are named net"):
        load_models([pair(), pair() / ".." / "net"])
