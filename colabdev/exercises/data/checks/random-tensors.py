"""Checks of random-tensors: many draws, and bounds that a right answer misses once in 10^9 runs."""

import torch

DRAWS = 200_000
WRONG_INPUT = (RuntimeError, ValueError)

OWN_SEED = (
    "The caller's seed decides: set none in here. Another seed gives other numbers.",
    "시드는 부르는 쪽이 정합니다. 함수 안에서 정하지 마세요. "
    "시드가 다르면 다른 수가 나와야 합니다.",
)
SAME_SEED = (
    "The same seed gives the same numbers, so draw from torch's generator.",
    "시드가 같으면 같은 수가 나와야 합니다. torch의 생성기에서 뽑으세요.",
)
GENERATOR = (
    "Hand the generator on: torch's functions take it as generator=.",
    "받은 생성기를 torch 함수에 generator=로 넘기세요.",
)
ALONE = (
    "With a generator of its own, a call draws nothing from the common one.",
    "생성기를 받았으면 공용 생성기에서는 아무것도 뽑지 마세요.",
)


def check_noise_form(learner, t):
    """noise(n, mean, std) is a 1-D float32 tensor of n numbers.

    noise(n, mean, std)는 수 n개를 담은 1차원 float32 텐서입니다.
    """
    why = (
        "n numbers, 1-D, float32, on the device asked for.",
        "요청한 장치의 1차원 float32입니다.",
    )
    for n in (0, 1, 2, t.random.randint(3, 50)):
        for device in ("meta", t.device):
            got = learner.noise(n, 5.0, 1.0, device=device)
            t.equal(torch.zeros_like(got), torch.zeros(n, device=device), why)
    t.equal(
        learner.noise(3, 5, 1).device.type, "cpu", ("The default is cpu.", "기본값은 cpu입니다.")
    )


def check_noise_without_spread(learner, t):
    """std 0 gives the mean exactly; a negative std is an error.

    std가 0이면 정확히 평균이 나오고, 음수이면 오류입니다.
    """
    mean = t.random.randint(-40, 40) / 4
    t.equal(
        learner.noise(6, mean, 0.0, device=t.device),
        torch.full((6,), mean, device=t.device),
        ("Without spread only the mean is left.", "퍼지지 않으면 평균만 남습니다."),
    )
    t.raises(
        WRONG_INPUT,
        lambda: learner.noise(6, mean, -1.0),
        (
            "No spread is below 0. torch.normal refuses it; randn() * std does not.",
            "표준편차는 음수일 수 없습니다. "
            "torch.normal은 거부하지만 randn() * std는 그대로 계산합니다.",
        ),
    )


def check_noise_distribution(learner, t):
    """200,000 draws have the mean, the spread and the bell of the normal distribution.

    200,000개를 뽑으면 평균, 퍼진 정도, 종 모양이 정규분포와 같습니다.
    """
    for mean, std in ((5.0, 1.0), (t.random.uniform(-20, 20), t.random.uniform(2, 9))):
        drawn = learner.noise(DRAWS, mean, std, device=t.device).double()
        asked = f"mean {mean:.3g}, std {std:.3g}"
        _near(t, drawn.mean(), mean, 0.02 * std, f"{asked}: the mean", f"{asked}: 평균")
        _near(t, drawn.std(), std, 0.02 * std, f"{asked}: the std", f"{asked}: 표준편차")
        for width, share in ((1, 0.6827), (2, 0.9545)):
            inside = ((drawn - mean).abs() < width * std).double().mean()
            english = f"{asked}: the share of numbers within {width} std of the mean"
            _near(t, inside, share, 0.007, english, f"{asked}: 평균에서 {width}표준편차 안의 비율")


def check_noise_seed(learner, t):
    """noise draws anew at each call, and the caller's seed decides.

    noise는 부를 때마다 새로 뽑고, 시드는 부르는 쪽이 정합니다.
    """
    _follows_the_seed(t, lambda: learner.noise(20, 0.0, 1.0))


def check_noise_generator(learner, t):
    """noise takes its numbers from the generator that is passed.

    noise는 넘겨받은 생성기에서 수를 뽑습니다.
    """
    _follows_the_generator(
        t, lambda generator: learner.noise(20, 0.0, 1.0, device=t.device, generator=generator)
    )


def check_coin_form(learner, t):
    """coin(p) has the shape and dtype of p, holds 0 and 1, and leaves p alone.

    coin(p)는 p와 모양, dtype이 같고 0과 1만 담으며 p를 바꾸지 않습니다.
    """
    for shape in ((), (0,), (7,), (2, 5), (2, 3, 4)):
        for dtype in (torch.float32, torch.float64):
            p = torch.rand(shape, dtype=dtype).to(t.device)
            before = p.clone()
            tossed = learner.coin(p)
            t.equal(
                torch.zeros_like(tossed),
                torch.zeros_like(p),
                ("Shape, dtype and device are those of p.", "모양, dtype, 장치가 p와 같습니다."),
            )
            t.equal(p, before, ("p is to stay: return a new tensor.", "p는 그대로 두세요."))
            is_coin = ((tossed == 0) | (tossed == 1)).all().item()
            t.true(is_coin, ("A coin shows 0 or 1.", "동전은 0 아니면 1입니다."))


def check_coin_certain(learner, t):
    """Probability 0 never gives 1, probability 1 always does.

    확률 0이면 1이 절대 나오지 않고, 확률 1이면 반드시 나옵니다.
    """
    certain = (t.tensor(100, 100) > 0).float()
    why = ("0 is never, 1 is always.", "0은 절대 아니고 1은 반드시입니다.")
    t.equal(learner.coin(certain), certain, why)


def check_coin_chances(learner, t):
    """Of 200,000 tosses, the right share shows 1, each row by its own probability.

    200,000번 던지면 행마다 자기 확률만큼 1이 나옵니다.
    """
    chances = [0.3, 0.5, t.random.uniform(0.05, 0.25), t.random.uniform(0.75, 0.95)]
    p = torch.tensor(chances, device=t.device)[:, None].expand(-1, DRAWS)
    tossed = learner.coin(p).double()
    for chance, share in zip(chances, tossed.mean(dim=1), strict=True):
        _near(
            t, share, chance, 0.01, f"p {chance:.3g}: the share of 1", f"p {chance:.3g}: 1의 비율"
        )
    both = (tossed[0] * tossed[1]).mean()
    _near(
        t, both, 0.15, 0.01, "1 in the rows 0.3 and 0.5 at once", "0.3과 0.5인 행이 함께 1인 비율"
    )


def check_coin_refuses(learner, t):
    """A probability outside of 0 to 1 is an error.

    0과 1 사이를 벗어난 확률은 오류입니다.
    """
    for wrong in (1.5, -0.5):
        p = torch.tensor([0.5, wrong])  # on the CPU: on a GPU this would end the process
        t.raises(
            WRONG_INPUT,
            lambda p=p: learner.coin(p),
            (
                f"{wrong} is no probability. torch.bernoulli refuses it; rand() < p does not.",
                f"{wrong}은(는) 확률이 아닙니다. "
                "torch.bernoulli는 거부하지만 rand() < p는 통과시킵니다.",
            ),
        )


def check_coin_seed(learner, t):
    """coin tosses anew at each call, and the caller's seed decides.

    coin은 부를 때마다 새로 던지고, 시드는 부르는 쪽이 정합니다.
    """
    _follows_the_seed(t, lambda: learner.coin(torch.full((100,), 0.5)))


def check_coin_generator(learner, t):
    """coin takes its tosses from the generator that is passed.

    coin은 넘겨받은 생성기로 던집니다.
    """
    p = torch.full((100,), 0.5, device=t.device)
    _follows_the_generator(t, lambda generator: learner.coin(p, generator=generator))


def _near(t, got, want, bound, english, korean):
    got = got.item()
    t.true(
        abs(got - want) < bound,
        (
            f"{english} is {got:.4f} and should be {want:.4f}.",
            f"{korean}: {want:.4f}이어야 하는데 {got:.4f}입니다.",
        ),
    )


def _follows_the_seed(t, draw):
    """See that the common generator decides, and nothing else; the draws lie on the CPU."""
    seed = t.random.randrange(2**31)
    torch.manual_seed(seed)
    first, second = draw(), draw()
    torch.manual_seed(seed)
    again = draw()
    torch.manual_seed(seed + 1)
    other = draw()
    t.equal(again, first, SAME_SEED)
    t.true(not torch.equal(first, second), OWN_SEED)
    t.true(not torch.equal(first, other), OWN_SEED)


def _follows_the_generator(t, draw):
    seed = t.random.randrange(2**31)
    one, same, other = (torch.Generator(t.device).manual_seed(seed + at) for at in (0, 0, 1))
    before = torch.get_rng_state()
    first, second = draw(one), draw(one)
    t.equal(torch.get_rng_state(), before, ALONE)
    t.equal(draw(same), first, GENERATOR)
    t.true(not torch.equal(first, second), OWN_SEED)
    t.true(not torch.equal(first, draw(other)), GENERATOR)


# ---- measurements ------------------------------------------------------------------------------

MANY = 10_000_000
CHANCE = 0.3


def measure(learner, emit, device):
    """Measure ten million numbers of each kind; torch.rand, the plain one, is there to compare."""
    p = torch.full((MANY,), CHANCE, device=device)
    # With ten million draws the mean is off by 0.0004 or so, the spread by less.
    for case, draw, mean, std in (
        ("noise-10m", lambda: learner.noise(MANY, 5.0, 1.0, device=device), 5.0, 1.0),
        ("coin-10m", lambda: learner.coin(p), CHANCE, (CHANCE * (1 - CHANCE)) ** 0.5),
        ("rand-10m", lambda: torch.rand(MANY, device=device), 0.5, 12**-0.5),
    ):
        drawn = draw()
        emit.true(drawn.device.type == device, f"{case} is not on {device}.")
        found = {"mean": drawn.mean().item(), "std": drawn.std().item()}
        emit.true(abs(found["mean"] - mean) < 0.01, f"{case} has the mean {found['mean']:.4f}.")
        emit.true(abs(found["std"] - std) < 0.01, f"{case} has the std {found['std']:.4f}.")
        timing = emit.time(draw)
        speed = MANY / timing.median
        spread = {"replicates": timing.replicates, "iqr": speed * timing.iqr / timing.median}
        row = {"device": device, "dtype": "float32"}
        emit(case, "samples_per_s", speed, unit="1/s", better="higher", **spread, **row)
        for metric, value in found.items():
            emit(case, metric, value, unit="", better="none", **row)
