"""Model files: what is in them, checked, before anything is made of it."""
