"""From files and ``--set`` to a `Config`, and back to a file that says where each value is from."""

import dataclasses
import difflib
import json
import math
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any  # a value of TOML, before it is checked

from project_name.config import Config, ConfigError

CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration, and for each dotted name the place its value was taken from."""

    config: Config
    sources: Mapping[str, str]

    def to_toml(self) -> str:
        """Return the text of a file that gives the same configuration again."""
        lines: list[str] = []
        table = ""
        for name, value in _flat(self.config):
            where, _, key = name.rpartition(".")
            if where != table:
                lines += ["", f"[{where}]"]
                table = where
            lines.append(f"{key} = {_spelled(value)}  # {self.sources[name]}")
        return "\n".join(lines) + "\n"


def load(config: str = "base", overrides: Sequence[str] = ()) -> Settings:
    """Read ``configs/base.toml``, *config* (a name there, or a path) over it, then *overrides*."""
    layers = [_file(CONFIGS / "base.toml")]
    if config != "base":
        path = Path(config) if config.endswith(".toml") else CONFIGS / f"{config}.toml"
        layers.append(_file(path))
    return _build([*layers, *map(_override, overrides)])


def reload(text: str, source: str, overrides: Sequence[str] = ()) -> Settings:
    """Read the configuration that a checkpoint carries, with *overrides* on top."""
    return _build([(source, tomllib.loads(text)), *map(_override, overrides)])


def _file(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        return path.name, tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.toml")))
        raise ConfigError(f"There is no configuration {path}; there are: {known}.") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error


def _override(text: str) -> tuple[str, dict[str, Any]]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--set takes name=value, as optim.lr=1e-3, not {text!r}.")
    try:
        parsed = tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a word without quotes, as the shell hands it over
    nested: Any = parsed
    for part in reversed(name.strip().split(".")):
        nested = {part: nested}
    return "--set", nested


def _build(layers: Sequence[tuple[str, dict[str, Any]]]) -> Settings:
    """Lay *layers* over the defaults, the later ones on top."""
    known = dict(_flat(Config()))
    kinds = dict(_kinds(Config))
    values, sources = dict(known), dict.fromkeys(known, "default")
    for source, tree in layers:
        for name, value in _leaves(tree):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0)
                raise ConfigError(f"There is no setting {name!r} ({source}); nearest: {near[0]!r}.")
            values[name], sources[name] = _checked(name, value, kinds[name]), source
    return Settings(_assemble(Config, values), sources)


def _checked(name: str, value: Any, kind: Any) -> Any:
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise ConfigError(f"{name} is {value!r}; it is one of: {', '.join(choices)}.")
        return value
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"{name} is {value!r}; it takes {_WORDS[kind]}.")
    if kind is float and not math.isfinite(value):
        raise ConfigError(f"{name} is {value!r}; it takes a finite number.")
    return value


_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in dataclasses.fields(node):
        value = getattr(node, entry.name)
        if dataclasses.is_dataclass(value):
            yield from _flat(value, f"{prefix}{entry.name}.")
        else:
            yield f"{prefix}{entry.name}", value


def _kinds(node: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, kind in typing.get_type_hints(node).items():
        if dataclasses.is_dataclass(kind):
            yield from _kinds(typing.cast(type, kind), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind


def _assemble(node: type, values: Mapping[str, Any], prefix: str = "") -> Any:
    return node(
        **{
            name: _assemble(typing.cast(type, kind), values, f"{prefix}{name}.")
            if dataclasses.is_dataclass(kind)
            else values[f"{prefix}{name}"]
            for name, kind in typing.get_type_hints(node).items()
        }
    )


def _spelled(value: Any) -> str:
    # JSON's words for numbers, truth and text are TOML's too.
    return json.dumps(value, ensure_ascii=False)
