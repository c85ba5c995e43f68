"""What Colab's Secrets hold (the key icon beside the notebook)."""

from colabdev.payload.cell.core import _say


def _colab_secret(name: str) -> str:
    """Return the secret *name*, empty where there is none or it may not be read."""
    try:
        from google.colab import userdata
    except ImportError:
        return ""
    try:
        return str(userdata.get(name)).strip()
    except userdata.SecretNotFoundError:
        pass
    except userdata.NotebookAccessError:
        _say("Colab has the secret {name}: switch on 'Notebook access' beside it.", name=name)
    except (getattr(userdata, "TimeoutException", TimeoutError), ValueError):
        _say("Colab's Secrets did not answer; they need the notebook's page to be open.")
    return ""
