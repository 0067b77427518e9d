import pytest

from remnant.studies.subbanna2021.plan import cells_of
from remnant.studies.subbanna2021.recovered import recovered_in_words
from remnant.studies.subbanna2021.settings import preset


def rows(*ps):
    return [
        {"network": "unet", "fold": fold, "drawn": drawn, "p": p if drawn == "beyond_random" else 0.01}
        for fold, p in enumerate(ps)
        for drawn in ("searched", "random", "beyond_random")
    ]


@pytest.mark.parametrize(
    ("ps", "count", "told"),
    [
        ((0.5, 0.3, 0.9, 0.2), "0 of 4", "does not find members"),
        # One of four is not yet more than chance.
        ((0.01, 0.3, 0.9, 0.2), "1 of 4", "does not find members"),
        ((0.01, 0.02, 0.9, 0.2), "2 of 4", "in the weights alone"),
    ],
)
def test_the_verdict_counts_what_goes_beyond_random_latents(ps, count, told):
    said = recovered_in_words(rows(*ps))
    assert count in said and told in said


def test_the_search_waits_for_the_decoder_that_draws():
    settings = preset("smoke").changed(networks=["segnet"], latents="recovered")
    found = {cell.name: cell for cell in cells_of(settings)}
    assert found["recovered-segnet-fold2"].needs == ("attack-segnet-fold2-default",)
    assert not any(cell.name.startswith("recovered") for cell in cells_of(preset("smoke")))
