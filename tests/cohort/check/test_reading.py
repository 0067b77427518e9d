def test_what_the_reading_decided_is_a_warning_and_printed_once(clean, found, capsys):
    def spoil(data):
        text = (data / "manifest.csv").read_text().replace(",61,", ",999,", 1).replace(",p1,", ",P0,", 1)
        (data / "manifest.csv").write_text(text)

    ages, ids = found(clean(), "reading", spoil)
    assert (ages.severity, ages.text) == (
        "warning",
        "Taken as unknown: 1 age of manifest.csv other than years above 0 and up to 120 (such as 999).",
    )
    assert ids.files == 2 and ids.text.startswith("2 patients' ids differ from another's only in")
    assert "remnant: " not in capsys.readouterr().err
