"""A built guest as its user sees it: typed execute and prove."""
