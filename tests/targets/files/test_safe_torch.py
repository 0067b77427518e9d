import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.targets.files.safe_torch import require_safe_torch
from remnant.targets.opening import open_checkpoint


@pytest.mark.parametrize("version", ["2.9.1+cpu", "2.9.0", "1.13.1"])
def test_a_torch_that_can_be_tricked_opens_nothing(tmp_path, monkeypatch, version):
    torch.save({"weight": torch.ones(2)}, tmp_path / "a.pt")
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(RemnantError, match=r"CVE-2026-24747.*install torch 2\.10 or newer"):
        open_checkpoint(tmp_path / "a.pt")


@pytest.mark.parametrize("version", ["2.10.0", "2.10.0+cu128", "2.13.0", "3.0"])
def test_a_mended_torch_is_taken(monkeypatch, version):
    monkeypatch.setattr(torch, "__version__", version)
    require_safe_torch()
