"""Colab's Secrets, with the errors that the real ones raise.

The file named in COLAB_STAND_IN_USERDATA holds ``{name: {"payload": text, "access": bool}}``, or
``"closed"`` when nobody has the notebook's page open.
"""

import json
import os
from pathlib import Path

from . import errors


class NotebookAccessError(Exception):
    """The notebook may not read the secret."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Notebook does not have access to secret {key}")


class SecretNotFoundError(errors.Error):
    """There is no such secret."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Secret {key} does not exist.")


class TimeoutException(errors.Error):
    """The notebook's page did not answer."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Requesting secret {key} timed out.")


def get(key: str) -> str:
    """Return the secret *key*."""
    if not key.strip():
        raise ValueError("a secret has a name")
    secrets = json.loads(Path(os.environ["COLAB_STAND_IN_USERDATA"]).read_text())
    if secrets == "closed":
        raise TimeoutException(key)
    if key not in secrets:
        raise SecretNotFoundError(key)
    if not secrets[key]["access"]:
        raise NotebookAccessError(key)
    return str(secrets[key]["payload"])
