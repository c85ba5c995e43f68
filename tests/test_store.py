"""Files that survive a crash."""

import os
import stat
import threading
from pathlib import Path

import filelock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from colabdev.errors import ConfigError
from colabdev.store import (
    Document,
    held,
    locked,
    patiently,
    private_dir,
    scratch_dir,
    write_atomic,
)


def test_a_written_file_is_private_and_whole(folder: Path) -> None:
    """A new file has mode 0600, holds exactly the data, and no temporary file is left."""
    write_atomic(folder / "secret", b"\x00data")
    assert (folder / "secret").read_bytes() == b"\x00data"
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["secret"]


def test_a_reader_on_windows_is_waited_for() -> None:
    """There a file that is open cannot be replaced: tried again for a moment, elsewhere never."""
    tries: list[str] = []

    def refused_at_first() -> None:
        tries.append("try")
        if len(tries) < 4:
            raise PermissionError

    patiently(refused_at_first, platform="win32", sleep=lambda _: None)
    assert len(tries) == 4
    for platform, most in (("linux", 1), ("win32", 200)):
        tries[:] = []
        with pytest.raises(PermissionError):
            patiently(lambda: _refused(tries), platform=platform, sleep=lambda _: None)
        assert 1 <= len(tries) <= most


def _refused(tries: list[str]) -> None:
    tries.append("try")
    raise PermissionError


def test_a_refused_write_names_the_file_and_leaves_the_old_one(folder: Path) -> None:
    """A target that cannot be replaced is a sentence, and nothing is left beside it."""
    (folder / "taken").mkdir()
    (folder / "taken" / "inner").touch()
    with pytest.raises(ConfigError, match="taken"):
        write_atomic(folder / "taken", b"data")
    assert [path.name for path in folder.iterdir()] == ["taken"]


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_document_gives_back_what_it_was_given(folder: Path, contents: dict[str, object]) -> None:
    """What is written is read again, with the version beside it."""
    document = Document(folder / "doc.json", version=3)
    with document.edit() as lent:
        lent.clear()
        lent.update(contents)
    assert document.read() == {**contents, "version": 3}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 9}', "{}", "\ud800"])
def test_an_unreadable_document_is_an_error_and_stays(folder: Path, text: str) -> None:
    """Damage and foreign versions are named; the file is neither emptied nor replaced."""
    path = folder / "doc.json"
    raw = text.encode("utf-8", "surrogatepass")
    path.write_bytes(raw)
    document = Document(path, version=1)
    with pytest.raises(ConfigError, match=r"doc\.json"):
        document.read()
    with pytest.raises(ConfigError), document.edit():
        pass
    assert path.read_bytes() == raw


def test_an_edit_that_fails_changes_nothing(folder: Path) -> None:
    """An exception inside the block leaves the old contents."""
    document = Document(folder / "doc.json", version=1)
    with document.edit() as contents:
        contents["kept"] = True
    with pytest.raises(ZeroDivisionError), document.edit() as contents:
        contents["kept"] = 1 / 0
    assert document.read()["kept"] is True


def test_a_lock_that_cannot_be_made_is_a_sentence(folder: Path) -> None:
    """What stands in the lock's place, as a full disk would, costs no trace."""
    (folder / "doc.json.lock").mkdir()
    document = Document(folder / "doc.json", version=1)
    with pytest.raises(ConfigError, match=r"doc\.json cannot be written"), document.edit():
        pytest.fail("it was lent without a lock")


def test_edits_at_once_are_all_kept(folder: Path) -> None:
    """Sixteen writers of different keys lose none of them."""
    document = Document(folder / "doc.json", version=1)

    def write(number: int) -> None:
        with document.edit() as contents:
            contents[str(number)] = number

    writers = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert set(document.read()) == {*map(str, range(16)), "version"}


def test_a_scratch_folder_is_private_short_and_gone_afterwards() -> None:
    """It has mode 0700, lies below no world-writable folder, and is removed with its contents."""
    with scratch_dir() as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert not any(parent.stat().st_mode & stat.S_IWOTH for parent in path.parents)
        (path / "file").touch()
    assert not path.exists()


def test_a_private_folder_that_cannot_be_made_is_a_sentence(folder: Path) -> None:
    """A file where a folder should be is named."""
    (folder / "file").touch()
    with pytest.raises(ConfigError, match="file"):
        private_dir(folder / "file" / "below")


def test_a_lock_that_is_held_is_a_sentence(folder: Path) -> None:
    """Who waits too long for a file is told which one."""
    path = folder / "doc.json"
    said: list[str] = []

    def wait() -> None:
        try:
            with locked(path, timeout=0.05):
                said.append("got it")
        except ConfigError as error:
            said.append(error.message)

    with locked(path):
        waiter = threading.Thread(target=wait)
        waiter.start()
        waiter.join()
    assert len(said) == 1
    assert str(path) in said[0]


@pytest.mark.skipif(os.name == "nt", reason="there filelock is what takes it")
def test_the_lock_is_the_one_that_filelock_takes(folder: Path) -> None:
    """A colabdev that takes it by the package, as on file systems without flock, is kept out."""
    file = folder / "lock"
    with held(file, 0), pytest.raises(filelock.Timeout):
        filelock.FileLock(file, timeout=0).acquire()
    with filelock.FileLock(file), pytest.raises(TimeoutError), held(file, 0):
        pass
    with held(file, 0):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
