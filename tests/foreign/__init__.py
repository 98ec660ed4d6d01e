"""Projects in layouts that others use, each built right or refused by name."""
