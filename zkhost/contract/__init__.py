"""The contract of a project: types declared once in Python, and the Rust module of the guest made from them."""

from __future__ import annotations

from zkhost.contract.declaration import Contract

__all__ = ["Contract"]
