"""One radiograph from a file, by its first bytes and not by its name."""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort.files.dicom import is_dicom
from remnant.cohort.files.radiograph_dicom import read_dicom
from remnant.cohort.files.radiograph_image import Radiograph
from remnant.cohort.files.raster import read_raster

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# The endings that a folder is searched for; any other may be DICOM.
ENDINGS = (".png", ".jpg", ".jpeg", ".dcm")


def kind(path: Path) -> str | None:
    """'png', 'jpeg', 'dicom', or None for any other file; raise `RemnantError` where there is none."""
    try:
        with path.open("rb") as file:
            start = file.read(len(PNG))
    except OSError as error:
        raise RemnantError(
            f"{path} cannot be opened ({error.strerror}); check the path and your rights to it."
        ) from None
    if start.startswith(PNG):
        return "png"
    if start.startswith(JPEG):
        return "jpeg"
    return "dicom" if is_dicom(path) or path.suffix.lower() == ".dcm" else None


def read_radiograph(path: Path) -> Radiograph:
    """Read a PNG, JPEG or DICOM radiograph; raise `RemnantError` for what is none, damaged, in colour or of several frames."""
    path = Path(path)
    found = kind(path)
    if found == "dicom":
        return read_dicom(path)
    if found is None:
        raise RemnantError(f"{path} is no PNG, JPEG or DICOM; export the radiograph as one of them.")
    return read_raster(path)
