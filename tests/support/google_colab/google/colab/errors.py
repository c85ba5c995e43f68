"""The base of the errors of Colab's own package."""


class Error(Exception):
    """What the real package derives its errors from."""
