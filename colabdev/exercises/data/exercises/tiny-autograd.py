"""The chain rule by hand. The task: briefs/tiny-autograd.en.md (한국어: tiny-autograd.ko.md)."""


class Value:
    """A number that remembers how it was made, so that it can be differentiated."""

    def __init__(self, data: float) -> None:
        self.data = data
        self.grad = 0.0
        # TODO: keep the inputs that this value was made from, and the local derivatives.

    def __add__(self, other: "Value | float") -> "Value":
        raise NotImplementedError  # TODO

    def __mul__(self, other: "Value | float") -> "Value":
        raise NotImplementedError  # TODO

    def __pow__(self, exponent: float) -> "Value":
        raise NotImplementedError  # TODO: the exponent is a plain number

    def relu(self) -> "Value":
        """Return the value if it is positive, else 0."""
        raise NotImplementedError  # TODO

    # 2 + x and 2 * x ask the number first, then us.
    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self) -> None:
        """Add the derivative of this value to the grad of every value it was made from."""
        raise NotImplementedError  # TODO: no recursion; a value used twice gets both gradients


if __name__ == "__main__":
    w = Value(2.0)
    loss = 10 * w**2 + 25
    loss.backward()
    print(w.grad)  # 40.0
