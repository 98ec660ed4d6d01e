"""The `zkhost` command: parse, call, print."""
