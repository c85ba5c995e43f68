"""An error."""


def first(items):
    """Return the first item, or None."""
    # TODO: an empty list has no first item.
    return items[0]
