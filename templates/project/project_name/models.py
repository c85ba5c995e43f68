"""The networks: each has a ``body`` that makes features and a ``head`` that reads them."""

from torch import Tensor, nn

from project_name.config import Config


class SmallCNN(nn.Module):
    """Two convolutions with BatchNorm: (N, 1, H, W) to (N, classes)."""

    def __init__(self, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_block(1, width),
            *_block(width, 2 * width),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
        )
        self.head = nn.Linear(8 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(images))
        return logits


class MLP(nn.Module):
    """One hidden layer and nothing that looks at the whole batch."""

    def __init__(self, pixels: int, width: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, width), nn.ReLU(), nn.Dropout(dropout)
        )
        self.head = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(images))
        return logits


def build_model(config: Config) -> SmallCNN | MLP:
    """Return the network that *config* names, freshly initialised."""
    model, classes = config.model, config.data.classes
    if model.kind == "mlp":
        return MLP(config.data.image_size**2, model.width, classes, model.dropout)
    return SmallCNN(model.width, classes, model.dropout)


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    # BatchNorm has a bias of its own, so the convolution needs none.
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)
