"""The tests of project_name: `pytest` needs no GPU."""
