"""A project's guests: finding them, building them, the methods module, the lock file, and the toolchain."""
