"""Other forms of values: plain data for oracles and tools, and readable JSON."""
