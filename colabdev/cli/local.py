"""``up`` and ``down``: a runtime on this very machine."""

COMMANDS = ()
