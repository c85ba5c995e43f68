"""What each verb does: plain functions that print nothing."""
