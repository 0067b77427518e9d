"""Orthanc, and commands of ours, as processes."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import requests
from dicomweb_client.api import DICOMwebClient

WAIT_S = 120  # on a busy machine
PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


class Orthanc:
    """A PACS of its own in `folder`, with DICOMweb at `url`; `client`: another's. `login`: user:password."""

    def __init__(self, folder: Path, login=None):
        port = free_port()
        user, _, password = (login or "").partition(":")
        settings = {
            "StorageDirectory": str(folder / "orthanc"),
            "IndexDirectory": str(folder / "orthanc"),
            "HttpPort": port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": login is not None,
            "RegisteredUsers": {user: password} if login else {},
            "Plugins": [PLUGIN],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))
        self.url = f"http://127.0.0.1:{port}/dicom-web"
        with (folder / "orthanc.log").open("w") as log:
            self._process = subprocess.Popen(["Orthanc", folder / "orthanc.json"], stdout=log, stderr=log)
        session = requests.Session()
        session.auth = (user, password) if login else None
        self.client = DICOMwebClient(self.url, session=session, timeout=WAIT_S)
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                assert session.get(f"{self.url}/studies", timeout=WAIT_S).status_code == 200
                return
            except requests.ConnectionError:
                assert time.monotonic() < deadline and self._process.poll() is None, (
                    folder / "orthanc.log"
                ).read_text()
                time.sleep(0.1)

    def results(self):
        """Study, series and SOP Instance UID of every DICOM SEG."""
        found = self.client.search_for_instances(search_filters={"Modality": "SEG"})
        return [tuple(one[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")) for one in found]

    def stop(self):
        self._process.kill()
        self._process.wait(WAIT_S)


class Process:
    """`remnant serve` of a segmenter; `url` once it listens, `stop` returns its exit code and the lines of its log."""

    def __init__(self, segmenter, *words):
        command = [sys.executable, "-m", "remnant", "serve", str(segmenter), "--port", "0", *map(str, words)]
        self._log = []
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=lambda: self._log.extend(self._process.stderr), daemon=True)
        self._reader.start()
        self.url = self._process.stdout.readline().strip()
        assert self.url, "".join(self._log)
        self.port = int(self.url.rpartition(":")[2])

    def signal(self, which):
        self._process.send_signal(which)

    def stop(self):
        self.signal(signal.SIGTERM)
        code = self._process.wait(WAIT_S)
        self._reader.join(10)
        return code, [json.loads(line) for line in self._log]

    def peak(self):
        """The most memory that it ever had, MiB."""
        return self._status("VmHWM:")

    def memory(self):
        """The memory that it has, MiB."""
        return self._status("VmRSS:")

    def _status(self, name):
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition(name)[2].split()[0]) / 1024

    def kill(self):
        self._process.kill()
        self._process.wait(WAIT_S)
