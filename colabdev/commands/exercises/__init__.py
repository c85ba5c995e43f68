"""The verbs of the course: learning, checking, running, and what came of it."""
