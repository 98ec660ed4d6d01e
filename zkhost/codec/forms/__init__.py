"""Other forms of values: plain data for oracles and tools, and JSON for people."""
