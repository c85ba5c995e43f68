"""backward and the vector in it: one way to write it."""

from collections.abc import Callable, Sequence

import torch


def grads(
    f: Callable[..., torch.Tensor], xs: Sequence[torch.Tensor], v: torch.Tensor | None = None
) -> tuple[torch.Tensor, ...]:
    """Return v times the Jacobian of *f* at *xs*, for each of *xs*."""
    inputs = [x.detach().requires_grad_() for x in xs]
    return torch.autograd.grad(f(*inputs), inputs, v, materialize_grads=True)


if __name__ == "__main__":
    a, b = torch.tensor([2.0, 3.0]), torch.tensor([6.0, 4.0])
    print(grads(lambda a, b: 3 * a**3 - b**2, [a, b], torch.tensor([1.0, 1.0])))
