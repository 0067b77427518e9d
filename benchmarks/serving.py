"""Load a server of a segmenter with many clients at once: time against the bare network's, and against peers, in one run.

    python benchmarks/serving.py [--kserve PYTHON] [--mlserver PYTHON] [--out docs/results/speed/serving.json]

`remnant serve` and each peer, in turn, get the same requests of the same clients for the same network; peers are named by an
interpreter in which they are installed. `of_bare` is the seconds that all requests took, over those that the network alone
takes for as many codes in a process of its own, the median of turns before and after. `memory_mb` is what the server holds
after the first quarter of the requests, and at its end. Remnant and KServe send tensors in binary form; MLServer knows JSON
alone. Targets: no error, at most 1.2 times the bare network's time, memory that does not grow.
"""

import argparse
import json
import os
import shlex
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import torch

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.seeds import Seeds
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.networks import Networks, Server, load_server, save_pair
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.serve.protocol import CODE, HEADER_LENGTH, MAPS, Answer, Packed, Request, Tensor, packed, unpacked
from remnant.serve.server.models import maps_of

TARGET = {"of_bare": 1.2, "errors": 0, "growth_mb": 32}
CLASSES = ("background", "csf", "grey", "white")
PEERS = Path(__file__).parent / "serving_peers"
STARTS_S, ANSWERS_S = 120, 600


def pair(folder: Path, side: int, seed: int) -> Path:
    """An untrained pair for codes of `side` voxels: how long a network takes does not depend on what it learnt."""
    settings = privacynet_preset("cpu")
    networks = Networks.untrained(settings, len(CLASSES), Seeds(seed))
    folder.mkdir()
    save_pair(folder, networks, settings, Grid((side,) * 3, 192 / side), CLASSES, 0.5, None)
    return folder


def interpreter(name: str) -> str:
    """The absolute path of one; servers start in another folder. A link stays one: it makes a virtual environment."""
    path = Path(name).absolute()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{name} is no file")
    return str(path)


def port() -> int:
    """A free one."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@contextmanager
def served(command: list[str], where: int, ready: str, folder: Path, **environment: str) -> Iterator[int]:
    """A server from when its model is ready; its process' number."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)} | environment
    with (folder / f"{where}.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        deadline = time.monotonic() + STARTS_S
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{where}{ready}", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((folder / f"{where}.log").read_text()[-2000:])
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait(STARTS_S)


def memory(pid: int) -> float:
    """MB that a process and its children hold."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = Path(f"/proc/{pid}/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return own / 1024 + sum(memory(int(child)) for child in children)


def loaded(where: int, pid: int, sent: Packed, expected: np.ndarray, clients: int, requests: int) -> dict:
    """Seconds of each of the `requests` of so many `clients`, of all together, errors, and memory on the way."""
    left, seconds, errors, held = list(range(requests)), [], [], []
    lock = threading.Lock()

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{where}", timeout=ANSWERS_S, trust_env=False) as client:
            while True:
                with lock:
                    if not left:
                        return
                    number = left.pop(0)
                    if number in (requests // 4, requests - 1):
                        held.append(memory(pid))
                began = time.perf_counter()
                answer = client.post("/v2/models/net/infer", content=sent.body, headers=sent.headers)
                seconds.append(time.perf_counter() - began)
                if answer.status_code != 200:
                    errors.append(answer.text[:200])
                elif number % 50 == 0:
                    maps = unpacked(Answer, answer.content, answer.headers.get(HEADER_LENGTH)).tensors[0].array
                    if not np.array_equal(maps.reshape(expected.shape).astype(np.float16), expected):
                        errors.append("other maps")

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": time.perf_counter() - began,
        "p50": float(np.quantile(seconds, 0.5)),
        "p95": float(np.quantile(seconds, 0.95)),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "memory_mb": held,
    }


def bare(server: Server, code: np.ndarray, turns: int) -> list[float]:
    """Seconds that the network takes for a code, in each turn."""
    found = []
    for _ in range(turns):
        began = time.perf_counter()
        maps_of(server, code)
        found.append(time.perf_counter() - began)
    return found


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--side", type=int, default=64, help="of a code, in voxels")
    parser.add_argument("--kserve", type=interpreter, metavar="PYTHON", help="An interpreter that has kserve.")
    parser.add_argument("--mlserver", type=interpreter, metavar="PYTHON", help="One that has mlserver.")
    parser.add_argument("--turns", type=int, default=20, help="of the bare network, before and after each server")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/serving.json"))
    options = parser.parse_args()
    code = np.random.default_rng(options.seed).uniform(size=(1, *(options.side,) * 3)).astype(np.float16)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        net = pair(folder / "net", options.side, options.seed)
        server = load_server(net)
        expected = maps_of(server, code)
        site = sysconfig.get_path("purelib")

        def body(*, binary: bool) -> Packed:
            asked = Request((Tensor(CODE, code),), "load", {"mark": server.mark}, {MAPS: True} if binary else {})
            return packed(asked, binary=binary)

        def remnant(where: int) -> tuple[list[str], str, dict[str, str]]:
            return (
                [sys.executable, "-m", "remnant", "serve", str(net), "--port", str(where)],
                "/v2/health/ready",
                {},
            )

        def kserve(where: int) -> tuple[list[str], str, dict[str, str]]:
            script = PEERS / "kserve_segmenter.py"
            own = {"PYTHONPATH": str(Path(provenance.__file__).parents[2])}
            return [options.kserve, str(script), str(net), str(where), site], "/v2/models/net/ready", own

        def mlserver(where: int) -> tuple[list[str], str, dict[str, str]]:
            made = folder / "mlserver"
            made.mkdir()
            (made / "settings.json").write_text(
                json.dumps({"http_port": where, "grpc_port": port(), "metrics_port": port(), "parallel_workers": 0})
            )
            told = {"name": "net", "implementation": "mlserver_segmenter.Segmenter", "parameters": {"uri": str(net)}}
            (made / "model-settings.json").write_text(json.dumps(told))
            path = os.pathsep.join((str(Path(provenance.__file__).parents[2]), str(PEERS)))
            own = {"PYTHONPATH": path, "REMNANT_SITE_PACKAGES": site}
            return [str(Path(options.mlserver).with_name("mlserver")), "start", str(made)], "/v2/models/net/ready", own

        ways: dict[str, tuple[Callable, bool]] = {"remnant": (remnant, True)}
        ways |= {"kserve": (kserve, True)} if options.kserve else {}
        ways |= {"mlserver": (mlserver, False)} if options.mlserver else {}
        bare(server, code, 3)  # wakes the libraries
        for way, (made, binary) in ways.items():
            where = port()
            command, ready, own = made(where)
            before = bare(server, code, options.turns)
            with served(command, where, ready, folder, **own) as pid:
                sent = body(binary=binary)
                loaded(where, pid, sent, expected, 1, 3)  # wakes the server
                row = loaded(where, pid, sent, expected, options.clients, options.requests)
            alone = statistics.median(before + bare(server, code, options.turns))
            rows.append({"server": way, "bare": alone, "of_bare": row["seconds"] / (alone * options.requests), **row})
            print(
                f"{way}: {row['seconds']:.1f} s for {options.requests} requests of {options.clients} clients, "
                f"{rows[-1]['of_bare']:.2f} times the bare network's; half within {row['p50']:.2f} s, 95% within "
                f"{row['p95']:.2f} s; {row['errors']} errors; "
                f"{row['memory_mb'][0]:.0f} MB, at the end {row['memory_mb'][-1]:.0f} MB"
            )
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/serving.py", *sys.argv[1:]]),
            "seed": options.seed,
            "hardware": provenance.hardware()
            | {"threads": torch.get_num_threads(), "amx": torch.cpu._is_amx_tile_supported()},
            "versions": provenance.versions(),
            "side": options.side,
            "clients": options.clients,
            "requests": options.requests,
            "target": TARGET,
            "tables": {"serving": rows},
        },
    )


if __name__ == "__main__":
    main()
