import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.population import read_population


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_add_up_and_sexes_are_read_in_words(tmp_path):
    path = write(tmp_path / "p.csv", "age,sex,count,note\n0,F,10,x\n2,male,5,\n2,M,2.5,\n1, Female ,4,\n")
    found = read_population(path)
    assert found.women.tolist() == [10, 4, 0]
    assert found.men.tolist() == [0, 0, 7.5]
    assert found.people == 21.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("age,sex\n1,F\n", "'count'"),
        ("age,sex,count\n1,F,3\n30-34,F,5\n", "'30-34' as the age in line 3"),
        ("age,sex,count\n1.5,F,3\n", "whole year"),
        ("age,sex,count\n131,F,3\n", "0 to 130"),
        ("age,sex,count\n1,X,3\n", "'X' as the sex in line 2"),
        ("age,sex,count\n1,F,-3\n", "'-3' as the count"),
        ("age,sex,count\n1,F,many\n", "'many' as the count"),
        ("age,sex,count\n1,F,0\n", "add up to one person"),
        ("age,sex,count\n", "no rows"),
    ],
)
def test_a_table_that_does_not_serve_is_named(tmp_path, text, said):
    path = write(tmp_path / "p.csv", text)
    with pytest.raises(RemnantError, match=r"p\.csv") as found:
        read_population(path)
    assert said in str(found.value)


def test_all_faults_are_said_at_once(tmp_path):
    path = write(tmp_path / "p.csv", 'age,sex,count\n40,F,"1,234"\n90+,x,77\n')
    with pytest.raises(
        RemnantError,
        match=r"has 3 faults: .*'90\+' as the age in line 3.*'x' as the sex.*'1,234' as the count in line 2",
    ):
        read_population(path)


def test_no_table(tmp_path):
    with pytest.raises(RemnantError, match="does not exist"):
        read_population(tmp_path / "p.csv")
