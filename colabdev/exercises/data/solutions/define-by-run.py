"""The graph of a computation: one way to write it."""

import torch


def graph_edges(t: torch.Tensor) -> list[tuple[str, str]]:
    """Return the edges of the graph that made *t*, as pairs (name, name of an input)."""
    edges = []
    stack, seen = [t.grad_fn], {None}  # None: here nothing needs a gradient
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            sources = [source for source, _ in node.next_functions if source]
            edges += [(_name(node), _name(source)) for source in sources]
            stack += sources
    return edges


def _name(node: object) -> str:
    return type(node).__name__


def branchy(x: torch.Tensor) -> torch.Tensor:
    """Return the square root of the sum of *x* if it is positive, else its square."""
    s = x.sum()
    return s.sqrt() if s > 0 else s**2


if __name__ == "__main__":
    x, y, z = (torch.tensor(number, requires_grad=True) for number in (1.0, 2.0, 3.0))
    print(graph_edges((x + y) * z))
    print(branchy(torch.tensor([-1.0, -2.0])))  # 9
