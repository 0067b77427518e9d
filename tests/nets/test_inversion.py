import pytest
import torch

from remnant.nets.inversion import ImageDecoder, MirrorDecoder
from remnant.nets.segmenter import Segmenter

WIDTHS = (4, 6, 8, 10)
SHAPE = (32, 48, 16)


def decoders():
    torch.manual_seed(0)
    image = ImageDecoder(SHAPE, WIDTHS)
    for weights in image.parameters():
        # The layer that starts at zero would draw the mean image whatever the latent.
        if not weights.any():
            torch.nn.init.normal_(weights)
    return {"mirror": MirrorDecoder(WIDTHS), "bare": MirrorDecoder(WIDTHS, "none"), "image": image}


@pytest.mark.parametrize("name", ["mirror", "bare", "image"])
def test_the_latent_alone_decides_what_is_drawn(name):
    decoder = decoders()[name].eval()
    latent = torch.rand(3, 10, 2, 3, 1, generator=torch.Generator().manual_seed(1))
    drawn = decoder(latent)
    assert drawn.shape == (3, 1, *SHAPE)
    # Nothing of the other scans in the batch, of what was drawn before, or of chance.
    torch.testing.assert_close(decoder(latent[1:2]), drawn[1:2])
    assert (drawn[0] - drawn[1]).abs().max() > 1e-4


def test_a_decoder_has_no_place_for_skips():
    latent, skips, _ = Segmenter("unet", 4, WIDTHS).encoder.levels(torch.rand(1, 1, *SHAPE), indices=False)
    for decoder in decoders().values():
        with pytest.raises(TypeError):
            decoder(latent, skips)


def test_training_starts_from_the_mean_image():
    torch.manual_seed(0)
    decoder = ImageDecoder(SHAPE, WIDTHS)
    decoder.mean.copy_(torch.rand(1, 1, *SHAPE))
    assert torch.equal(decoder(torch.randn(2, 10, 2, 3, 1)), decoder.mean.expand(2, -1, -1, -1, -1))
    assert "mean" in decoder.state_dict() and "mean" not in dict(decoder.named_parameters())


def test_the_size_of_the_published_decoder():
    ups = sum(64 * a * b + b for a, b in ((128, 64), (64, 32), (32, 16), (16, 1)))
    assert sum(weights.numel() for weights in MirrorDecoder().parameters()) == ups + 2 * (64 + 32 + 16)
