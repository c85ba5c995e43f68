"""Settings: where they come from, what is refused, and what is written down."""

from pathlib import Path

import pytest

from project_name import settings
from project_name.config import Config, ConfigError
from project_name.train import main


def test_each_value_says_where_it_is_from() -> None:
    """The default, the base file, the chosen file and --set lie over each other in that order."""
    chosen = settings.load("debug", ["optim.lr=1e-3", "data.path=some where"])
    assert chosen.config.optim.lr == 1e-3
    assert chosen.config.data.path == "some where"
    assert chosen.config.data.train_size == 512
    assert chosen.sources["optim.lr"] == "--set"
    assert chosen.sources["data.train_size"] == "debug.toml"
    assert chosen.sources["seed"] == "base.toml"
    assert chosen.sources["optim.clip_norm"] == "default"


@pytest.mark.parametrize("file", sorted(settings.CONFIGS.glob("*.toml")), ids=lambda p: p.stem)
def test_what_is_written_down_gives_the_same_again(file: Path) -> None:
    """Each configuration of the project can be used, and its resolved text means the same."""
    chosen = settings.load(file.stem, ['data.path="한글 \\"q\\" \\\\ 😀"', "optim.lr=1e-05"])
    again = settings.reload(chosen.to_toml(), "checkpoint")
    assert again.config == chosen.config
    assert set(again.sources.values()) == {"checkpoint"}


def test_without_files_there_are_defaults() -> None:
    """The dataclasses alone are a configuration that can be used."""
    assert settings.reload("", "nowhere").config == Config()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optim.lrr=1", "nearest: 'optim.lr'"),
        ("optim=1", "no setting 'optim'"),
        ("model.kind=resnet", "one of: cnn, mlp"),
        ("train.epochs=many", "takes a whole number"),
        ("train.epochs=1.5", "takes a whole number"),
        ("train.epochs=true", "takes a whole number"),
        ("train.compile=1", "takes true or false"),
        ("optim.lr=nan", "finite"),
        ("data.path=3", "takes text"),
        ("train.epochs=0", "too small"),
        ("model.dropout=1.0", "share"),
        ("train.monitor=best loss", "min or max"),
        ("name=../up", "no folder's name"),
        ("optim.lr", "name=value"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(
    override: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped setting ends with 2, and the message helps."""
    with pytest.raises(ConfigError, match=said):
        settings.load("debug", [override])
    assert main(["--config", "debug", "--set", override]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_file_names_the_known_ones(tmp_path: Path) -> None:
    """A configuration that is not there is answered with those that are; a damaged one named."""
    with pytest.raises(ConfigError, match=r"base, debug, t4"):
        settings.load("debgu")
    broken = tmp_path / "broken.toml"
    broken.write_text("a = ")
    with pytest.raises(ConfigError, match=r"broken\.toml cannot be read"):
        settings.load(str(broken))
