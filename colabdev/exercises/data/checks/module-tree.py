"""Checks of module-tree: trees of the check's own, written down as they are built."""

import torch
from torch import nn


class Toy(nn.Module):
    """A toy tree."""

    def __init__(self):
        super().__init__()
        self.ab = Plain()
        self.ab.a = Wide(2, 2)
        self.hi = Plain()
        self.hi.h = Spaced()
        self.hi.h.register_buffer("buf", torch.tensor([1.0, 2.0]))
        self.relu = Long()
        self.plain = torch.zeros(1)


class Plain(nn.Module):
    pass  # and no docstring, which is the point


class Spaced(nn.Module):
    """
      Stands apart.

    The rest is not asked for.
    """


class Long(nn.ReLU):
    """Begins here,   \n    and goes on."""


class Wide(nn.Linear):
    pass  # nn.Linear has a docstring, this class has none


FIRST_LINES = {Plain: "", Spaced: "Stands apart.", Long: "Begins here,"}


def check_note(learner, t):
    """The toy tree has the paths that the note asks for.

    작은 나무에는 노트가 찾는 경로가 있습니다.
    """
    model = Toy()
    t.equal(
        list(learner.paths(model)),
        ["", "ab", "ab.a", "hi", "hi.h", "relu"],
        (
            "The model itself at '', each module before what is inside it.",
            "모델 자신은 ''에 있고, 모듈이 그 안에 든 것보다 먼저 옵니다.",
        ),
    )
    t.same(learner.fetch(model, "hi.h"), model.hi.h)
    t.same(learner.fetch(model, "ab.a"), model.ab.a)
    buf = learner.fetch(model, "hi.h.buf")
    t.equal(buf, torch.tensor([1.0, 2.0]))
    t.same(buf, model.hi.h.buf)


def check_docstrings(learner, t):
    """paths gives the first line of the class's own docstring.

    paths는 클래스 자신의 docstring 첫 줄을 줍니다.
    """
    t.equal(
        learner.paths(Toy()),
        {
            "": "A toy tree.",
            "ab": "",
            "ab.a": "",
            "hi": "",
            "hi.h": "Stands apart.",
            "relu": "Begins here,",
        },
        (
            "ab.a is a subclass of nn.Linear without a docstring: type(module).__doc__ is None.",
            "ab.a는 nn.Linear의 하위 클래스지만 자기 docstring이 없어 __doc__이 None입니다.",
        ),
    )
    lines = nn.Linear.__doc__.split("\n")
    first = next(line.strip() for line in lines if line.strip())
    t.equal(learner.paths(nn.Linear(1, 1)), {"": first}, ("nn.Linear has one.", "nn.Linear의 것."))


def check_paths_of_random_trees(learner, t):
    """paths lists every module of any tree, in order.

    paths는 어떤 나무든 모든 모듈을 순서대로 적습니다.
    """
    for _ in range(5):
        model, known = _tree(t)
        t.equal(
            list(learner.paths(model).items()),
            [(path, FIRST_LINES[type(module)]) for path, module in known.items()],
            ("Every module of the tree, and nothing else.", "나무의 모든 모듈만 적습니다."),
        )


def check_shared(learner, t):
    """A shared module is listed once, and found at both of its paths.

    함께 쓰는 모듈은 한 번만 적지만 두 경로 모두에서 찾을 수 있습니다.
    """
    model = Toy()
    model.twin = model.ab
    model.hi.again = model.ab.a
    t.equal(
        list(learner.paths(model)),
        ["", "ab", "ab.a", "hi", "hi.h", "relu"],
        (
            "twin is ab, and hi.again is ab.a: a module counts where it comes first.",
            "twin은 ab이고 hi.again은 ab.a입니다. 모듈은 먼저 나오는 곳에 적습니다.",
        ),
    )
    for path, want in (
        ("twin", model.ab),
        ("twin.a", model.ab.a),
        ("hi.again", model.ab.a),
        ("twin.a.weight", model.ab.a.weight),
    ):
        t.same(
            learner.fetch(model, path),
            want,
            (f"{path} leads somewhere, too.", f"{path}도 어딘가로 이어지는 경로입니다."),
        )


def check_fetch(learner, t):
    """fetch finds every module, parameter and buffer, the object itself.

    fetch는 모든 모듈, 파라미터, 버퍼를 바로 그 객체로 찾습니다.
    """
    for _ in range(3):
        model, known = _tree(t)
        for path, module in known.items():
            t.same(
                learner.fetch(model, path), module, ("The module itself.", "바로 그 모듈입니다.")
            )
            dot = f"{path}." if path else ""
            module.weight = nn.Parameter(t.tensor(2))
            module.register_buffer("seen", t.tensor(1))
            module.register_buffer("unsaved", t.tensor(1), persistent=False)
            for name in ("weight", "seen", "unsaved"):
                t.same(
                    learner.fetch(model, dot + name),
                    getattr(module, name),
                    (
                        "A parameter or a buffer, the tensor itself and no copy.",
                        "파라미터나 버퍼를 복사하지 않고 그 텐서 그대로 줍니다.",
                    ),
                )


def check_bad_paths(learner, t):
    """Where nothing lies, fetch raises an AttributeError that holds the path.

    아무것도 없는 경로면 경로가 담긴 AttributeError를 냅니다.
    """
    model, known = _tree(t)
    deep = t.random.choice([path for path in known if path])
    model.ab, model.plain = Toy(), torch.zeros(1)
    for path in (
        "nothing",
        f"{deep}.nothing",
        f"nothing.{deep}",
        f"{deep}.",
        f".{deep}",
        ".",
        "ab..hi",
        "ab.ab.a.weight.x",
        "ab.hi.h.buf.shape",
        "plain",
        "ab.plain",
        "training",
        "ab.hi.training",
        "forward",
        "ab.relu.inplace",
        f"{deep}.parameters",
        "__class__",
    ):
        t.true(
            path in _message(learner, t, model, path),
            (
                f"The message has to hold the whole path, here {path!r}.",
                f"메시지에 경로 전체가 담겨야 합니다. 여기서는 {path!r}입니다.",
            ),
        )


def _message(learner, t, model, path):
    """Return the message of the AttributeError that fetch raises."""
    caught = []

    def call():
        try:
            return learner.fetch(model, path)
        except AttributeError as error:
            caught.append(str(error))
            raise

    t.raises(
        AttributeError,
        call,
        (
            f"No module, parameter or buffer lies at {path!r}.",
            f"{path!r}에는 모듈도 파라미터도 버퍼도 없습니다.",
        ),
    )
    return caught[0]


def _tree(t):
    """Return a random tree, and its modules by path, in the order of paths()."""
    root = Spaced()
    known = {"": root}

    def grow(parent, path, depth):
        names = ["a", "layer", "0", "zz", "norm"]
        t.random.shuffle(names)
        for name in names[: t.random.randint(1, 3)]:
            child = t.random.choice((Plain, Spaced, Long))()
            parent.add_module(name, child)
            below = f"{path}.{name}" if path else name
            known[below] = child
            if depth:
                grow(child, below, depth - 1)

    grow(root, "", t.random.randint(1, 3))
    return root, known
