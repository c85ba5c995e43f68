"""Only on a GPU."""


def anything():
    """Do nothing."""  # TODO
