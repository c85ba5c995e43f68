"""An error."""


def first(items):
    """Return the first item, or None."""
    return items[0] if items else None
