"""``python -m colabdev``."""

from colabdev.cli.main import main

main()
