"""Who may open our files on Windows: the argument lists that icacls gets."""

import itertools
from pathlib import Path, PureWindowsPath

from colabdev.remote.acl import commands, keep_private

FOLDER = PureWindowsPath("C:\\Users\\김 철수\\AppData\\Local\\colabdev\\ssh")


def test_only_the_user_the_system_and_administrators() -> None:
    """What was granted before goes, nothing is inherited, and three are let in, all below too."""
    reset, grant = commands(FOLDER, {"USERDOMAIN": "PC", "USERNAME": "김 철수"})
    assert reset == ["icacls", str(FOLDER), "/reset", "/T", "/C", "/Q"]
    assert grant[:3] == ["icacls", str(FOLDER), "/inheritance:r"]
    granted = [word for before, word in itertools.pairwise(grant) if before == "/grant:r"]
    assert granted == [
        "PC\\김 철수:(OI)(CI)F",
        "*S-1-5-18:(OI)(CI)F",
        "*S-1-5-32-544:(OI)(CI)F",
    ]


def test_elsewhere_modes_do_it(folder: Path) -> None:
    """No program is started where modes tell who may read."""
    mode = folder.stat().st_mode
    keep_private(folder, platform="linux")
    assert folder.stat().st_mode == mode
