import nibabel as nib
import numpy as np


def test_left_that_is_assumed_or_said_twice(clean, found):
    def spoil(directory):
        for name, codes in (("p0s0", (0, 0)), ("p1s0", (1, 1))):
            for folder in ("images", "labels"):
                path = directory / folder / f"{name}.nii.gz"
                image = nib.load(path)
                copy = nib.Nifti1Image(np.asarray(image.dataobj), None)
                copy.header.set_zooms(image.header.get_zooms())
                copy.set_sform(image.affine, codes[0])
                copy.set_qform(np.diag([-1, 1, 1, 1]) @ image.affine, codes[1])
                nib.save(copy, path)

    assumed, twice = found(clean(), "sides", spoil)
    assert assumed.severity == twice.severity == "warning"
    assert assumed.text.startswith("The header of 1 scan does not say where left is") and "p0s0" in assumed.examples[0]
    assert twice.text.startswith("The header of 1 scan says it twice") and "p1s0" in twice.examples[0]
    (mix,) = [one for one in found(clean(), "labels", spoil) if one.severity == "error"]
    assert "Left and right may be mirrored in a part of the cohort" in mix.text


def test_one_transform_is_sound(clean, found):
    assert found(clean(), "sides") == []
