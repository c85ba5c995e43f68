"""How each verb is typed and shown; click and rich live here only."""
