import pytest

from remnant.base.config import Settings
from remnant.base.errors import RemnantError


class Inner(Settings):
    epochs: int = 3


class Outer(Settings):
    name: str = "x"
    inner: Inner = Inner()
    widths: tuple[int, ...] = (1, 2)


def test_settings_are_frozen_resolved_and_changed():
    settings = Outer().changed(name="y", inner={"epochs": 5})
    assert settings.resolved() == {"name": "y", "inner": {"epochs": 5}, "widths": [1, 2]}
    assert Outer.checked(**settings.resolved()) == settings
    with pytest.raises(ValueError, match="frozen"):
        settings.name = "z"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inner": {"epochs": "many"}}, r"^inner\.epochs must be a whole number\. Got 'many' instead\.$"),
        ({"inner": {"epochs": 1.5}}, r"^inner\.epochs must be a whole number\. Got 1\.5 instead\.$"),
        ({"inner": 3}, r"^inner must be a table\. Got 3 instead\.$"),
        ({"name": 3}, r"^name must be a text\. Got 3 instead\.$"),
        ({"colour": 1}, r"^colour is no setting here; it has name, inner, widths\.$"),
        ({"widht": 1}, r"^widht is no setting here; did you mean widths\?$"),
        ({"inner": {"epoch": 1}}, r"^inner\.epoch is no setting here; did you mean epochs\?$"),
        ({"epochs": 1}, r"^epochs is no setting here; did you mean inner\.epochs\?$"),
        ({"inner": {"widht": 1}}, r"^inner\.widht is no setting here; did you mean widths\?$"),
    ],
)
def test_what_does_not_fit_is_named(values, message):
    with pytest.raises(RemnantError, match=message):
        Outer.checked(**values)
    with pytest.raises(RemnantError, match=message):
        Outer().changed(**values)


def test_toml(tmp_path):
    path = tmp_path / "a.toml"
    with pytest.raises(RemnantError, match=r"a\.toml does not exist"):
        Outer().with_toml(path)
    path.write_text("name = ")
    with pytest.raises(RemnantError, match="is not valid TOML"):
        Outer().with_toml(path)
    path.write_text("[inner]\nepoch = 4")
    with pytest.raises(RemnantError, match=r"a\.toml does not fit: inner\.epoch"):
        Outer().with_toml(path)
    path.write_text("named = 'x'\n[inner]\nepoch = 4")
    with pytest.raises(RemnantError, match=r"did you mean epochs\? named is no setting here; did you mean name\?$"):
        Outer().with_toml(path)
    path.write_text("[inner]\nepochs = 4")
    assert Outer().with_toml(path).inner.epochs == 4


def test_a_file_replaces_some_settings_and_keeps_the_rest(tmp_path):
    path = tmp_path / "change.toml"
    path.write_text("[inner]\nepochs = 5\n")
    assert Outer(widths=(4,), name="y").with_toml(path) == Outer(widths=(4,), name="y", inner=Inner(epochs=5))


class Rated(Settings):
    rate: float = 0.5


class Whole(Settings):
    inner: Inner = Inner()
    rated: Rated = Rated()
    widths: tuple[int, ...] = (1, 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name = 'M\xfcller'", "is not valid TOML .*save it as UTF-8"),
        (b"widths = " + b"[" * 100000, "is not valid TOML .*recursion"),
        (b"inner.epochs = " + b"9" * 5000, "is not valid TOML"),
        (b"inner.epochs = 99999999999999999999", r"inner\.epochs: must have at most 18 digits"),
        (b"rated.rate = inf", r"rated\.rate must be a finite number"),
        (b"rated.rate = nan", r"rated\.rate must be a finite number"),
    ],
)
def test_a_file_that_no_run_could_keep(tmp_path, content, told):
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(RemnantError, match=told):
        Whole().with_toml(path)


def test_a_folder_is_no_configuration(tmp_path):
    with pytest.raises(RemnantError, match="is a folder"):
        Outer().with_toml(tmp_path)
