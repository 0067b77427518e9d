import pytest

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.table import read_table

ROWS = "image,age,note\na.nii,40,ok\nb.nii,50,fine\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_as_programs_export_them(tmp_path, encoding, end, separator):
    path = tmp_path / "a.csv"
    text = ROWS.replace(",", separator).replace("\n", end)
    path.write_bytes(text.encode(encoding))
    if encoding == "utf-16-le":  # without a byte order mark it is text of another kind
        with pytest.raises(RemnantError, match=r"a.csv cannot be read as a table \(it holds bytes of 0\); .* as UTF-8"):
            read_table(path, ("image",))
        return
    table = read_table(path, ("image", "age"))
    assert table.to_dict("list") == {"image": ["a.nii", "b.nii"], "age": ["40", "50"], "note": ["ok", "fine"]}
    assert list(table.index) == [2, 3]


def test_latin_1_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes("image\nMüller\n".encode("latin-1"))
    with pytest.raises(RemnantError, match=r"cannot be read as a table .* export it again, as UTF-8"):
        read_table(tmp_path / "a.csv", ("image",))


def test_a_lone_quotation_mark_swallows_no_rows(put, tmp_path):
    path = put(tmp_path / "a.csv", 'image,note\na,ok\nb,"left handed\nc,ok\nd,"left handed\ne,ok\n')
    with pytest.raises(
        RemnantError, match=r"Line 3 of .*a.csv opens a quotation mark that is closed in line 5 or never"
    ):
        read_table(path, ("image",))
    # A pair of them in one cell is well.
    assert read_table(put(path, 'image,note\na,"left, handed"\n'), ("image",))["note"].tolist() == ["left, handed"]


def test_commas_at_the_end_shift_no_column(put, tmp_path):
    table = read_table(put(tmp_path / "a.csv", "image,age\na,40,\nb,50,,\nc\n\n,\n"), ("image",))
    assert table.to_dict("list") == {"image": ["a", "b", "c"], "age": ["40", "50", ""]}


def test_all_faults_come_in_one_message(put, tmp_path):
    path = put(tmp_path / "a.csv", 'image,age\na,1,2\nb,"3\nc",4\nd,1,2,3\n')
    with pytest.raises(RemnantError) as caught:
        read_table(path, ("image", "sex", "label"))
    text = str(caught.value)
    assert "has 4 faults: (1)" in text and "lacks the columns 'sex', 'label'" in text
    assert "Line 2 of" in text and "Line 3 of" in text and "Line 5 of" in text


def test_other_names_of_a_column_are_taken_and_told(put, tmp_path):
    path = put(tmp_path / "a.csv", "Patient ID,Age,Gender\n1,40,F\n")
    notes = []
    table = read_table(path, ("subject_id",), ("age", "sex", "session_id"), notes)
    assert table.to_dict("list") == {"subject_id": ["1"], "age": ["40"], "sex": ["F"]}
    assert [note.text for note in notes] == [
        "a.csv has other names for its columns; taken are 'Patient ID' as subject_id, 'Age' as age, 'Gender' as sex."
    ]
    # Of the right name no other is taken; of two others none.
    assert "Age" in read_table(put(path, "subject_id,age,Age\n1,2,3\n"), ("subject_id",), ("age",))
    with pytest.raises(RemnantError, match=r"has the columns 'Sex' and 'gender' for 'sex'; keep one of them"):
        read_table(put(path, "subject_id,Sex,gender\n1,F,F\n"), ("subject_id",), ("sex",))
    with pytest.raises(RemnantError, match=r"has the columns 'age' and 'age' for 'age'"):
        read_table(put(path, "subject_id,age,age\n1,2,3\n"), ("subject_id",), ("age",))


def test_more_columns_than_a_table_has(put, tmp_path):
    with pytest.raises(RemnantError, match="has 6000 columns, more than 5000"):
        read_table(put(tmp_path / "a.csv", ",".join(map(str, range(6000))) + "\n1\n"), ())


@pytest.mark.parametrize("start", [b"PK\x03\x04rest", b"\xd0\xcf\x11\xe0rest"])
def test_an_excel_file_is_called_so(tmp_path, start):
    (tmp_path / "a.csv").write_bytes(start)
    with pytest.raises(RemnantError, match=r"is an Excel file or a ZIP archive.*save it from there as CSV"):
        read_table(tmp_path / "a.csv", ("patient",))
