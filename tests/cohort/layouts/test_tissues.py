import numpy as np
import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.case import CLASSES
from remnant.cohort.layouts.freesurfer import tissue5_of_values
from remnant.cohort.layouts.tissues import as_tissue3, tissue_schemes


def test_tissues_merge_by_name():
    labels = np.arange(6).reshape(1, 2, 3)
    merged = as_tissue3(labels)
    assert merged.dtype == np.uint8 and merged.shape == labels.shape
    names = [CLASSES["tissue3"][index] for index in merged.ravel()]
    assert dict(zip(CLASSES["tissue5"], names, strict=True)) == {
        "none": "background",
        "gm": "gm",
        "wm": "wm",
        "nuclei": "gm",
        "csf_int": "csf",
        "csf_ext": "csf",
    }


@pytest.mark.parametrize("wrong", [6, -1])
def test_what_is_no_index_of_tissue5(wrong):
    with pytest.raises(RemnantError, match=f"indices from 0 to 5. Got {min(0, wrong)} to {max(0, wrong)} instead"):
        as_tissue3(np.array([0, wrong]))


def test_both_schemes_of_a_table_agree():
    table = {0: "none", 7: "nuclei", 8: "csf_ext", 9: "wm"}
    schemes = tissue_schemes(table)
    assert schemes["tissue5"].mapping == {0: 0, 7: 3, 8: 5, 9: 2}
    assert schemes["tissue3"].mapping == {0: 0, 7: 1, 8: 3, 9: 2}
    assert {name: scheme.classes for name, scheme in schemes.items()} == {
        name: CLASSES[name] for name in ("tissue5", "tissue3")
    }


# FreeSurfer's names of the values that its aseg holds, by tissue.
ASEG = {
    "gm": "3 42 8 47 17 53",
    "wm": "2 41 7 46 16 77 85 251 252 253 254 255",
    "nuclei": "10 49 11 50 12 51 13 52 18 54 26 58 28 60 80",
    "csf_int": "4 43 5 44 14 15 31 63 72",
    "csf_ext": "24",
    "none": "0 30 62",
}


def test_the_values_of_freesurfer():
    table = tissue5_of_values()
    for name, values in ASEG.items():
        assert {table[int(value)] for value in values.split()} == {name}
    assert {table[value] for value in (1000, 1035, 2012, 11101, 12175)} == {"gm"}
    assert {table[value] for value in (3001, 4035, 5002)} == {"wm"}
    # Desikan-Killiany has 36 values a side, Destrieux 76, wmparc 36 and one for what lies deep.
    assert sum(value >= 1000 for value in table) == 2 * (36 + 76 + 36 + 1)
    assert set(table.values()) == set(CLASSES["tissue5"])
    assert not {1, 6, 29, 61, 1036, 10999} & set(table)
