"""An early end."""


def answer():
    """Return 42."""
    return 42
