"""The checkout's own virtual environment: made, filled and kept in step with pyproject.toml."""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
TORCH = "2.13.0"  # what the course is checked with; users may have any torch>=2.6
_FOLDER = CHECKOUT / ".venv"
_PYTHON = _FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
# Programs the scripts need, and the Debian package that brings each.
_PROGRAMS = {
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "git": "git",
    "rsync": "rsync",
    "zstd": "zstd",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "zsh": "zsh",
    "fish": "fish",
    "node": "nodejs",
    "npm": "npm",
    "man": "man-db",
}


def prepare(*, dev: bool, also: tuple[str, ...] = (), welcome: tuple[str, ...] = ()) -> Path:
    """Return the interpreter of an environment that has colabdev, torch and, for *dev*, its tools.

    *also* are more programs that are wanted, and those that are *welcome* are installed where that
    is possible. Does nothing when it is in step already. Says what it does on stderr.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - it runs under whatever python3 is here
        sys.exit(f"colabdev needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    _install_programs((*(("sshd", "ssh", "git") if dev else ("sshd", "ssh")), *also))
    _welcome_programs(welcome)
    stamp = _FOLDER / f"ready-{'dev' if dev else 'demo'}"
    wanted = hashlib.sha256(
        (CHECKOUT / "pyproject.toml").read_bytes() + TORCH.encode() + str(_FOLDER).encode()
    ).hexdigest()
    if not (_PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted):
        _fill(dev=dev)
        stamp.write_text(wanted)
    return _PYTHON


def prepare_skypilot() -> None:
    """Give SkyPilot, which checks the template's sky.yaml, an environment of its own.

    It takes half a gigabyte, and its pins would hold ours back. Without it its test is skipped.
    """
    folder = _FOLDER / "skypilot"
    python = folder / "bin" / "python"
    if not python.exists():
        _say("Installing SkyPilot")
        venv.create(folder, with_pip=True)
        done = subprocess.run(
            [python, "-m", "pip", "--disable-pip-version-check", "install", "-q", "skypilot"],
            check=False,
        )
        if done.returncode:
            shutil.rmtree(folder)


def run(command: list[str | Path]) -> None:
    """Run *command* in the checkout and leave with its exit code when it fails."""
    code = subprocess.run(command, cwd=CHECKOUT, check=False).returncode
    if code:
        sys.exit(code)


def _fill(*, dev: bool) -> None:
    if not _PYTHON.exists():
        _say("Making the virtual environment .venv")
        _need_ensurepip()
        venv.create(_FOLDER, with_pip=True, clear=True)
    if not torch_fits(_torch_of(_PYTHON)):
        if torch_fits(_torch_of(Path(sys.executable))):
            _say("Using the torch that this Python has")
            _share_packages()
        else:
            _say(f"Installing torch {TORCH} (CPU)")
            _install_torch()
    _say("Installing colabdev and what it needs")
    import tomllib  # new in 3.11; above, an older Python gets its sentence

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = project["dependency-groups"]["dev"] if dev else []
    _pip("install", "--editable", f"{CHECKOUT}[torch]", *tools)


def torch_fits(version: str) -> bool:
    """Return whether torch of *version*, empty for none, is new enough to be kept (2.6)."""
    release = version.split("+")[0].split(".")[:2]
    return (
        len(release) == 2 and all(map(str.isdigit, release)) and tuple(map(int, release)) >= (2, 6)
    )


def _torch_of(python: Path) -> str:
    code = "from importlib.metadata import version as v; print(v('torch'))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _share_packages() -> None:
    """Let the environment see, behind its own, the packages of the Python that runs this.

    Unlike venv's system packages this works from within another virtual environment as well.
    """
    base = importlib.metadata.distribution("torch").locate_file("")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = _FOLDER / ("Lib" if os.name == "nt" else f"lib/{version}") / "site-packages"
    (own / "shared-torch.pth").write_text(f"{base}\n", encoding="utf-8")


def _install_torch() -> None:
    """Take the CPU build; plain ``torch`` on Linux would bring gigabytes of CUDA."""
    if sys.platform != "linux":
        _pip("install", f"torch=={TORCH}")
        return
    # "+cpu" is met by a build that lies on this machine, and by none of PyPI's.
    if not _works(["-m", "pip", "install", "--quiet", f"torch=={TORCH}+cpu"]):
        index = "https://download.pytorch.org/whl/cpu"
        _pip("install", "--index-url", index, f"torch=={TORCH}")


def _need_ensurepip() -> None:
    """Install ensurepip when it is missing; Debian keeps it in a package of its own."""
    try:
        import ensurepip  # noqa: F401 - Debian leaves it out of python3
    except ImportError:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not _may_install():
            sys.exit(f"Missing on this machine: {package}.\n  sudo apt-get install {package}")
        if failed := _apt_install([package]):
            sys.exit(failed)


def _install_programs(names: tuple[str, ...]) -> None:
    packages = _missing(names)
    if packages and not _may_install():
        sys.exit(
            f"Missing on this machine: {', '.join(packages)}.\n"
            f"  Install with: sudo apt-get install {' '.join(packages)}"
        )
    if packages and (failed := _apt_install(packages)):
        sys.exit(failed)


def _welcome_programs(names: tuple[str, ...]) -> None:
    packages = _missing(names)
    if packages and not _may_install():
        _say(f"Going on without {', '.join(packages)}; what needs them is skipped")
    elif packages and (failed := _apt_install(packages)):
        _say(f"{failed} Going on without {', '.join(packages)}; what needs them is skipped")


def _missing(names: tuple[str, ...]) -> list[str]:
    """Return the Debian packages of those programs that are not here; other systems differ."""
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"))
    if sys.platform != "linux":
        return []
    return [_PROGRAMS[name] for name in names if not shutil.which(name, path=search)]


def _may_install() -> bool:
    return bool(shutil.which("apt-get")) and os.geteuid() == 0


def _apt_install(packages: list[str]) -> str:
    """Install *packages*; return a sentence about what failed, empty when nothing did."""
    _say(f"Installing {', '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qy", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-q"], install):
        done = subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            return f"'{' '.join(command)}' failed; see its lines above."
    return ""


def _pip(*words: str) -> None:
    run([_PYTHON, "-m", "pip", "--disable-pip-version-check", *words, "--quiet"])


def _works(words: list[str]) -> bool:
    done = subprocess.run(
        [_PYTHON, *words], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return done.returncode == 0


def _say(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)
