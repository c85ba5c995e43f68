"""backward and the vector in it. The task: briefs/backward-vjp.en.md (한국어: .ko.md)."""

from collections.abc import Callable, Sequence

import torch


def grads(
    f: Callable[..., torch.Tensor], xs: Sequence[torch.Tensor], v: torch.Tensor | None = None
) -> tuple[torch.Tensor, ...]:
    """Return v times the Jacobian of *f* at *xs*, for each of *xs*."""
    # TODO: torch.autograd.grad; change neither the tensors of xs nor their grad.
    raise NotImplementedError


if __name__ == "__main__":
    a, b = torch.tensor([2.0, 3.0]), torch.tensor([6.0, 4.0])
    print(grads(lambda a, b: 3 * a**3 - b**2, [a, b], torch.tensor([1.0, 1.0])))
