"""Checks of never-ends."""

LIMIT = 1


def check_countdown(learner, t):
    """countdown(n) ends.

    countdown(n)은 끝납니다.
    """
    n = t.random.randint(3, 9)
    t.equal(learner.countdown(n), sorted(range(1, n + 1), reverse=True))


def check_twice(learner, t):
    """What comes after it is checked all the same.

    그 뒤의 것도 검사합니다.
    """
    n = t.random.randint(2, 9)
    t.equal(learner.twice(n), 2 * n)
