"""Where colabdev keeps its files on this machine; every path is derived on access."""

import os
from pathlib import Path


def home() -> Path:
    """Return the state directory: ``$COLABDEV_HOME``, else the platform's own place."""
    override = os.environ.get("COLABDEV_HOME")
    if override:
        return Path(override).expanduser().absolute()  # it goes into files that others read
    import platformdirs  # it loads much: only where it is asked

    return Path(platformdirs.user_data_dir("colabdev"))


def config_file() -> Path:
    """Return the user's settings file."""
    return home() / "config.toml"


def runtimes_file() -> Path:
    """Return the file that records every known runtime."""
    return home() / "runtimes.json"


def results_file() -> Path:
    """Return the SQLite database of recorded runs."""
    return home() / "results.sqlite3"


def usage_file() -> Path:
    """Return the month's account of what went through tunnels."""
    return home() / "usage.json"


def machines_file() -> Path:
    """Return what machines said of themselves, so that none is asked twice."""
    return home() / "machines.json"


def programs_dir() -> Path:
    """Return the folder of our programs for machines, as they travel."""
    return home() / "programs"


def kept_dir() -> Path:
    """Return the folder of what machines keep of ours, a file for each life of a machine."""
    return home() / "kept"


def log_file() -> Path:
    """Return the file of what was done, without secrets."""
    return home() / "log" / "log.txt"


def ssh_dir() -> Path:
    """Return the directory of our key, our known_hosts and our ssh config (0700)."""
    return home() / "ssh"


def key_file() -> Path:
    """Return the laptop's private key; its public half stands beside it in ``.pub``."""
    return ssh_dir() / "id_ed25519"


def known_hosts_file() -> Path:
    """Return the host keys we pinned, one bare alias a line."""
    return ssh_dir() / "known_hosts"


def ssh_config_file() -> Path:
    """Return our own ssh config, which the user's config includes."""
    return ssh_dir() / "config"


def user_ssh_config() -> Path:
    """Return the user's ``~/.ssh/config``."""
    return Path.home() / ".ssh" / "config"


def local_runtimes_dir() -> Path:
    """Return where runtimes on this machine live, one home folder each.

    sshd's StrictModes refuses keys below a folder that others may write to, so this is never
    below a temporary folder.
    """
    import platformdirs

    return Path(platformdirs.user_cache_dir("colabdev")) / "runtimes"
