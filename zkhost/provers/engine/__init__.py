"""Proving segment by segment in this process or one beside it."""
