"""What the user has set, and where: flag, environment, project, config.toml or default."""

import enum
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any  # a setting's type is that of its key

from colabdev import amounts, paths
from colabdev.errors import ConfigError, InputError, why_unreadable
from colabdev.language import tr

if TYPE_CHECKING:
    from pathlib import Path


class Source(enum.StrEnum):
    """Where a value comes from; an earlier one goes before a later one."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    PROJECT = "project"
    CONFIG = "config"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """The *value* of the key *name*: seconds for a time, bytes for a size.

    *given* is how it was written, *where* names the variable or the file it was found in.
    """

    name: str
    value: Any = field(repr=False)  # it may be a secret
    source: Source
    given: object = field(default=None, repr=False)
    where: str = ""

    @property
    def shown(self) -> object:
        """What may be shown of it: of a secret, that it is set."""
        return "set" if KEYS[self.name].secret and self.value else self.given


@dataclass(frozen=True, slots=True)
class Key:
    """What may be set: *read* turns what was written into the value or raises ValueError.

    Its ValueError holds what may be written. *variables* are read, the first that is set counts.
    A *project* key stands in ``[tool.colabdev]`` alone: the far side could have written that, so
    none of them may name a host, a path outside, or what runs on the laptop.
    """

    read: Callable[[object], Any]
    default: object = None
    variables: tuple[str, ...] = ()
    secret: bool = False
    project: bool = False


def _text(given: object) -> str:
    if isinstance(given, str) and given.strip() and given.isprintable():
        return given
    raise ValueError(tr('a text, as in "abc"'))


def _switch(given: object) -> bool:
    if isinstance(given, bool):
        return given
    words = {"on": True, "true": True, "1": True, "yes": True}
    words |= {"off": False, "false": False, "0": False, "no": False}
    value = words.get(given.strip().lower()) if isinstance(given, str) else None
    if value is None:
        raise ValueError(tr("on or off"))
    return value


def _one_of(*names: str) -> Callable[[object], str]:
    def read(given: object) -> str:
        if isinstance(given, str) and given in names:
            return given
        raise ValueError(tr("one of: {names}", names=", ".join(names)))

    return read


def _amount(parse: Callable[[str], float]) -> Callable[[object], float]:
    def read(given: object) -> float:
        if isinstance(given, bool) or not isinstance(given, str | int | float):
            given = ""  # which has its examples
        return parse(str(given))

    return read


def _patterns(given: object) -> tuple[str, ...]:
    if isinstance(given, list | tuple) and all(isinstance(one, str) for one in given):
        return tuple(given)
    raise ValueError(tr('a list of patterns, as in ["checkpoints/*.pt"]'))


KEYS: Mapping[str, Key] = {
    "lang": Key(_one_of("en", "ko")),
    "editor": Key(_text),
    "on": Key(_text),
    "link": Key(_switch, default="on"),
    "stable": Key(_switch, default="off"),
    "ngrok_api_key": Key(_text, variables=("NGROK_API_KEY",), secret=True),
    "pull_limit": Key(_amount(amounts.size), default="500MB"),
    "log_limit": Key(_amount(amounts.size), default="1GB"),
    "size_limit": Key(_amount(amounts.size), default="50MB"),
    "reconnect_for": Key(_amount(amounts.seconds), default="30m"),
    "name": Key(_text, project=True),
    "large": Key(_patterns, default=(), project=True),
    "results": Key(_patterns, default=(), project=True),
}


def setting(name: str, flag: object = None, project: Mapping[str, object] | None = None) -> Setting:
    """Return the setting *name*, which a *flag* that is not None decides.

    *project* is the project's ``[tool.colabdev]``; only keys that may stand there are taken from
    it.

    Raises:
        ConfigError: config.toml cannot be read, holds an unknown key, or a value is of the wrong
            kind.
    """
    key = KEYS[name]
    if flag is not None:
        return _setting(name, flag, Source.FLAG, "")
    for variable in (f"COLABDEV_{name.upper()}", *key.variables):
        if not key.project and os.environ.get(variable):
            return _setting(name, os.environ[variable], Source.ENVIRONMENT, variable)
    if key.project:
        if project is not None and name in project:
            return _setting(name, project[name], Source.PROJECT, "[tool.colabdev]")
    elif name in (config := user_config()):
        return _setting(name, config[name], Source.CONFIG, str(paths.config_file()))
    return default_of(name)


def default_of(name: str) -> Setting:
    """Return the setting *name* as it is when nobody has set it."""
    given = KEYS[name].default
    value = None if given is None else KEYS[name].read(given)
    return Setting(name, value, Source.DEFAULT, given)


def _setting(name: str, given: object, source: Source, where: str) -> Setting:
    if source is Source.FLAG and not isinstance(given, str):
        return Setting(name, given, source, given, where)  # read by the command line already
    try:
        value = KEYS[name].read(given)
    except ValueError as error:
        raise ConfigError(
            tr("The value of {name} in {place} cannot be used.", name=name, place=where or name),
            tr("Write {example}.", example=error),
        ) from error
    return Setting(name, value, source, given, where)


def user_config() -> dict[str, object]:
    """Return what config.toml says; every key in it is known and every value of its kind.

    Raises:
        ConfigError: it cannot be read, or says something else.
    """
    file = paths.config_file()
    if not file.exists():
        return {}
    import tomllib  # only where there is something to read

    try:
        with file.open("rb") as stream:
            config = tomllib.load(stream)
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    for name, given in config.items():
        known_key(name, file)
        _setting(name, given, Source.CONFIG, str(file))
    return config


def known_key(name: str, file: "Path | None" = None) -> Key:
    """Return the key *name* of config.toml.

    Raises:
        InputError: there is none; a ConfigError when it is the *file* that names it.
    """
    names = [known for known, key in KEYS.items() if not key.project]
    if name in names:
        return KEYS[name]
    import difflib  # for a mistyped key alone

    near = difflib.get_close_matches(name, names, n=1)
    hint = (
        tr("Did you mean {name}?", name=near[0])
        if near
        else tr("There are: {names}.", names=", ".join(names))
    )
    if name in KEYS:
        hint = tr("It belongs in [tool.colabdev] of a project's pyproject.toml.")
    if file is None:
        raise InputError(tr("There is no setting {name}.", name=ascii(name)), hint)
    raise ConfigError(
        tr("{file} sets {name}, which is no setting.", file=file, name=ascii(name)), hint
    )


def set_in_config(name: str, words: str) -> Setting:
    """Write the setting *name* to config.toml, whose comments and other lines stay.

    Raises:
        InputError: there is no such key, or *words* cannot be its value.
        ConfigError: the file cannot be read or written.
    """
    key = known_key(name)
    try:
        key.read(words)
    except ValueError as error:
        raise InputError(
            tr("That cannot be the value of {name}.", name=name),
            tr("Write {example}.", example=error),
        ) from error

    def put(document: Any) -> None:
        document[name] = words

    _edit(put)
    return setting(name)


def unset_in_config(name: str) -> bool:
    """Take the key *name* out of config.toml; return whether it stood there.

    Raises:
        InputError: it neither stands there nor is a key at all.
        ConfigError: the file cannot be read or written.
    """
    found = False

    def take(document: Any) -> None:
        nonlocal found
        found = document.pop(name, None) is not None

    _edit(take)
    if not found:
        known_key(name)
    return found


def _edit(change: Callable[[Any], None]) -> None:
    import tomlkit
    import tomlkit.exceptions

    from colabdev.store import locked, private_dir, write_atomic

    file = paths.config_file()
    private_dir(file.parent)
    with locked(file):
        try:
            before = file.read_text(encoding="utf-8") if file.exists() else ""
            document = tomlkit.parse(before)
        except (OSError, ValueError, tomlkit.exceptions.TOMLKitError) as error:
            raise _unreadable(file, error) from error
        change(document)
        after = tomlkit.dumps(document)
        if after != before:
            write_atomic(file, after.encode())


def _unreadable(file: "Path", error: Exception) -> ConfigError:
    return ConfigError(
        tr("{file} cannot be read: {reason}.", file=file, reason=why_unreadable(error)),
        tr("Mend it, or move it aside and set anew what you need with 'colabdev config set'."),
    )
