"""A stand-in for Colab's own package, put on a kernel's PYTHONPATH."""
