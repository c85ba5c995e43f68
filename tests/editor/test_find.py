"""Where editors are found on each system, and what opens a folder with them."""

from pathlib import Path, PurePosixPath

import pytest

from colabdev.editor.editors import EDITORS, named
from colabdev.editor.find import Found, System, find
from colabdev.editor.links import authority, link, open_command
from colabdev.editor.settings import settings_file
from colabdev.errors import InputError

CODE, CURSOR, CODIUM, WINDSURF = EDITORS
POSIX = {"HOME": "/home/me"}
WINDOWS = {
    "USERPROFILE": "C:\\Users\\me",
    "LOCALAPPDATA": "C:\\Users\\me\\AppData\\Local",
    "APPDATA": "C:\\Users\\me\\AppData\\Roaming",
    "ProgramFiles": "C:\\Program Files",
}
WSL_CODE = "/mnt/c/Users/me/AppData/Local/Programs/Microsoft VS Code"


def _system(platform: str, *there: str, path: str = "") -> System:
    environ = WINDOWS if platform == "win32" else POSIX
    return System(
        platform,
        environ,
        which=lambda name: path if path and PurePosixPath(path).stem == name else None,
        exists=lambda place: place in there,
    )


@pytest.mark.parametrize(
    ("system", "program"),
    [
        (_system("linux", path="/usr/bin/code"), "/usr/bin/code"),
        (_system("linux", "/snap/bin/code"), "/snap/bin/code"),
        (
            _system("darwin", f"/Applications/{CODE.mac}.app/Contents/Resources/app/bin/code"),
            "/Applications/Visual Studio Code.app/Contents/Resources/app/bin/code",
        ),
        (
            _system(
                "win32",
                "C:\\Users\\me\\AppData\\Local\\Programs\\cursor\\resources\\app\\bin\\cursor.cmd",
            ),
            "C:\\Users\\me\\AppData\\Local\\Programs\\cursor\\resources\\app\\bin\\cursor.cmd",
        ),
        (_system("wsl", path="/usr/bin/code"), "/usr/bin/code"),
    ],
)
def test_found_where_it_is_installed(system: System, program: str) -> None:
    """PATH goes first, then the usual places of the system."""
    found = find(system)
    assert found is not None
    assert found.program == program
    assert not found.windows


def test_wsl_takes_the_editor_itself() -> None:
    """Windows' command script would open a folder of the WSL; the program above it does not."""
    system = _system("wsl", f"{WSL_CODE}/Code.exe", path=f"{WSL_CODE}/bin/code")
    assert find(system) == Found(CODE, f"{WSL_CODE}/Code.exe", windows=True)


def test_nothing_found() -> None:
    """A computer without any editor has none."""
    assert find(_system("linux")) is None


@pytest.mark.parametrize(
    ("platform", "path"),
    [
        ("linux", "/home/me/.config/Code/User/settings.json"),
        ("darwin", "/home/me/Library/Application Support/Code/User/settings.json"),
        ("win32", "C:\\Users\\me\\AppData\\Roaming\\Code\\User\\settings.json"),
    ],
)
def test_settings_lie_where_the_system_keeps_them(platform: str, path: str) -> None:
    """Each system has its own place for the settings."""
    assert settings_file(_system(platform), CODE) == path


def test_a_folder_ends_with_a_slash() -> None:
    """VS Code takes a name with a dot for a file, and one without for a folder, unless told."""
    found = Found(CODE, "/usr/bin/code")
    assert open_command(found, "colab", "/content/my.proj") == [
        "/usr/bin/code", "--remote", "ssh-remote+colab", "/content/my.proj/",
    ]  # fmt: skip
    assert open_command(found, "colab", "/content/p", "/content/p/Makefile") == [
        "/usr/bin/code", "--remote", "ssh-remote+colab", "--goto", "/content/p/",
        "/content/p/Makefile",
    ]  # fmt: skip
    assert open_command(found, None, "/home/me/p") == ["/usr/bin/code", "/home/me/p"]


@pytest.mark.parametrize("name", ["a&calc", "a%PATH%", 'a"b', "a|b", "a^b"])
def test_nothing_reaches_cmd_exe_that_it_would_obey(name: str) -> None:
    """A .cmd file gets no word in which cmd.exe reads more than a word."""
    assert open_command(Found(CODE, "C:\\code.cmd"), "colab", f"/content/{name}") is None
    assert open_command(Found(CODE, "C:\\code.cmd"), "colab", "/content/내 p") is not None


def test_links_are_percent_encoded() -> None:
    """Blanks, Korean letters and signs of a URL stand in the link as what they are."""
    assert link(CODE, "colab", "/content/내 a#b?") == (
        "vscode://vscode-remote/ssh-remote+colab/content/%EB%82%B4%20a%23b%3F"
    )


def test_capital_letters_survive() -> None:
    """A URI's host is lower case: each extension has its own way to write capitals."""
    assert bytes.fromhex(authority(CODE, "Colab").removeprefix("ssh-remote+")) == (
        b'{"hostName":"Colab"}'
    )
    assert authority(CODIUM, "Colab") == "ssh-remote+\\x43olab"


def test_a_mistyped_editor() -> None:
    """An unknown editor is a sentence that names a near one."""
    assert named("VS Code") is CODE
    with pytest.raises(InputError) as caught:
        named("cursr")
    assert "cursor" in caught.value.hint
    assert Path(WSL_CODE).name == CODE.windows[0]
