from remnant.studies.subbanna2021.plan import cells_of
from remnant.studies.subbanna2021.settings import preset


def test_the_search_waits_for_the_decoder_that_draws():
    settings = preset("smoke").changed(networks=["segnet"], latents="recovered")
    found = {cell.name: cell for cell in cells_of(settings)}
    assert found["recovered-segnet-fold2"].needs == ("attack-segnet-fold2-default",)
    assert not any(cell.name.startswith("recovered") for cell in cells_of(preset("smoke")))
