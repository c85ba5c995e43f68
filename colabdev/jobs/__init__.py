"""A command that outlives the connection that started it."""
