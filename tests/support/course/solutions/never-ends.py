"""An endless loop."""


def countdown(n):
    """Return n, n - 1, ..., 1."""
    return list(range(n, 0, -1))


def twice(n):
    """Return twice n."""
    return 2 * n
