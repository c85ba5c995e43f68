"""Reaching a machine: who it is, how to log in, and what runs there."""
