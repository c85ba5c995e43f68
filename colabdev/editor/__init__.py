"""The editors that open folders over SSH: where they are, what starts them, and their settings."""
