"""The wheel's man pages, made from the help while it is built; pip puts them where man looks."""

import runpy
import sys
from pathlib import Path
from typing import Any  # what hatchling hands over

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManPages(BuildHookInterface):  # type: ignore[type-arg]  # its configuration is hatchling's
    """Add ``share/man/man1`` to a wheel; an editable one serves the checkout and needs none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the pages and name their folder."""
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        try:
            write = runpy.run_path(str(root / "scripts" / "manual.py"))["write"]
        finally:
            sys.path.remove(str(root))
        write(root / "build" / "man")
        build_data["shared_data"]["build/man"] = "share/man/man1"
