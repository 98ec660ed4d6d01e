"""A cluster of r0vm processes: its plan, and the files that start it on other machines."""
