"""``colabdev config`` as users start it."""

import os
import subprocess
import sys
from pathlib import Path

from colabdev import paths
from colabdev.remote.destination import Destination
from colabdev.remote.runtime import Registry, Runtime
from tests.remote.keys import fresh_ed25519
from tests.support.cli import colabdev, json_lines


def test_config_shows_what_was_set_and_where_it_came_from() -> None:
    """What ``set`` wrote is shown with the file as its source, the rest with its own."""
    assert colabdev("config", "set", "pull_limit", "200MB").returncode == 0
    done = colabdev("config", "show", "--json", env={**os.environ, "COLABDEV_LINK": "off"})
    rows = {row["key"]: row for row in json_lines(done)[0]["data"]}
    assert rows["pull_limit"]["value"] == "200MB"
    assert rows["pull_limit"]["where"] == str(paths.config_file())
    assert rows["link"] == {
        "key": "link",
        "value": "off",
        "source": "environment",
        "where": "COLABDEV_LINK",
    }
    assert colabdev("config", "unset", "pull_limit").returncode == 0
    assert b"200MB" not in colabdev("config", "show").stdout


def test_a_secret_is_taken_from_standard_input_only_and_never_shown() -> None:
    """On the command line it is refused with the way that works; no output holds it."""
    refused = colabdev("config", "set", "ngrok_api_key", "2abcSECRET")
    assert refused.returncode == 2
    assert b"config set ngrok_api_key" in refused.stderr
    done = subprocess.run(
        [sys.executable, "-m", "colabdev", "config", "set", "ngrok_api_key", "--json"],
        input=b"2abcSECRET\n",
        capture_output=True,
        check=True,
    )
    shown = colabdev("config", "show", "--json")
    assert "2abcSECRET" in paths.config_file().read_text(encoding="utf-8")
    for one in (refused, done, shown):
        assert b"SECRET" not in one.stdout + one.stderr


def test_a_broken_config_ends_a_command_but_not_its_help() -> None:
    """A command that reads settings names the file and the key; --help still answers."""
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text("recconnect_for = '1h'\n", encoding="utf-8")
    done = colabdev("run", "--", "true")
    assert done.returncode == 2
    assert b"config.toml" in done.stderr
    assert b"reconnect_for" in done.stderr
    assert colabdev("run", "--help").returncode == 0
    assert colabdev("config", "unset", "recconnect_for").returncode == 0


def test_a_default_that_names_no_runtime_says_where_it_stands(folder: Path) -> None:
    """``on`` of the environment is the runtime of a command; one that is not known is told so."""
    env = {**os.environ, "COLABDEV_ON": "here"}
    done = colabdev("run", "--", "true", env=env, cwd=folder)
    assert done.returncode == 0, done.stderr
    place = Destination("root", "localhost", 9, fresh_ed25519(), "none")
    Registry().put(Runtime("one", place, "b" * 32, "/content", "2026-01-01T00:00:00+00:00"))
    done = colabdev("run", "--", "true", env={**os.environ, "COLABDEV_ON": "other"}, cwd=folder)
    assert done.returncode == 2
    assert b"COLABDEV_ON" in done.stderr
