import hashlib
import subprocess

from remnant.base import provenance


def test_the_commit_is_of_the_code_not_of_a_repository_around_it(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    installed = tmp_path / "venv" / "provenance.py"
    installed.parent.mkdir()
    installed.write_text("code")
    git = ["git", "-C", str(tmp_path), *identity]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "a"], check=True)
    monkeypatch.setattr(provenance, "__file__", str(installed))
    assert provenance.versions()["commit"] is None
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "b"], check=True)
    commit = provenance.versions()["commit"]
    assert len(commit) == 12
    installed.write_text("other code")
    assert provenance.versions()["commit"] == f"{commit}-changed"


def test_hashes_and_hardware(tmp_path):
    (tmp_path / "a").write_bytes(b"weights")
    assert provenance.sha256(tmp_path / "a") == hashlib.sha256(b"weights").hexdigest()
    hardware = provenance.hardware()
    assert set(hardware) == {"cpu", "cores", "memory_gb", "gpu"} and hardware["memory_gb"] > 0
