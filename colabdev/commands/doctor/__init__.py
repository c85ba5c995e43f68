"""``colabdev doctor``: what is as it should be between this computer and a runtime."""
