"""A request for a proof: which program, on which input, what the proof must state, and what is paid for it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zkhost import _files
from zkhost.boundless._evm_values import (
    address_bytes,
    fields,
    hex_text,
    number,
    once_each,
    struct_hash,
    word,
)
from zkhost.boundless.offer import OFFER_TYPE, Offer
from zkhost.boundless.predicate import PREDICATE_TYPE
from zkhost.boundless.request_id import RequestID
from zkhost.boundless.request_input import (
    INPUT_TYPE,
    RequestInput,
    check_url,
    input_from_plain,
    input_hash,
    input_plain,
)
from zkhost.boundless.requirements import CALLBACK_TYPE, REQUIREMENTS_TYPE, Requirements
from zkhost.errors import MarketFormatError
from zkhost.receipt.evm import keccak256

_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_REQUEST_TYPE = "ProofRequest(uint256 id,Requirements requirements,string imageUrl,Input input,Offer offer)"
_HELD_TYPES = CALLBACK_TYPE + INPUT_TYPE + OFFER_TYPE + PREDICATE_TYPE + REQUIREMENTS_TYPE
_SIGNATURE_BYTES = 65


@dataclass(frozen=True)
class ProofRequest:
    """A whole request. It is checked when it is made: what the market would refuse raises MarketFormatError."""

    image_url: str
    """Where provers download the program binary."""
    input: RequestInput = field(repr=False)
    """What the guest reads: a GuestEnv, up to about 2 KB (more costs gas), or an InputURL."""
    requirements: Requirements
    offer: Offer
    id: RequestID | None = None
    """None: the market's own tools choose one when they sign."""

    def __post_init__(self) -> None:
        check_url(self.image_url, ".imageUrl")

    def plain(self) -> dict[str, Any]:
        """Return the request as boundless-market's serde writes it in JSON."""
        return {
            "id": hex(0 if self.id is None else int(self.id)),
            "requirements": self.requirements.plain(),
            "imageUrl": self.image_url,
            "input": input_plain(self.input),
            "offer": self.offer.plain(),
        }

    def to_json(self) -> str:
        """Return the request as text: the file that `boundless requestor submit` takes (YAML, of which JSON is a part)."""
        return json.dumps(self.plain(), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ProofRequest:
        """Read what `to_json` or boundless-market writes. Raises MarketFormatError, naming the field."""
        try:
            given = json.loads(text, object_pairs_hook=once_each)
        except (ValueError, RecursionError) as exc:
            raise MarketFormatError(f"not JSON: {exc}", hint="a request in YAML has to be made JSON first") from exc
        found = fields(given, "", ("id", "requirements", "imageUrl", "input", "offer"))
        if not isinstance(found["imageUrl"], str):
            raise MarketFormatError(f".imageUrl: {found['imageUrl']!r} is not a text", path=".imageUrl")
        identity = number(found["id"], ".id", 256)
        return cls(
            image_url=found["imageUrl"],
            input=input_from_plain(found["input"]),
            requirements=Requirements.from_plain(found["requirements"]),
            offer=Offer.from_plain(found["offer"]),
            id=RequestID.of(identity) if identity else None,
        )

    def dump(self, path: str | os.PathLike[str]) -> None:
        """Write the request to a file, as JSON."""
        _files.write_atomic(Path(path), self.to_json().encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ProofRequest:
        """Read a request from a file of JSON. Raises MarketFormatError, and OSError where it cannot be read."""
        try:
            return cls.from_json(Path(path).read_text("utf-8"))
        except UnicodeDecodeError as exc:
            raise MarketFormatError(f"{path} is not text: {exc}", hint="a request is JSON") from exc

    def signing_hash(self, market: str | bytes, chain_id: int) -> bytes:
        """Return the EIP-712 hash to sign, 32 bytes: for a wallet, which zkhost does not have.

        `market` is the address of the market's contract on the chain. Raises MarketFormatError for a request without ID.
        """
        if self.id is None:
            raise MarketFormatError(
                "the request has no ID, which is part of what is signed",
                hint="set it: dataclasses.replace(request, id=RequestID(address, index))",
                path=".id",
            )
        domain = struct_hash(
            _DOMAIN_TYPE,
            keccak256(b"IBoundlessMarket"),
            keccak256(b"1"),
            word(chain_id),
            word(address_bytes(market, "the market's address")),
        )
        request = struct_hash(
            _REQUEST_TYPE + _HELD_TYPES,
            word(int(self.id)),
            self.requirements.hash(),
            keccak256(self.image_url.encode()),
            input_hash(self.input),
            self.offer.hash(),
        )
        return keccak256(b"\x19\x01" + domain + request)

    def order_json(self, signature: bytes, market: str | bytes, chain_id: int) -> str:
        """Return the signed order that an order stream takes (`POST /api/v1/submit_order`).

        `signature` is the client's over `signing_hash`, 65 bytes: r, s, and v as 27 or 28. It is not verified here.
        """
        if len(signature) != _SIGNATURE_BYTES or signature[-1] not in (27, 28):
            raise MarketFormatError(
                f"a signature has {_SIGNATURE_BYTES} bytes: r, s, and 27 or 28; this one is {signature.hex()}",
                path=".signature",
            )
        r, s, v = signature[:32], signature[32:64], signature[-1]
        order = {
            "request": self.plain(),
            "request_digest": hex_text(self.signing_hash(market, chain_id)),
            "signature": {
                "r": hex(int.from_bytes(r, "big")),
                "s": hex(int.from_bytes(s, "big")),
                "yParity": hex(v - 27),
                "v": hex(v - 27),
            },
        }
        return json.dumps(order, indent=2) + "\n"
