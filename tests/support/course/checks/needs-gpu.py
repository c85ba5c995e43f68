"""Checks of needs-gpu."""


def check_gpu(learner, t):
    """What only a GPU can show.

    GPU만 보여 줄 수 있는 것입니다.
    """
    if t.device == "cpu":
        t.skip(("This needs a GPU.", "GPU가 필요합니다."))
