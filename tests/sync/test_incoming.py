"""What may come from a runtime into the project."""

import sys
import unicodedata
from pathlib import Path

import pytest

from colabdev.payload.replica import Rules
from colabdev.sync.archive import state_dir
from colabdev.sync.ignore import runs
from colabdev.sync.incoming import Disk, screen
from colabdev.sync.reconcile import Change, Plan
from colabdev.sync.snapshot import Entry, Kind

FILE = Entry(Kind.FILE, 1)
FOLDER = Entry(Kind.DIRECTORY)
ANY = Disk()


def screened(*changes: Change, disk: Disk = ANY, here: str = "", rules: bytes = b"") -> list[str]:
    """Return the paths of *changes* that are let in; every other one must be refused or below."""
    plan = Plan(fetch=list(changes))
    given = Rules([["", "", runs(rules, fold=False)]])
    screen(plan, {here: FILE} if here else {}, given, disk)
    let_in = [change.path for change in plan.fetch]
    refused = {left.path for left in plan.refused}
    for change in changes:
        parents = {change.path.rsplit("/", count)[0] for count in range(change.path.count("/") + 1)}
        assert (change.path in let_in) != bool(parents & refused)
    return let_in


@pytest.mark.parametrize(
    "name",
    [
        "CON",
        "con.txt",
        "aux",
        "NUL.tar.gz",
        "COM1",
        "lpt9.log",
        "com¹",
        "nul .txt",
        "a:b",
        "a\\b",
        "c:\\x",
        "d/what?",
        "star*",
        "<x>",
        'quo"te',
        "pipe|x",
        "ends.",
        "ends ",
        "new\nline",
        "d./x",
    ],
)
def test_names_that_windows_does_not_take(name: str) -> None:
    """Devices, characters of its own and stripped ends are refused there, and taken elsewhere."""
    assert Disk(windows=True).why_not(name)
    assert ANY.why_not(name) == ""


@pytest.mark.parametrize(
    "name", ["a", "console.py", "com10", "한글 이름", ".hidden", "a.b.c", "nul1"]
)
def test_names_that_windows_takes(name: str) -> None:
    """Names that only look like those of devices are names like others."""
    assert Disk(windows=True).why_not(name) == ""


def test_paths_that_lead_out_are_refused_everywhere() -> None:
    """Whatever the disk takes: nothing absolute, nothing that climbs, none of git's folder."""
    for path in ("/etc/x", "../x", "a/../../x", ".git/hooks/pre-commit", "a/.colabdev/x", "a\0"):
        assert ANY.why_not(path)


def test_letters_that_a_mac_would_write_otherwise_are_refused_there() -> None:
    """A decomposed name would come back as another one: it stays where it is."""
    name = unicodedata.normalize("NFD", "é.py")
    assert Disk(composes=True).why_not(name)
    assert Disk(composes=True).why_not("é.py") == ""


def test_names_that_differ_by_case_alone() -> None:
    """Where they would be one file the second is refused, be the first here already or come too."""
    folding = Disk(folds_case=True)
    assert screened(Change("README", FILE, None), here="readme", disk=folding) == []
    assert screened(Change("README", FILE, None), here="readme") == ["README"]
    both = (Change("A", FILE, None), Change("a", FILE, None))
    assert screened(*both, disk=folding) == ["A"]
    assert screened(*both) == ["A", "a"]
    renamed = (Change("README", FILE, None), Change("readme", None, FILE))
    assert screened(*renamed, disk=folding, here="readme") == ["README", "readme"]


def test_what_the_rules_leave_out_does_not_come_in() -> None:
    """A runtime that lists what it was told to leave out cannot put it into the project."""
    changes = (
        Change(".venv", FOLDER, None),
        Change(".venv/bin", FOLDER, None),
        Change("x.pt", FILE, None),
        Change("y.pt", None, FILE),
        Change("y.py", FILE, None),
    )
    assert screened(*changes, rules=b".venv/\n*.pt\n") == ["y.py"]


def test_links_that_lead_out_do_not_come_in() -> None:
    """Nor does any link come where not everybody may make one."""
    out = Change("l", Entry(Kind.SYMLINK, target="../x"), None)
    inside = Change("l", Entry(Kind.SYMLINK, target="x"), None)
    assert screened(out) == []
    assert screened(inside) == ["l"]
    assert screened(inside, disk=Disk(windows=True)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other disks fold case")
def test_the_disk_is_asked(project: Path) -> None:
    """A disk of Linux tells README from readme and takes all names."""
    state_dir(project)
    assert Disk.of(project) == Disk()
