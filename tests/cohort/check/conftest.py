"""Clean cohorts to spoil, and the findings of one check."""

from dataclasses import replace

import numpy as np
import pytest

from remnant.cohort.check import check_directory


@pytest.fixture
def clean(draw_head):
    """`clean(patients, sessions)`: heads in air, so that nothing but the anatomy differs between people."""

    def draw(patients=3, sessions=1):
        scans = {}
        for patient in range(patients):
            for session in range(sessions):
                head = draw_head(patient, shape=(24, 28, 24), spacing=(8.0, 8.0, 8.0))
                rng = np.random.default_rng((patient, session))
                # Rician air up to the very border.
                noisy = np.hypot(head.image + rng.normal(0, 4, head.image.shape), rng.normal(0, 4, head.image.shape))
                scans[f"p{patient}", f"s{session}"] = replace(head, image=np.round(10 * noisy).astype(np.float32))
        return scans

    return draw


@pytest.fixture
def found(tmp_path, write_manifest):
    """`found(scans, check, spoil)`: the findings of one check on scans on disk, after `spoil(directory)`."""

    def run(scans, check, spoil=None):
        directory = write_manifest(tmp_path / "data", scans)
        if spoil:
            spoil(directory)
        return [one for one in check_directory(directory, quiet=True).findings if one.check == check]

    return run
