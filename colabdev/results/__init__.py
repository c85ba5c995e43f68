"""What jobs measured and made, kept on the laptop."""
