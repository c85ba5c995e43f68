"""Fit a line on whatever device there is, and report the loss while it falls."""

import torch

try:
    from colabdev_report import metric  # there when colabdev runs this file
except ModuleNotFoundError:

    def metric(*args, **kwargs):
        """Outside colabdev the numbers are only printed."""


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"training on {device}, torch {torch.__version__}")

torch.manual_seed(0)
x = torch.linspace(-1, 1, 256, device=device).unsqueeze(1)
y = 3 * x + 2 + 0.1 * torch.randn_like(x)

model = torch.nn.Linear(1, 1).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for step in range(1, 31):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}: loss {loss.item():.4f}")
        metric("loss", loss.item(), step=step, better="lower", device=device.type)

print(f"y = {model.weight.item():.2f} x + {model.bias.item():.2f}")
