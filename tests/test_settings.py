"""Settings: which value counts, where it came from, and what a wrong one says."""

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from colabdev import paths
from colabdev.errors import ConfigError, InputError
from colabdev.settings import (
    KEYS,
    Source,
    default_of,
    set_in_config,
    setting,
    unset_in_config,
    user_config,
)


def _write(text: str) -> None:
    paths.config_file().parent.mkdir(parents=True, exist_ok=True)
    paths.config_file().write_text(text, encoding="utf-8")


def test_the_nearest_source_counts_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag before environment before config.toml before default, each named as the source."""
    assert setting("pull_limit").value == 500_000_000
    assert setting("pull_limit").source is Source.DEFAULT
    _write('pull_limit = "1GB"')
    found = setting("pull_limit")
    assert (found.value, found.source) == (1_000_000_000, Source.CONFIG)
    assert found.where == str(paths.config_file())
    monkeypatch.setenv("COLABDEV_PULL_LIMIT", "2GB")
    found = setting("pull_limit")
    assert (found.value, found.source, found.where) == (
        2_000_000_000,
        Source.ENVIRONMENT,
        "COLABDEV_PULL_LIMIT",
    )
    assert setting("pull_limit", "3GB").value == 3_000_000_000
    assert setting("pull_limit", 5.0).source is Source.FLAG


def test_a_project_sets_what_is_its_own_and_nothing_of_the_laptop() -> None:
    """Keys of [tool.colabdev] are read from it, and no other key is, whatever it says."""
    table = {"results": ["runs/**"], "on": "evil", "editor": "/bin/sh", "ngrok_api_key": "x"}
    assert setting("results", project=table).value == ("runs/**",)
    assert setting("results", project=table).source is Source.PROJECT
    for name in ("on", "editor", "ngrok_api_key"):
        assert setting(name, project=table).source is Source.DEFAULT


def test_a_project_key_comes_from_no_other_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable named like a project's key is not taken for it."""
    monkeypatch.setenv("COLABDEV_NAME", "other")
    assert setting("name", project={}).source is Source.DEFAULT


@pytest.mark.parametrize("variable", ["COLABDEV_NGROK_API_KEY", "NGROK_API_KEY"])
def test_the_api_key_is_found_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """ngrok's own variable counts too; neither what is shown nor a repr holds the key."""
    monkeypatch.setenv(variable, "2abcSECRET")
    found = setting("ngrok_api_key")
    assert (found.value, found.shown, found.where) == ("2abcSECRET", "set", variable)
    assert "SECRET" not in repr(found)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("pul_limit = '1GB'", "pull_limit"),
        ("pull_limit = 'much'", "500kB"),
        ("link = 'perhaps'", "on or off"),
        ("lang = 'fr'", "en, ko"),
        ("on = 3", "text"),
        ("reconnect_for = true", "30m"),
        ("results = ['x']", "pyproject.toml"),
    ],
)
def test_a_wrong_line_is_named_with_its_file_and_what_to_write(text: str, named: str) -> None:
    """An unknown key, or a value of the wrong kind, names file, key, and what would be right."""
    _write(text)
    with pytest.raises(ConfigError) as caught:
        setting("editor")
    assert str(paths.config_file()) in caught.value.message
    assert text.split()[0] in caught.value.message
    assert named in caught.value.hint


def test_a_damaged_file_is_no_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no TOML, or no text, is an error that names the file, also for a change."""
    for data in (b"on = [", b"\xff\xfe"):
        _write("")
        paths.config_file().write_bytes(data)
        with pytest.raises(ConfigError, match=r"config\.toml"):
            user_config()
        with pytest.raises(ConfigError, match=r"config\.toml"):
            set_in_config("on", "x")
        assert paths.config_file().read_bytes() == data
    monkeypatch.setenv("COLABDEV_LINK", "perhaps")
    paths.config_file().unlink()
    with pytest.raises(ConfigError, match="COLABDEV_LINK"):
        setting("link")


def test_a_change_keeps_every_other_line() -> None:
    """Set and unset leave comments, order and other keys as they are; the file is private."""
    _write("# mine\nlink = 'off' # slow here\n\n# last\n")
    assert set_in_config("on", "colab").source is Source.CONFIG
    text = paths.config_file().read_text(encoding="utf-8")
    assert "# mine\nlink = 'off' # slow here\n" in text
    assert "# last" in text
    assert 'on = "colab"' in text
    assert stat.S_IMODE(paths.config_file().stat().st_mode) == 0o600
    assert unset_in_config("on")
    assert not unset_in_config("on")
    assert paths.config_file().read_text(encoding="utf-8").startswith("# mine\nlink = 'off' # slow")


def test_what_cannot_be_set_is_refused_before_anything_is_written() -> None:
    """A mistyped key names its neighbour, a project's key its file; nothing is written."""
    with pytest.raises(InputError) as caught:
        set_in_config("reconect_for", "1h")
    assert "reconnect_for" in caught.value.hint
    with pytest.raises(InputError):
        set_in_config("reconnect_for", "soon")
    with pytest.raises(InputError) as caught:
        set_in_config("results", "x")
    assert "pyproject.toml" in caught.value.hint
    with pytest.raises(InputError):
        unset_in_config("nothing")
    assert not paths.config_file().exists()


def test_an_unknown_line_can_be_taken_out() -> None:
    """What makes the file unusable can be unset by its name."""
    _write("onn = 'colab'\n")
    assert unset_in_config("onn")
    assert user_config() == {}


@given(st.text())
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_back_or_refused(home: Path, text: str) -> None:
    """Whatever is set as a text is what is read from the file, or it is refused."""
    del home
    try:
        assert set_in_config("editor", text).value == text
    except InputError:
        return
    assert setting("editor").value == text


def test_every_default_can_be_read() -> None:
    """The default of each key is something that its own reader takes."""
    for name, key in KEYS.items():
        assert default_of(name).given == key.default
