"""Making two trees agree."""
