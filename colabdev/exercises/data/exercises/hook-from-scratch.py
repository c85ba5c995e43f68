"""A hook by hand. The task: briefs/hook-from-scratch.en.md (한국어: hook-from-scratch.ko.md)."""

from collections.abc import Callable


class Hooked:
    """A function whose result hooks may replace."""

    def __init__(self, fn: Callable[[object], object]) -> None:
        self.fn = fn
        # TODO: where do the hooks live? Each needs a key that stands for it alone.

    def add(self, hook: Callable[[object], object]) -> object:
        """Let *hook* see, and maybe replace, each result from now on; return its key."""
        raise NotImplementedError  # TODO

    def remove(self, key: object) -> None:
        """Take the hook of *key* out, if it is still there."""
        raise NotImplementedError  # TODO

    def __call__(self, x: object) -> object:
        """Return fn(x) after every hook has seen it."""
        # TODO: the note asks 'if output'. Which results does that lose?
        raise NotImplementedError


if __name__ == "__main__":
    test = Hooked(lambda x: x + 2)
    test.add(lambda x: x + 3)
    print(test(1))  # 6
