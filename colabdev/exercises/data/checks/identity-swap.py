"""Checks of identity-swap: networks of the check's own, and the formulas written out."""

import torch
from torch import nn

STATISTICS = [f"1.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")]


class Plain(nn.Module):
    """A classifier that is one layer; what goes in is also reached by another way."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh())
        self.classifier = nn.Linear(3, 4)

    def features(self, x):
        return self.backbone(x) * 2 + x.sum(dim=1, keepdim=True)

    def forward(self, x):
        return self.classifier(self.features(x))


class Nested(nn.Module):
    """A classifier of several layers, in the middle of the module's layers."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.classifier = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2))
        self.second = nn.Linear(3, 6)

    def features(self, x):
        return self.second(self.first(x).relu())

    def forward(self, x):
        return self.classifier(self.features(x))


def check_block_layers(learner, t):
    """make_block(use_bn) has three layers in both cases, instances all.

    make_block(use_bn)은 두 경우 모두 층이 세 개이고, 모두 인스턴스입니다.
    """
    for use_bn, middle in ((True, nn.BatchNorm1d), (False, nn.Identity)):
        block = learner.make_block(use_bn)
        t.equal(
            [type(layer) for layer in block],
            [nn.Linear, middle, nn.ReLU],
            (
                f"The layers of make_block({use_bn}), in order.",
                f"make_block({use_bn})의 층을 순서대로 본 것입니다.",
            ),
        )
        t.equal(type(block), nn.Sequential)
        linear = ["0.weight", "0.bias"]
        t.equal(
            list(block.state_dict()),
            linear + (["1.weight", "1.bias", *STATISTICS] if use_bn else []),
            (
                "The linear layer is number 0 in either; Identity has no entries of its own.",
                "선형층은 어느 쪽에서나 0번입니다. Identity에는 저장할 것이 없습니다.",
            ),
        )
        t.equal(tuple(block[0].weight.shape), (3, 2), ("Linear: 2 to 3.", "Linear는 2에서 3으로."))


def check_block_forward(learner, t):
    """With and without batch normalisation, the numbers are right.

    배치 정규화가 있을 때나 없을 때나 값이 맞습니다.
    """
    for use_bn in (True, False):
        block, x = learner.make_block(use_bn).to(t.device, torch.float64), t.tensor(7, 2).double()
        linear = x @ block[0].weight.T + block[0].bias
        if use_bn:
            centred = linear - linear.mean(dim=0)
            linear = centred / (centred.square().mean(dim=0) + 1e-5).sqrt()
        t.equal(
            block(x),
            linear.clamp(min=0),
            (
                f"Here use_bn is {use_bn}; in training BatchNorm uses the batch's own statistics.",
                f"여기서 use_bn은 {use_bn}입니다. 학습 중 BatchNorm은 배치의 통계를 씁니다.",
            ),
        )


def check_blocks_are_new(learner, t):
    """Each call makes layers of its own.

    부를 때마다 새 층을 만듭니다.
    """
    for use_bn in (True, False):
        one, other = learner.make_block(use_bn), learner.make_block(use_bn)
        t.true(
            not torch.equal(one[0].weight, other[0].weight),
            ("Two blocks share no weights.", "블록끼리 가중치를 함께 쓰면 안 됩니다."),
        )


def check_features(learner, t):
    """features_of(net) gives what the classifier would have received.

    features_of(net)은 분류기가 받았을 값을 냅니다.
    """
    for kind in (Plain, Nested):
        for training in (False, True):
            net, x = kind().to(t.device).train(training), t.tensor(5, 2)
            features = learner.features_of(net)
            t.equal(
                type(features.classifier),
                nn.Identity,
                (
                    "In the classifier's place stands nn.Identity(), an instance.",
                    "분류기 자리에는 인스턴스인 nn.Identity()가 있어야 합니다.",
                ),
            )
            t.equal(
                features.training,
                training,
                ("train() or eval(), as net.", "train()인지 eval()인지는 net과 같아야 합니다."),
            )
            t.equal(
                features(x),
                net.features(x),
                (
                    "All that net does before its classifier, and nothing after it.",
                    "net이 분류기 앞에서 하는 일만 모두 하고 그 뒤에는 아무 일도 하지 않습니다.",
                ),
            )


def check_features_of_your_block(learner, t):
    """The note's X through a net made of your block: features of shape (2, 3).

    노트의 X를 여러분의 블록으로 만든 신경망에 넣으면 (2, 3)이 나옵니다.
    """
    X = torch.tensor([[1.0, 2.0], [3.0, 4.0]], device=t.device)
    for use_bn in (True, False):
        net = nn.Sequential()
        net.add_module("block", learner.make_block(use_bn))
        net.add_module("classifier", nn.Linear(3, 10))
        net = net.to(t.device).eval()
        features = learner.features_of(net)
        t.equal(features(X), net.block(X), ("This is the block alone.", "블록만의 결과입니다."))
        t.equal(tuple(net(X).shape), (2, 10), ("net still classifies.", "net은 그대로입니다."))


def check_state_dict(learner, t):
    """The state_dict loses classifier.* and nothing else.

    state_dict에서 classifier.*만 사라집니다.
    """
    for kind in (Plain, Nested):
        net = kind().to(t.device)
        kept = {
            name: value.clone()
            for name, value in net.state_dict().items()
            if not name.startswith("classifier.")
        }
        state = learner.features_of(net).state_dict()
        why = (
            "Everything but the classifier is there, under its name, with its numbers.",
            "분류기를 뺀 모든 것이 같은 이름과 같은 값으로 남아 있어야 합니다.",
        )
        t.equal(list(state), list(kept), why)
        t.equal(dict(state), kept, why)


def check_net_is_unchanged(learner, t):
    """net keeps its classifier and its weights, even when the copy is trained.

    사본을 학습시켜도 net의 분류기와 가중치는 그대로입니다.
    """
    for kind in (Plain, Nested):
        net, x = kind().to(t.device), t.tensor(6, 2)
        classifier = net.classifier
        before = {name: value.clone() for name, value in net.state_dict().items()}
        features = learner.features_of(net)
        t.same(
            net.classifier,
            classifier,
            (
                "net lost its classifier. copy.copy is not enough: both share one dict of layers.",
                "net의 분류기가 바뀌었습니다. copy.copy로는 층을 담은 딕셔너리를 함께 씁니다.",
            ),
        )
        t.true(
            all(parameter.requires_grad for parameter in features.parameters()),
            (
                "Freezing is another step; the copy can be trained.",
                "사본은 학습할 수 있어야 합니다.",
            ),
        )
        features(x).square().sum().backward()
        with torch.no_grad():
            for parameter in features.parameters():
                parameter.sub_(parameter.grad + 1)
        t.equal(
            dict(net.state_dict()),
            before,
            ("The copy's training reached net.", "사본의 학습이 net까지 바꾸었습니다."),
        )
        t.true(
            all(parameter.grad is None for parameter in net.parameters()),
            ("net received gradients.", "net이 기울기를 받았습니다."),
        )
