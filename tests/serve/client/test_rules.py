import pytest

from remnant.base.errors import RemnantError
from remnant.serve.client.rules import Rule

TOLD = {"Modality": "MR", "SeriesDescription": "t1_MPRAGE (sag)", "StudyDate": "20260228", "StudyDescription": ""}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("Modality=MR", True),
        ("Modality=M", False),
        ("SeriesDescription=*T1*", True),
        ("SeriesDescription=t?_mprage (sag)", True),
        ("SeriesDescription=.*", False),
        ("StudyDescription=*", False),
        ("ProtocolName=*", False),
        ("StudyDate=20260228", True),
        ("StudyDate=20260227", False),
        ("StudyDate=20260228-", True),
        ("StudyDate=20260301-", False),
        ("StudyDate=-20260228", True),
        ("StudyDate=20260101-20260227", False),
    ],
)
def test_a_rule_fits_as_a_query_of_dicomweb_does(text, fits):
    assert Rule.read(text).fits(TOLD) is fits


@pytest.mark.parametrize("text", ["Modality", "Modality=", "PatientName=A*", "StudyDate=2026", "StudyDate=-", "=MR"])
def test_what_is_no_rule_is_told(text):
    with pytest.raises(RemnantError, match="is no rule; give"):
        Rule.read(text)
