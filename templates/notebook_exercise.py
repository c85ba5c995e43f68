# A first exercise: make the 2 by 3 tensor [[0, 1, 2], [3, 4, 5]] without writing the six numbers.
# The course has more: on your laptop, run 'colabdev exercises start'.
import torch

answer = None  # TODO: torch.arange and reshape

if answer is None:
    print("Not yet: put a tensor in the place of None, and run this cell again.")
elif torch.equal(answer, torch.tensor([[0, 1, 2], [3, 4, 5]])):
    print("Right.")
else:
    print("Not quite: the answer is", answer)
