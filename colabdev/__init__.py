"""Turn a Google Colab GPU into a machine you develop on from your own laptop."""

__version__ = "0.1.0"
