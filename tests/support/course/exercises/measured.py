"""Something measured."""


def total(n):
    """Return 0 + 1 + ... + (n - 1)."""
    # TODO
    raise NotImplementedError
