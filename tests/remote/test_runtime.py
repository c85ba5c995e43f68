"""The registry: what was put in comes out, and a damaged file is never taken for an empty one."""

import json
import stat
import threading
from pathlib import Path

import pytest

from colabdev import paths
from colabdev.errors import ConfigError, InputError
from colabdev.remote.destination import Destination
from colabdev.remote.local import LocalTransport
from colabdev.remote.reach import reach
from colabdev.remote.runtime import Registry, Runtime, check_alias
from tests.remote.keys import fresh_ed25519

KEY = fresh_ed25519()
BOOT = "0123456789abcdef0123456789abcdef"


def _runtime(alias: str, second: int = 0, port: int = 22, root: str = "/content") -> Runtime:
    destination = Destination("root", "0.tcp.ngrok.io", port, KEY, "ngrok")
    return Runtime(alias, destination, BOOT, root, f"2026-01-01T00:00:{second:02}.000000+00:00")


def test_what_was_put_in_comes_out() -> None:
    """A runtime survives the file as it is, a root with blanks and Korean letters included."""
    runtime = _runtime("colab", root="/home/김 철수/content")
    Registry().put(runtime)
    assert Registry().get("colab") == runtime
    assert stat.S_IMODE(paths.runtimes_file().stat().st_mode) == 0o600


def test_the_latest_comes_first() -> None:
    """The runtime connected last is the default, in whatever order they were written."""
    for alias, second in (("b", 2), ("c", 3), ("a", 1)):
        Registry().put(_runtime(alias, second))
    assert [runtime.alias for runtime in Registry().all()] == ["c", "b", "a"]
    assert Registry().get(None).alias == "c"


def test_a_known_alias_gets_the_new_address() -> None:
    """The alias stays, its address is replaced."""
    Registry().put(_runtime("colab", 1, port=1001))
    Registry().put(_runtime("colab", 2, port=1002))
    assert [runtime.destination for runtime in Registry().all()] == [
        Destination("root", "0.tcp.ngrok.io", 1002, KEY, "ngrok")
    ]


def test_forgetting_twice() -> None:
    """What is forgotten is gone, and forgetting it again is no error."""
    Registry().put(_runtime("colab"))
    Registry().forget("colab")
    Registry().forget("colab")
    assert Registry().all() == []


def test_nothing_known() -> None:
    """Without any runtime the next step is the cell."""
    with pytest.raises(InputError) as caught:
        Registry().get(None)
    assert "colabdev cell" in caught.value.hint


def test_unknown_alias() -> None:
    """A mistyped alias gets the near one, a foreign one the list."""
    Registry().put(_runtime("colab"))
    with pytest.raises(InputError) as near:
        Registry().get("colb")
    assert near.value.hint == "Did you mean colab?"
    with pytest.raises(InputError) as far:
        Registry().get("x\x1b[2J")
    assert far.value.hint == "Known are: colab, here."
    assert "\x1b" not in far.value.message


def test_here_is_always_known(home: Path) -> None:
    """This machine needs no record and no login, and is the same one each time."""
    here = Registry().get("here")
    assert here == Registry().get("here")
    assert here.destination is None
    assert here.root == str(home / ".cache" / "colabdev" / "here" / "content")
    with reach(here) as transport:
        assert isinstance(transport, LocalTransport)
    assert not paths.runtimes_file().exists()


@pytest.mark.parametrize(
    "alias", ["", "here", "-oProxyCommand=x", "a b", "a\nHost *", "김", "*", "!a", "a" * 64, ".a"]
)
def test_aliases_that_cannot_be(alias: str) -> None:
    """What could mean something else in an ssh config never becomes an alias."""
    with pytest.raises(InputError):
        check_alias(alias)
    with pytest.raises(InputError):
        Registry().put(_runtime(alias))
    assert not paths.runtimes_file().exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no json",
        "[]",
        '{"version": 2, "runtimes": {}}',
        '{"version": 1, "runtimes": []}',
        '{"version": 1, "runtimes": {"colab": []}}',
        '{"version": 1, "runtimes": {"colab": {"registered": ""}}}',
        '{"version": 1, "runtimes": {"colab": {"connect": 7, "registered": ""}}}',
        '{"version": 1, "runtimes": {"colab": {"connect": "colabdev://x", "registered": ""}}}',
        "\ufeff{}",
    ],
)
def test_a_damaged_file_is_named(content: str) -> None:
    """An unreadable record is an error with the file's name, and the file stays as it is."""
    paths.runtimes_file().parent.mkdir(parents=True)
    paths.runtimes_file().write_text(content, encoding="utf-8")
    for use in (Registry().all, lambda: Registry().put(_runtime("colab"))):
        with pytest.raises(ConfigError) as caught:
            use()
        assert str(paths.runtimes_file()) in caught.value.message
    assert paths.runtimes_file().read_text(encoding="utf-8") == content


def test_an_edited_file_brings_no_unsafe_value() -> None:
    """What somebody wrote into the file by hand passes the same gate as a pasted string."""
    Registry().put(_runtime("colab"))
    record = json.loads(paths.runtimes_file().read_text())
    entry = record["runtimes"].pop("colab")
    record["runtimes"]["a\n  ProxyCommand x"] = entry
    paths.runtimes_file().write_text(json.dumps(record))
    with pytest.raises(ConfigError):
        Registry().all()


def test_two_at_once() -> None:
    """Records written at the same time are all kept."""
    threads = [
        threading.Thread(target=lambda n=number: Registry().put(_runtime(f"r{n}", n)))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Registry().all()) == 8
