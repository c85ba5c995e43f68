"""What Colab's Secrets hold (the key icon beside the notebook)."""

import contextlib


def _colab_secret(name: str) -> str:
    """Return the secret *name*, empty where there is none or it may not be read."""
    with contextlib.suppress(ImportError):
        from google.colab import userdata

        try:
            return str(userdata.get(name)).strip()
        except userdata.NotebookAccessError:
            print(f"Colab has the secret {name}: switch on 'Notebook access' beside it.")
        except getattr(userdata, "TimeoutException", TimeoutError):
            print("Colab's Secrets did not answer; they need the notebook's page to be open.")
        except (userdata.SecretNotFoundError, ValueError):
            pass
    return ""
