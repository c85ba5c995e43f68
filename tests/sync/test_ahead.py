"""The last question is asked again at once, and counts only where it is what there is to ask."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from colabdev.errors import RemoteFailure
from colabdev.remote.destination import parse_connect_string
from colabdev.remote.link import place as link_place
from colabdev.remote.local import LocalProcess, LocalTransport
from colabdev.remote.runtime import Runtime
from colabdev.sync.ahead import Ahead, asked_ahead, begin, opened, place
from colabdev.sync.engine import sync
from colabdev.sync.options import Mode, Options
from colabdev.sync.report import SyncReport
from tests.support.link import linked
from tests.support.runtime import start_runtime
from tests.sync.conftest import PEER, Far
from tests.sync.trees import Tree, read, stages, write

TREE: Tree = {"a": b"a", "d/b": b"b", "d/c": b"c", "e": b"e"}


class Starting(LocalTransport):
    """The transport to this machine, which counts what is started."""

    def __init__(self) -> None:
        self.count = 0

    def start(self, argv: Sequence[str]) -> LocalProcess:
        self.count += 1
        return super().start(argv)


def synced(project: Path, far: Far, options: Options | None = None) -> tuple[SyncReport, int]:
    """Sync with the question asked ahead; return how many programs that started as well."""
    runtime = Runtime("here", None, PEER, str(far.folder.parent), "")
    with Starting() as transport:
        with asked_ahead(project, runtime, lambda: transport) as ahead:
            report = sync(
                project, transport, str(far.folder), peer=PEER, options=options, ahead=ahead
            )
        return report, transport.count


@pytest.mark.sshd
def test_what_was_begun_is_taken_up(project: Path, home: Path) -> None:
    """Asked before the command line is there, over the link; for other projects it is nothing."""
    write(project, TREE)
    with start_runtime(home / "vm") as machine:
        address = parse_connect_string(machine.connect_string)
        root = f"{address.root}/p"

        def again(folder: Path) -> SyncReport:
            begin(folder)
            with opened(project, runtime) as (dial, ahead):
                asked.append(ahead)
                return sync(project, dial, root, peer=runtime.boot_id, ahead=ahead)

        with linked(address) as runtime:
            asked: list[Ahead | None] = []
            begin(project)  # there is no link yet, and nothing to ask
            assert not link_place.place(runtime.alias).socket.exists()
            assert len(again(project).sent) == 5
            assert asked == [None]
            assert again(project).unchanged == 4
            (project / "a").write_bytes(b"edited")
            assert again(project).sent == ("a",)
            (Path(root) / "e").write_bytes(b"edited there")
            assert again(project).received == ("e",)
            assert again(project.parent).unchanged == 4
            assert all(asked[1:])
            os.environ["COLABDEV_LINK"] = "0"  # `linked` puts it back
            (project / "a").write_bytes(b"edited again")
            assert again(project).sent == ("a",)
            assert asked[-1] is None
            assert read(Path(root)) == read(project)


@pytest.fixture
def agreed(project: Path, far: Far) -> Path:
    """Return a project that was synced, so that there is a question to ask again."""
    write(project, TREE)
    assert not place(project, PEER).exists()
    assert synced(project, far)[1] == 1
    return project


def test_one_question_is_enough(agreed: Path, far: Far) -> None:
    """With nothing changed, something changed here, there, on both sides: it was the right one."""
    report, started = synced(agreed, far)
    assert (report.sent, report.received, started) == ((), (), 1)
    (agreed / "a").write_bytes(b"edited here")
    (agreed / "d/b").unlink()
    report, started = synced(agreed, far)
    assert (report.sent, report.deleted_there, started) == (("a",), ("d/b",), 1)
    (far.folder / "e").write_bytes(b"edited there")
    (far.folder / "new").write_bytes(b"new")
    report, started = synced(agreed, far)
    assert (report.received, started) == (("e", "new"), 1)
    (agreed / "a").write_bytes(b"here, too")
    (far.folder / "e").write_bytes(b"there, again")
    report, started = synced(agreed, far)
    assert (report.sent, report.received, started) == (("a",), ("e",), 1)
    assert read(agreed) == read(far.folder)
    assert synced(agreed, far)[1] == 1
    assert stages(far.folder) == []


def test_other_rules_are_another_question(agreed: Path, far: Far) -> None:
    """What the new rules leave out stays where it is, though the old question did not say so."""
    (agreed / ".gitignore").write_bytes(b"e\n")
    (agreed / "e").unlink()
    (far.folder / "e").write_bytes(b"kept")
    report, started = synced(agreed, far)
    assert (report.sent, report.deleted_there, started) == ((".gitignore",), (), 2)
    assert read(far.folder)["e"] == b"kept"
    assert synced(agreed, far)[1] == 1


def test_a_conflict_is_spoken_about(agreed: Path, far: Far) -> None:
    """Where digests have to be asked for, the same program answers; a conflict stays one."""
    (agreed / "a").write_bytes(b"here")
    (far.folder / "a").write_bytes(b"elsewhere")
    for _ in range(2):
        report, started = synced(agreed, far)
        assert ([left.path for left in report.conflicts], started) == (["a"], 1)
    (far.folder / "a").write_bytes(b"here")
    assert synced(agreed, far)[0].conflicts == ()
    assert read(agreed) == read(far.folder)


def test_much_follows_what_was_asked(agreed: Path, far: Far) -> None:
    """More than goes along with a question arrives whole, or is let go by where it must not."""
    write(agreed, {f"much/{number}": bytes([number]) * 60_000 for number in range(60)})
    (agreed / "big").write_bytes(bytes(range(256)) * 10_000)
    assert synced(agreed, far)[1] == 1
    assert read(agreed) == read(far.folder)
    write(agreed, {f"much/{number}": bytes([number + 1]) * 60_000 for number in range(60)})
    (far.folder / "much/7").write_bytes(b"an edit there")
    report, started = synced(agreed, far)
    assert ([left.path for left in report.conflicts], started) == (["much/7"], 1)
    assert {**read(far.folder), "much/7": b"\x08" * 60_000} == read(agreed)


@pytest.mark.parametrize("options", [Options(dry_run=True), Options(Mode.PUSH, named=("/a",))])
def test_what_asks_otherwise_leaves_the_question(agreed: Path, far: Far, options: Options) -> None:
    """A dry run, and a sync of single paths, do not change what a whole one will ask."""
    before = place(agreed, PEER).read_bytes()
    (agreed / "a").write_bytes(b"edited")
    synced(agreed, far, options)
    assert place(agreed, PEER).read_bytes() == before
    synced(agreed, far)
    assert read(agreed) == read(far.folder)


def test_the_question_goes_with_its_machine(agreed: Path, far: Far) -> None:
    """Of machines that are forgotten none stays."""
    folder = place(agreed, PEER).parent
    for number in range(20):
        for old in (folder / f"old-{number}.json", folder / f"old-{number}.ask"):
            old.write_bytes(b"{}")
            os.utime(old, (number, number))
    (agreed / "a").write_bytes(b"edited")
    synced(agreed, far)
    names = {kind: {path.stem for path in folder.glob(f"*.{kind}")} for kind in ("json", "ask")}
    assert names["ask"] == names["json"]
    assert len(names["ask"]) == 10


@pytest.mark.parametrize("damage", [b"nonsense", b"", b"x" * 100_000], ids=["no", "none", "long"])
def test_a_damaged_question_harms_nothing(agreed: Path, far: Far, damage: bytes) -> None:
    """It is asked in vain, and the right one after it."""
    place(agreed, PEER).write_bytes(damage)
    (agreed / "a").write_bytes(b"edited")
    assert synced(agreed, far)[0].sent == ("a",)
    assert read(agreed) == read(far.folder)
    assert synced(agreed, far)[1] == 1


def test_a_failure_there_is_told_as_ever(agreed: Path, far: Far) -> None:
    """What the program says of a folder that cannot be the project's reaches the user."""
    for path in sorted(read(far.folder), reverse=True):
        (far.folder / path).rmdir() if path == "d" else (far.folder / path).unlink()
    far.folder.rename(far.folder.with_name("away"))
    far.folder.write_bytes(b"in the way")
    with pytest.raises(RemoteFailure, match="a file stands in the way"):
        synced(agreed, far)
    assert read(agreed) == TREE | {"d": None}
