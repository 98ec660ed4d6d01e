"""Receipts: what they claim, how they are read and written, and how they are verified."""
