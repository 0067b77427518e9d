import shutil
import stat
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import safetensors.torch
import SimpleITK as sitk
import torch

from remnant.base.errors import RemnantError
from remnant.cli.main import main
from remnant.cohort.files.nifti import read_mark, write_volume
from remnant.cohort.files.volume import read_header, read_volume
from remnant.defenses.privacynet import deploy
from remnant.defenses.privacynet.networks import ENCODER, SEGMENTER, TEMPLATE, load_client, load_server
from remnant.defenses.privacynet.secret import draw_secret
from remnant.defenses.privacynet.warping import warp_labels, warp_scan
from remnant.measure.overlap import dice


@pytest.fixture(scope="module")
def coded(trained, brains, tmp_path_factory):
    """A scan's code with its ticket beside it."""
    path = tmp_path_factory.mktemp("sent") / "code.nii.gz"
    client = load_client(trained.path)
    code, ticket = deploy.encode_scan(client, brains.cases[0].image)
    deploy.write_code(path, code, client)
    ticket.write(deploy.ticket_file(path))
    return path


def run(capsys, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["remnant", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code or 0, said.out.strip(), said.err.strip()


def test_a_code_tells_nothing_of_the_file_it_was_made_of(coded, trained, brains):
    client = load_client(trained.path)
    code, affine = read_volume(coded)
    assert code.shape == client.grid.shape and np.array_equal(affine, client.grid.affine)
    assert code.min() >= 0 and code.max() <= 1
    assert read_mark(coded) == client.mark and read_mark(brains.cases[0].image) == ""
    kept = deploy.ticket_file(coded)
    assert kept.name == "code.client.json" and stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = deploy.Ticket.read(kept)
    assert again.placing.shape == read_header(brains.cases[0].image).shape


def test_the_commands_bring_a_label_map_onto_the_scans_grid(coded, trained, brains, tmp_path, capsys, monkeypatch):
    scan = brains.cases[0].image
    code, labels = tmp_path / "sent" / "c.nii.gz", tmp_path / "labels.nii.gz"
    assert run(capsys, monkeypatch, "protect", "encode", scan, "--encoder", trained.path, "--out", code)[:2] == (
        0,
        str(code),
    )
    assert np.array_equal(read_volume(code)[0], read_volume(coded)[0])
    words = ("protect", "segment", code, "--segmenter", trained.path, "--out")
    assert run(capsys, monkeypatch, *words, labels)[:2] == (0, str(labels))
    found, header = read_header(labels), read_header(scan)
    assert found.shape == header.shape and np.allclose(found.affine, header.affine)
    # A server has no ticket: the map stays on the code's grid.
    deploy.ticket_file(code).unlink()
    assert run(capsys, monkeypatch, *words, tmp_path / "again.nii")[0] == 0
    assert read_header(tmp_path / "again.nii").shape == load_client(trained.path).grid.shape


@pytest.mark.parametrize("codes", [(0, 0), (1, 1)])
def test_the_label_map_lies_on_the_scan_for_itk_whatever_the_header_says(
    trained, brains, tmp_path, capsys, monkeypatch, codes
):
    source = nib.load(brains.cases[0].image)
    image = nib.Nifti1Image(np.asarray(source.dataobj), None)
    image.header.set_zooms(source.header.get_zooms())
    # Both transforms, of which one is mirrored: readers differ in which they believe.
    image.set_sform(source.affine, codes[0])
    image.set_qform(np.diag([-1, 1, 1, 1]) @ source.affine, codes[1])
    scan, code, labels = (tmp_path / f"{name}.nii.gz" for name in ("scan", "code", "labels"))
    nib.save(image, scan)
    if codes == (0, 0):
        # Where a header says nothing, nibabel takes left for right.
        mirrored = nib.Nifti1Image(np.asarray(source.dataobj)[::-1], None, image.header)
        nib.save(mirrored, scan)
    assert run(capsys, monkeypatch, "protect", "encode", scan, "--encoder", trained.path, "--out", code)[0] == 0
    assert run(capsys, monkeypatch, "protect", "segment", code, "--segmenter", trained.path, "--out", labels)[0] == 0
    found, wanted = (sitk.ReadImage(str(path)) for path in (labels, scan))
    for place in ("GetSize", "GetOrigin", "GetDirection", "GetSpacing"):
        assert np.allclose(getattr(found, place)(), getattr(wanted, place)(), atol=1e-4)
    header = nib.load(labels).header
    assert (int(header["sform_code"]), int(header["qform_code"])) == codes


def test_each_half_works_from_a_folder_of_its_own(trained, tmp_path):
    for name, files in (("client", (ENCODER, TEMPLATE)), ("server", (SEGMENTER,))):
        (tmp_path / name).mkdir()
        for file in files:
            shutil.copy(trained.checkpoints / file, tmp_path / name)
    assert load_client(tmp_path / "client").mark == load_server(tmp_path / "server").mark
    assert load_client(tmp_path / "client" / ENCODER).mark == load_server(tmp_path / "server" / SEGMENTER).mark
    with pytest.raises(RemnantError, match=r"encoder.safetensors does not exist"):
        load_client(tmp_path / "server")
    with pytest.raises(RemnantError, match="is not the client's half of a Privacy-Net"):
        load_client(tmp_path / "server" / SEGMENTER)
    shutil.copy(tmp_path / "server" / SEGMENTER, tmp_path / "client" / ENCODER)
    with pytest.raises(RemnantError, match="is not the client's half of a Privacy-Net"):
        load_client(tmp_path / "client")


def test_halves_that_were_not_trained_together(coded, trained, tmp_path):
    code, affine = read_volume(coded)
    other = tmp_path / "other.nii.gz"
    write_volume(other, code, affine, "0123456789ab")
    with pytest.raises(RemnantError, match="made by the encoder 0123456789ab, and this segmenter was trained with"):
        deploy.segment_code(load_server(trained.path), other)


def test_a_scan_is_not_taken_for_a_code(trained, brains):
    with pytest.raises(RemnantError, match="by no encoder of Privacy-Net"):
        deploy.segment_code(load_server(trained.path), brains.cases[0].image)


@pytest.mark.parametrize("what", ["contrast", "orientation"])
def test_a_scan_of_another_kind_is_told(trained, brains, tmp_path, what):
    image, affine = read_volume(brains.cases[0].image)
    if what == "contrast":
        changed = np.where(image > 0, image.max() - image + 1, 0).astype(np.float32)
    else:
        # The header says that up is forward.
        changed, affine = (
            image,
            affine @ np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, image.shape[1]], [0, 0, 0, 1.0]]),
        )
    write_volume(tmp_path / "scan.nii.gz", changed, affine)
    with pytest.raises(RemnantError, match="does not look like the scans that the encoder was trained on"):
        deploy.encode_scan(load_client(trained.path), tmp_path / "scan.nii.gz")


def test_a_ticket_of_something_else(tmp_path):
    (tmp_path / "a.client.json").write_text('{"matrix": [1]}')
    with pytest.raises(RemnantError, match="is not what `remnant protect encode` left at the client"):
        deploy.Ticket.read(tmp_path / "a.client.json")


def test_a_secret_is_drawn_afresh_for_every_code(deformed, brains, monkeypatch):
    client, scan = load_client(deformed.path), brains.cases[0].image
    assert client.network is None and client.mark == load_server(deformed.path).mark
    assert not safetensors.torch.load_file(deformed.checkpoints / ENCODER)
    (one, ticket), (other, again) = deploy.encode_scan(client, scan), deploy.encode_scan(client, scan)
    assert not np.allclose(one, other, atol=0.05) and not torch.equal(ticket.secret.flow, again.secret.flow)
    # The code is the scan as preparation lays it, deformed by what the ticket holds.
    image, _ = deploy.place_scan(scan, client.grid, client.preparation, client.template.numpy())
    assert np.allclose(one, warp_scan(torch.from_numpy(image)[None], ticket.secret)[0].numpy(), atol=1e-6)


def test_what_a_server_makes_of_a_deformed_scan_comes_back_onto_it(deformed, brains, tmp_path, monkeypatch):
    # The system's entropy draws weak deformations too: here the same one each time.
    draw = lambda law, *grid: draw_secret(*grid[:2], law, np.random.default_rng(0))  # noqa: E731
    monkeypatch.setattr(deploy, "draw_from", draw)
    client, scan = load_client(deformed.path), brains.cases[0].image
    _, ticket = deploy.encode_scan(client, scan)
    image = torch.from_numpy(deploy.place_scan(scan, client.grid, client.preparation, client.template.numpy())[0])
    # A server that is right about where the image is bright.
    truth = (image > 0.5).to(torch.uint8)
    bent = warp_labels(truth, ticket.secret)
    maps = torch.stack([bent == 0, bent == 1]).float()
    ticket.write(tmp_path / "a.client.json")
    found = deploy.Ticket.read(tmp_path / "a.client.json").undo(maps)
    expected = ticket.placing.back(truth.numpy())
    undone, left = (
        dice(labels[None], expected[None], 2)[0, 1] for labels in (found, ticket.placing.back(bent.numpy()))
    )
    assert found.shape == ticket.placing.shape and undone > 0.85 and undone > left + 0.1


def test_the_commands_undo_the_secret(deformed, brains, tmp_path, capsys, monkeypatch):
    scan, code, labels = brains.cases[0].image, tmp_path / "c.nii.gz", tmp_path / "labels.nii.gz"
    assert run(capsys, monkeypatch, "protect", "encode", scan, "--encoder", deformed.path, "--out", code)[0] == 0
    assert run(capsys, monkeypatch, "protect", "segment", code, "--segmenter", deformed.path, "--out", labels)[0] == 0
    found, header = read_header(labels), read_header(scan)
    assert found.shape == header.shape and np.allclose(found.affine, header.affine)
    kept = deploy.ticket_file(code)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    maps, _ = deploy.segment_code(load_server(deformed.path), code)
    assert np.array_equal(read_volume(labels)[0], deploy.Ticket.read(kept).undo(maps))


@pytest.mark.parametrize("taken", ["c.nii.gz", "c.client.json"])
def test_what_undoes_an_earlier_code_is_never_overwritten(deformed, brains, tmp_path, capsys, monkeypatch, taken):
    code = tmp_path / "c.nii.gz"
    words = ("protect", "encode", brains.cases[0].image, "--encoder", deformed.path, "--out")
    assert run(capsys, monkeypatch, *words, code)[0] == 0
    (tmp_path / ({"c.nii.gz", "c.client.json"} - {taken}).pop()).unlink()
    before = (tmp_path / taken).read_bytes()
    ended, _, said = run(capsys, monkeypatch, *words, code)
    assert ended == 2 and f"{taken} exists already" in said and said.count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == [taken] and (tmp_path / taken).read_bytes() == before


def test_codes_of_two_scans_that_differ_behind_a_point_keep_their_own_keys():
    names = {deploy.ticket_file(Path(name)).name for name in ("scan.1.nii.gz", "scan.2.nii.gz", "scan.1.nii")}
    assert names == {"scan.1.client.json", "scan.2.client.json"}


def test_a_code_that_cannot_be_written_leaves_nothing(deformed, brains, tmp_path, capsys, monkeypatch):
    words = ("protect", "encode", brains.cases[0].image, "--encoder", deformed.path, "--out", tmp_path / "c.png")
    ended, _, said = run(capsys, monkeypatch, *words)
    assert ended == 2 and "must end in .nii" in said and not list(tmp_path.iterdir())


def test_a_segmentation_replaces_no_file_of_the_users(coded, trained, tmp_path, capsys, monkeypatch):
    (tmp_path / "mine.nii.gz").write_text("mine")
    (tmp_path / "nowhere.nii.gz").symlink_to(tmp_path / "gone")
    for name in ("mine.nii.gz", "nowhere.nii.gz"):
        words = ("protect", "segment", coded, "--segmenter", trained.path, "--out", tmp_path / name)
        ended, _, said = run(capsys, monkeypatch, *words)
        assert ended == 2 and "exists already" in said
    assert (tmp_path / "mine.nii.gz").read_text() == "mine" and not (tmp_path / "gone").exists()


@pytest.mark.parametrize("codes", ["said", "none", "mirrored"])
def test_a_header_that_does_not_say_where_left_is_is_told(trained, brains, tmp_path, capsys, codes):
    scan = nib.load(brains.cases[0].image)
    image = nib.Nifti1Image(np.asarray(scan.dataobj), None if codes == "none" else scan.affine)
    image.header.set_zooms(scan.header.get_zooms())
    if codes == "none":
        image.header["qform_code"] = image.header["sform_code"] = 0
    if codes == "mirrored":
        image.set_qform(np.diag([-1.0, 1, 1, 1]) @ scan.affine, 1)
        image.set_sform(scan.affine, 1)
    nib.save(image, tmp_path / "scan.nii.gz")
    deploy.encode_scan(load_client(trained.path), tmp_path / "scan.nii.gz")
    said = capsys.readouterr().err
    assert ("it is assumed that its axes point" in said) == (codes != "said")
    assert codes != "none" or "point left, to the front, up" in said


def test_the_labels_of_a_case_lie_on_its_code(deformed, brains, monkeypatch):
    """As the client brings the server's labels back: moved by the same secret and placed by the same pose as the code."""
    client, case = load_client(deformed.path), brains.cases[0]
    scheme = brains.scheme(client.preparation.scheme)
    secret = draw_secret(client.grid.shape, client.grid.spacing, client.secret, np.random.default_rng(3))
    monkeypatch.setattr(deploy, "draw_from", lambda *_: secret)
    code, labels = deploy.encode_case(client, case, scheme)
    again, ticket = deploy.encode_scan(client, case.image)
    np.testing.assert_allclose(code, again, atol=1e-5)
    assert labels.dtype == np.uint8 and labels.shape == client.grid.shape and 1 < labels.max() < len(scheme.classes)
    maps = torch.nn.functional.one_hot(torch.from_numpy(labels).long(), len(scheme.classes)).movedim(-1, 0).float()
    raw, _ = read_volume(case.labels)
    truth = np.vectorize(scheme.mapping.get)(raw.astype(int)).astype(np.uint8)
    found = dice(ticket.undo(maps)[None], truth[None], len(scheme.classes))[0]
    straight = deploy.Ticket(ticket.placing, ticket.mark, None).undo(maps)
    assert found[1] > 0.7 and found[1] > dice(straight[None], truth[None], len(scheme.classes))[0][1] + 0.1
