"""An endless loop."""


def countdown(n):
    """Return n, n - 1, ..., 1."""
    found = []
    print("counting")
    while n:
        found.append(n)  # TODO: n never changes
    return found


def twice(n):
    """Return twice n."""
    return 2 * n
