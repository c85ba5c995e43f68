"""The chain rule by hand: one way to write it."""


class Value:
    """A number that remembers how it was made, so that it can be differentiated.

    Each edge of the graph is a pair: an input, and the local derivative with respect to it.
    """

    def __init__(self, data: float, edges: "tuple[tuple[Value, float], ...]" = ()) -> None:
        self.data = data
        self.grad = 0.0
        self.edges = edges

    def __add__(self, other: "Value | float") -> "Value":
        other = _value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other: "Value | float") -> "Value":
        other = _value(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def __pow__(self, exponent: float) -> "Value":
        slope = exponent * self.data ** (exponent - 1) if exponent else 0.0
        return Value(self.data**exponent, ((self, slope),))

    def relu(self) -> "Value":
        """Return the value if it is positive, else 0."""
        return Value(max(self.data, 0.0), ((self, 1.0 if self.data > 0 else 0.0),))

    # 2 + x and 2 * x ask the number first, then us.
    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self) -> None:
        """Add the derivative of this value to the grad of every value it was made from."""
        # What flows in this pass is kept apart from grad, which may hold earlier passes.
        flow = {self: 1.0}
        for node in reversed(_inputs_first(self)):
            node.grad += flow[node]
            for source, slope in node.edges:
                flow[source] = flow.get(source, 0.0) + flow[node] * slope


def _value(number: "Value | float") -> Value:
    return number if isinstance(number, Value) else Value(number)


def _inputs_first(end: Value) -> list[Value]:
    """Return every value that *end* was made from, inputs before results (topological order)."""
    order: list[Value] = []
    seen: set[Value] = set()
    stack = [(end, False)]
    while stack:
        node, is_ready = stack.pop()
        if is_ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((source, False) for source, _ in node.edges)
    return order


if __name__ == "__main__":
    w = Value(2.0)
    loss = 10 * w**2 + 25
    loss.backward()
    print(w.grad)  # 40.0
