"""Bind a method with partial: one way to write it."""

import functools
import types
from collections.abc import Callable


def attach(module: object, name: str, fn: Callable) -> object:
    """Make *fn* the method *name* of this one object; return the object.

    Raises:
        ValueError: *name* is a special method, which Python looks up on the class.
    """
    if name.startswith("__") and name.endswith("__"):
        raise ValueError(f"{name} is looked up on the class: no object can have its own.")
    setattr(module, name, functools.partial(fn, module))
    return module


if __name__ == "__main__":
    dog = attach(
        types.SimpleNamespace(name="hi"), "bark_new", lambda self: print(f"name : {self.name}")
    )
    dog.bark_new()  # name : hi
