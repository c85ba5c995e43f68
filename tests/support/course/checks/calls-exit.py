"""Checks of calls-exit."""


def check_answer(learner, t):
    """answer() is 42.

    answer()는 42입니다.
    """
    t.equal(learner.answer(), 42)
