"""Contracts -> the model of their Rust module, and each one's canonical text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zkhost.contract.declare import Contract
from zkhost.contract.fingerprint import contract_text
from zkhost.contract.item_model import Guest, Module
from zkhost.contract.to_rust.schema_items import Items


def contract_module(contracts: Mapping[str, Contract[Any, Any]], doc: str = "") -> Module:
    """Return the Rust types of several guests' contracts, shared types once."""
    items = Items()
    guests = []
    for name, contract in contracts.items():
        types = [None if t is None else items.rust_type(t) for t in (contract.input, contract.journal)]
        guests.append(Guest(name, types[0], types[1], contract.format.value))
    return Module(items.items(), tuple(guests), doc)


def contract_text_of(contract: Contract[Any, Any]) -> str:
    """Return the canonical text of one contract, as the guest's binary must hold it."""
    module = contract_module({"guest": contract})
    return contract_text(module, module.guests[0])
