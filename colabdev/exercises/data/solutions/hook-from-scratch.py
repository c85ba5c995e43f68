"""A hook by hand: one way to write it."""

import itertools
from collections.abc import Callable


class Hooked:
    """A function whose result hooks may replace."""

    def __init__(self, fn: Callable[[object], object]) -> None:
        self.fn = fn
        self._hooks: dict[int, Callable[[object], object]] = {}
        self._keys = itertools.count()

    def add(self, hook: Callable[[object], object]) -> int:
        """Let *hook* see, and maybe replace, each result from now on; return its key."""
        key = next(self._keys)  # never the same twice: an old key must not remove a newer hook
        self._hooks[key] = hook
        return key

    def remove(self, key: int) -> None:
        """Take the hook of *key* out, if it is still there."""
        self._hooks.pop(key, None)

    def __call__(self, x: object) -> object:
        """Return fn(x) after every hook has seen it."""
        result = self.fn(x)
        for hook in list(self._hooks.values()):  # a hook may add or remove hooks meanwhile
            changed = hook(result)
            if changed is not None:
                result = changed
        return result


if __name__ == "__main__":
    test = Hooked(lambda x: x + 2)
    test.add(lambda x: x + 3)
    print(test(1))  # 6
