"""Trees on disk, written from and read back as plain values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Link:
    """A symlink to *target*."""

    target: str


Node = bytes | Link | None  # a file, a symlink, a folder
Tree = dict[str, Node]


def write(root: Path, tree: Mapping[str, Node]) -> None:
    """Make every entry of *tree* below *root*, with the folders it needs."""
    for path, node in tree.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(node, Link):
            place.symlink_to(node.target)
        elif node is None:
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(node)


def read(root: Path) -> Tree:
    """Return what is below *root*, but for colabdev's own folder at its top."""
    tree: Tree = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            place = Path(folder, name)
            path = place.relative_to(root).as_posix()
            if path.split("/")[0] == ".colabdev":
                continue
            if place.is_symlink():
                tree[path] = Link(str(place.readlink()))
            else:
                tree[path] = None if place.is_dir() else place.read_bytes()
    return tree


def stages(root: Path) -> list[str]:
    """Return what syncs left behind in the state folder below *root*."""
    state = root / ".colabdev"
    return sorted(path.name for path in state.glob("stage-*")) if state.exists() else []
