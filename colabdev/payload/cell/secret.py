"""What Colab's Secrets hold (the key icon beside the notebook)."""


def _colab_secret(name: str) -> str:
    """Return the secret *name*, empty where there is none or it may not be read."""
    try:
        from google.colab import userdata

        return str(userdata.get(name)).strip()
    except Exception as error:  # by its name: Colab has moved the classes about
        if type(error).__name__ not in ("ModuleNotFoundError", "SecretNotFoundError"):
            print(f"Secrets need 'Notebook access', and the notebook's page to be open: {error}")
    return ""
