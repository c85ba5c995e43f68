"""``colabdev exercises``: the course."""

from colabdev.cli.exercises.group import exercises

COMMANDS = (exercises,)
