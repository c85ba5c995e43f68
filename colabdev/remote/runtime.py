"""The machines the laptop knows, by alias."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any  # an entry of the file is JSON: a mapping of anything

from colabdev import paths
from colabdev.errors import BadConnectString, ConfigError, InputError
from colabdev.language import tr
from colabdev.remote.destination import ConnectString, Destination
from colabdev.settings import setting
from colabdev.store import Document

HERE = "here"

# An alias goes into ssh configs, known_hosts and file names.
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A machine under an *alias* that never changes, while its destination may.

    *boot_id* tells one life of the machine from the next, *root* is the workspace there,
    *registered* an ISO 8601 time in UTC. A *destination* of None is this very machine. With
    *stable* its ssh connections go through colabdev, which follows it when it moves.
    """

    alias: str
    destination: Destination | None
    boot_id: str
    root: str
    registered: str
    stable: bool = False


class Registry:
    """The file of known runtimes; every call reads or writes it whole."""

    def __init__(self, path: Path | None = None) -> None:
        self._document = Document(path or paths.runtimes_file(), version=1)

    def all(self) -> list[Runtime]:
        """Return the known runtimes, the one connected last first.

        Raises:
            ConfigError: the file is damaged.
        """
        known = self._known(self._document.read())
        return sorted(known.values(), key=lambda runtime: runtime.registered, reverse=True)

    def get(self, alias: str | None) -> Runtime:
        """Return the runtime *alias*; this machine for ``here``.

        For None it is what the setting ``on`` says, else the one connected last.

        Raises:
            InputError: there is none of that name, or none at all.
        """
        where = ""
        if alias is None:
            chosen = setting("on")
            alias, where = chosen.value, chosen.where
        if alias == HERE:
            return here()
        known = self.all()
        if not known:
            raise InputError(
                tr("No runtime is known yet."),
                tr(
                    "Run 'colabdev cell --copy', run the cell in Colab, and connect with "
                    "what it prints; or use this machine with '--on here'."
                ),
            )
        for runtime in known:
            if alias in (None, runtime.alias):
                return runtime
        names = [runtime.alias for runtime in known]
        if where:
            raise InputError(
                tr(
                    "No runtime is called {alias}, which {place} names.",
                    alias=ascii(alias),
                    place=where,
                ),
                tr("Name another with --on, or: colabdev config set on {alias}", alias=names[0]),
            )
        import difflib  # for a mistyped alias alone

        near = difflib.get_close_matches(str(alias), names, n=1)
        raise InputError(
            tr("No runtime is called {alias!a}.", alias=alias),
            tr("Did you mean {near}?", near=near[0])
            if near
            else tr("Known are: {names}, {HERE}.", names=", ".join(names), HERE=HERE),
        )

    def put(self, runtime: Runtime) -> None:
        """Record *runtime*, in the place of one with the same alias.

        Raises:
            InputError: its alias cannot be one.
        """
        check_alias(runtime.alias)
        assert runtime.destination is not None, "this machine is known without a record"
        with self._document.edit() as contents:
            known = self._known(contents)
            known[runtime.alias] = runtime
            contents["runtimes"] = _entries(known)

    def move(self, runtime: Runtime, destination: Destination) -> Runtime | None:
        """Record that *runtime* is at *destination* now and return it.

        None: meanwhile it was forgotten, or its alias is that of another life by now; what the user
        did last counts.
        """
        with self._document.edit() as contents:
            known = self._known(contents)
            there = known.get(runtime.alias)
            if there is None or there.boot_id != runtime.boot_id:
                return None
            moved = known[runtime.alias] = replace(there, destination=destination)
            contents["runtimes"] = _entries(known)
        return moved

    def rename(self, old: str, new: str) -> Runtime:
        """Give the runtime *old* the alias *new* and return it; all else of it stays.

        Raises:
            InputError: there is no *old*, or *new* cannot be its alias or is another's.
        """
        check_alias(new)
        with self._document.edit() as contents:
            known = self._known(contents)
            if old not in known:
                raise InputError(
                    tr("No runtime is called {alias}.", alias=ascii(old)),
                    tr("See which there are: colabdev runtimes"),
                )
            if new in known and new != old:
                raise InputError(
                    tr("Another runtime is called {alias} already.", alias=new),
                    tr("Forget that one first: colabdev runtimes forget {alias}", alias=new),
                )
            renamed = replace(known.pop(old), alias=new)
            known[new] = renamed
            contents["runtimes"] = _entries(known)
        return renamed

    def forget(self, alias: str) -> None:
        """Take the runtime *alias* out; one that is not there is no error."""
        with self._document.edit() as contents:
            known = self._known(contents)
            known.pop(alias, None)
            contents["runtimes"] = _entries(known)

    def _known(self, contents: Mapping[str, Any]) -> dict[str, Runtime]:
        try:
            entries = contents.get("runtimes", {}).items()
            return {alias: _from_entry(alias, entry) for alias, entry in entries}
        except (AttributeError, KeyError, TypeError, BadConnectString) as error:
            raise ConfigError(
                tr(
                    "{path} cannot be read: an entry in it is damaged ({error}).",
                    path=self._document.path,
                    error=error,
                ),
                tr("Move the file aside to start afresh, and connect again."),
            ) from error


def check_alias(alias: str) -> None:
    """Raise InputError unless *alias* can name a runtime."""
    if alias == HERE:
        raise InputError(
            tr("The name 'here' means this very machine."), tr("Choose another --name.")
        )
    if not _ALIAS.fullmatch(alias):
        raise InputError(
            tr("{alias!a} cannot name a runtime.", alias=alias),
            tr(
                "Use up to 63 letters, digits, dots, dashes and underscores, a letter or "
                "digit first."
            ),
        )


def here() -> Runtime:
    """Return this machine as a runtime; its boot id is the same for as long as its root is."""
    import platformdirs  # it loads much, and other runtimes do without

    root = Path(platformdirs.user_cache_dir("colabdev")) / HERE / "content"
    boot_id = hashlib.sha256(f"colabdev here {root}".encode()).hexdigest()[:32]
    return Runtime(HERE, None, boot_id, str(root), "")


def _entries(known: Mapping[str, Runtime]) -> dict[str, Any]:
    # The connect string is the record: what is read back passes the gate a pasted one passes.
    return {
        alias: {
            "connect": str(ConnectString(runtime.destination, runtime.boot_id, runtime.root)),
            "registered": runtime.registered,
            **({"identity": runtime.destination.identity} if runtime.destination.identity else {}),
            **({"stable": True} if runtime.stable else {}),
        }
        for alias, runtime in known.items()
        if runtime.destination is not None
    }


def _from_entry(alias: str, entry: Mapping[str, Any]) -> Runtime:
    parsed = ConnectString.parse(entry["connect"], own=True)
    registered, identity = entry["registered"], entry.get("identity", "")
    stable = entry.get("stable", False)
    well = isinstance(registered, str) and isinstance(identity, str) and isinstance(stable, bool)
    if not (_ALIAS.fullmatch(alias) and well):
        raise TypeError(tr("the entry of {alias!a}", alias=alias))
    destination = replace(parsed.destination, identity=identity)
    return Runtime(alias, destination, parsed.boot_id, parsed.root, registered, stable)
