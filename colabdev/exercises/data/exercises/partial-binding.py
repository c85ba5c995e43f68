"""Bind a method. The task: briefs/partial-binding.en.md (한국어: partial-binding.ko.md)."""

import types
from collections.abc import Callable


def attach(module: object, name: str, fn: Callable) -> object:
    """Make *fn* the method *name* of this one object; return the object.

    Raises:
        ValueError: *name* is a special method, which Python looks up on the class.
    """
    # TODO: refuse __names__, then bind fn to the object.
    raise NotImplementedError


if __name__ == "__main__":
    dog = attach(
        types.SimpleNamespace(name="hi"), "bark_new", lambda self: print(f"name : {self.name}")
    )
    dog.bark_new()  # name : hi
