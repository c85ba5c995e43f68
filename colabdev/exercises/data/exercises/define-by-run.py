"""The graph of a computation. The task: briefs/define-by-run.en.md (한국어: .ko.md)."""

import torch


def graph_edges(t: torch.Tensor) -> list[tuple[str, str]]:
    """Return the edges of the graph that made *t*, as pairs (name, name of an input)."""
    # TODO: begin at t.grad_fn, and visit each node once.
    raise NotImplementedError


def branchy(x: torch.Tensor) -> torch.Tensor:
    """Return the square root of the sum of *x* if it is positive, else its square."""
    # TODO: only the branch that is taken belongs in the graph.
    raise NotImplementedError


if __name__ == "__main__":
    x, y, z = (torch.tensor(number, requires_grad=True) for number in (1.0, 2.0, 3.0))
    print(graph_edges((x + y) * z))
    print(branchy(torch.tensor([-1.0, -2.0])))  # 9
