"""The cell in pieces: `core`, what it asks of the machine, and one piece for each tunnel."""
