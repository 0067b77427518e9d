import warnings

import numpy as np
import pydicom

from remnant.cohort.check import check_directory


def test_no_value_of_a_header_gets_into_a_warning(tmp_path, write_series, capfd, recwarn):
    """pydicom converts values when they are first looked at, and quotes those that it finds odd."""

    def change(header):
        header.add_new("FrameOfReferenceUID", "UI", "SMITH^JOHN")
        header.add_new("PatientAge", "AS", "SMITH^JOHN")

    before = pydicom.config.settings.writing_validation_mode
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        write_series(tmp_path, np.arange(64.0).reshape(4, 4, 4), change=change)
    finally:
        pydicom.config.settings.writing_validation_mode = before
    recwarn.clear()
    warnings.simplefilter("always")
    found = check_directory(tmp_path)
    assert any("UIDs" in one.text for one in found.findings)
    assert not recwarn.list and "SMITH" not in "".join(capfd.readouterr())
