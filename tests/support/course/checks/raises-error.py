"""Checks of raises-error."""


def check_first(learner, t):
    """first(items) is the first item.

    first(items)는 첫 원소입니다.
    """
    items = [t.random.random() for _ in range(3)]
    t.equal(learner.first(items), items[0])


def check_first_of_none(learner, t):
    """first([]) is None.

    first([])는 None입니다.
    """
    t.equal(
        learner.first([]), None, ("Nothing has no first item.", "빈 것에는 첫 원소가 없습니다.")
    )
