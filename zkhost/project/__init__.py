"""A project on disk: discovering guests, building and locking them, its methods module and contract."""
