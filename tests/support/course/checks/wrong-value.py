"""Checks of wrong-value."""


def check_double(learner, t):
    """double(x) is twice x.

    double(x)는 x의 두 배입니다.
    """
    for _ in range(5):
        x = t.random.randint(1, 99)
        t.equal(learner.double(x), 2 * x, ("Add x to itself.", "x에 x를 더하세요."))
