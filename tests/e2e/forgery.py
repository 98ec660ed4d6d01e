"""Receipts as a forger would change them."""

from __future__ import annotations

import json

from zkhost.receipt.receipt import Receipt


def with_journal(receipt: Receipt, old: bytes, new: bytes) -> Receipt:
    """The receipt with a part of its journal replaced."""
    data = receipt.journal.bytes
    assert old in data
    assert old != new
    form = json.loads(receipt.to_bytes("json"))
    form["journal"]["bytes"] = list(data.replace(old, new))
    return Receipt.from_bytes(json.dumps(form).encode(), "json")
