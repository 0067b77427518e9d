import torch

from remnant.base.seeds import Seeds


def test_a_branch_is_the_same_whoever_drew_before():
    alone = Seeds(0).child("fold0", "unet").numpy().random(3).tolist()
    root = Seeds(0)
    root.child("fold1").numpy().random(100)
    root.numpy().random(100)
    assert root.child("fold0").child("unet").numpy().random(3).tolist() == alone
    # Pinned: a result that was published must come out of its seed again.
    assert Seeds(0).child("fold0", "unet").integer == 4701057024766238926


def test_branches_differ_by_seed_and_by_name():
    branches = [Seeds(seed).child(*names) for seed in (0, 1) for names in ((), ("a",), ("b",), ("a", "b"), (1,))]
    assert len({branch.integer for branch in branches}) == len(branches)
    assert all(0 <= branch.integer < 2**63 for branch in branches)


def test_torch_and_numpy_start_anew_each_time():
    branch = Seeds(3).child("x")
    assert torch.equal(torch.rand(4, generator=branch.torch()), torch.rand(4, generator=branch.torch()))
    assert (branch.numpy().random(4) == branch.numpy().random(4)).all()
