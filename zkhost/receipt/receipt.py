"""Receipts: the proof of a run together with its journal."""

from __future__ import annotations

import os
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from zkhost import _config, _notebook
from zkhost.errors import ConfigError, ReceiptFormatError, UnsupportedError
from zkhost.image_id import ImageID, ImageIDLike
from zkhost.receipt import zkr
from zkhost.receipt.claim import ReceiptClaim, ReceiptKind
from zkhost.receipt.evm import SELECTOR_BYTES
from zkhost.receipt.file_format import ReceiptFormat, format_of_content, format_of_name, receipt_format
from zkhost.receipt.policy import VerifyPolicy
from zkhost.session import Journal

MAX_RECEIPT_BYTES = 1 << 30
"""Longer files and buffers are refused unread, unless `max_size` says otherwise."""


class DevModeWarning(UserWarning):
    """A fake receipt was made or accepted: it proves nothing."""


class Receipt:
    """A receipt. Its journal and claim are worth believing once `verify` has returned."""

    def __init__(self, data: bytes) -> None:
        """Create from bincode; use `from_bytes` for other formats. Raises ReceiptFormatError for anything else."""
        from zkhost import _shim

        self._data = bytes(data)
        self._facts = _shim.call("receipt_inspect", {"receipt": self._data})

    @property
    def journal(self) -> Journal:
        """What the guest committed."""
        return Journal(self._facts["journal"])

    @property
    def kind(self) -> ReceiptKind:
        """COMPOSITE, SUCCINCT, GROTH16, or FAKE for one of dev mode."""
        return ReceiptKind(self._facts["kind"])

    @cached_property
    def claim(self) -> ReceiptClaim | None:
        """What it claims; None where the claim is pruned to its digest."""
        claim = self._facts["claim"]
        return None if claim is None else ReceiptClaim.from_reply(claim)

    @property
    def claim_digest(self) -> bytes | None:
        """The digest of the claim, 32 bytes; None for a receipt that contradicts itself."""
        digest: bytes | None = self._facts["claim_digest"]
        return digest

    @property
    def verifier_parameters(self) -> bytes:
        """The digest that names the verifier it was made for, 32 bytes."""
        return bytes(self._facts["verifier_parameters"])

    @property
    def seal_size(self) -> int:
        """Bytes of all its seals, the proofs proper."""
        return int(self._facts["seal_size"])

    @property
    def selector(self) -> bytes:
        """The four bytes that select its verifier among contracts: the first of the verifier parameters."""
        return self.verifier_parameters[:SELECTOR_BYTES]

    @property
    def assumption_kinds(self) -> tuple[ReceiptKind, ...]:
        """The kinds of the receipts inside of it that prove what the guest assumed; a composite receipt may have some."""
        return tuple(ReceiptKind(kind) for kind in self._facts["assumption_receipts"])

    def verify(
        self, image_id: ImageIDLike, *, policy: VerifyPolicy | None = None, allow_fake: bool | None = None
    ) -> Self:
        """Return this receipt only if it proves that the program with `image_id` ended with Halted(0) and this journal.

        A fake receipt is refused unless `allow_fake` is True, or is None while RISC0_DEV_MODE is set; accepting one
        warns. With a `policy`, the environment is ignored and the policy must hold too.

        Raises VerificationError: ImageIDMismatchError, JournalMismatchError, InvalidSealError, FakeReceiptError,
        VerifierVersionError, UnsuccessfulExitError, PolicyError; ReceiptFormatError for one that contradicts itself.
        """
        from zkhost import _shim

        allow_fake = self._allow_fake(policy, allow_fake)
        expected = ImageID(image_id)
        if policy is not None:
            policy.check(self, expected)
        _shim.call("verify", {"receipt": self._data, "image_id": bytes(expected), "allow_fake": allow_fake})
        self._warn_if_fake()
        return self

    def verify_integrity(self, *, allow_fake: bool | None = None) -> ReceiptClaim | None:
        """Return the proved claim if the seal proves claim and journal, whatever the program and its exit code.

        The claim is None where it is pruned. Raises as `verify` does.
        """
        from zkhost import _shim

        allow_fake = self._allow_fake(None, allow_fake)
        reply = _shim.call("verify_integrity", {"receipt": self._data, "allow_fake": allow_fake})
        self._warn_if_fake()
        return None if reply["claim"] is None else ReceiptClaim.from_reply(reply["claim"])

    def _allow_fake(self, policy: VerifyPolicy | None, allow_fake: bool | None) -> bool:
        if policy is not None:
            if allow_fake is not None and allow_fake != policy.allow_fake:
                raise ConfigError(f"allow_fake={allow_fake} contradicts the policy's allow_fake={policy.allow_fake}")
            return policy.allow_fake
        return _config.dev_mode() if allow_fake is None else allow_fake

    def _warn_if_fake(self) -> None:
        if self._facts["kind"] == "fake":
            warnings.warn("accepted a dev-mode receipt: it proves nothing", DevModeWarning, stacklevel=3)

    def evm_seal(self, *, allow_fake: bool = False) -> bytes:
        """Return the seal as a verifier contract accepts it: selector (4 bytes), then the proof.

        A groth16 receipt's has 260 bytes (risc0-ethereum, `encode_seal`). A fake one's, ffffffff and the claim's
        digest, is for a mock verifier under test, and returned only with `allow_fake`.

        Raises UnsupportedError for composite and succinct receipts, and for fake ones that are not allowed.
        """
        from zkhost import _shim

        if self.kind is ReceiptKind.FAKE and not allow_fake:
            raise UnsupportedError(
                "a fake receipt proves nothing, so it has no seal",
                hint="allow_fake=True, for a mock verifier under test",
                asked="evm_seal",
            )
        if self.kind not in {ReceiptKind.GROTH16, ReceiptKind.FAKE}:
            raise UnsupportedError(
                f"a {self.kind} receipt has no seal for a contract: that takes a groth16 receipt",
                hint="compress it: prover.compress(receipt, ReceiptKind.GROTH16)",
                asked="evm_seal",
            )
        seal: bytes = _shim.call("evm_seal", {"receipt": self._data})["seal"]
        return seal

    @classmethod
    def from_evm_seal(cls, seal: bytes, image_id: ImageIDLike, journal: bytes) -> Self:
        """Build the receipt of a contract's seal, a program and a journal; it is not verified.

        Raises VerifierVersionError where the seal selects another verifier than this build's (`got` is its selector),
        and ReceiptFormatError for anything that is no seal.
        """
        from zkhost import _shim

        request = {"seal": seal, "image_id": bytes(ImageID(image_id)), "journal": journal}
        return cls(_shim.call("receipt_from_seal", request)["receipt"])

    def to_bytes(self, format: ReceiptFormat | str = ReceiptFormat.BINCODE) -> bytes:
        """Return the receipt in a format; bincode is byte for byte what a Rust host writes."""
        target = receipt_format(format)
        if target is ReceiptFormat.BINCODE:
            return self._data
        if target is ReceiptFormat.ZKR:
            return zkr.pack(self._description(), self._data)
        return _convert(self._data, ReceiptFormat.BINCODE, target)

    @classmethod
    def from_bytes(
        cls, data: bytes, format: ReceiptFormat | str = ReceiptFormat.BINCODE, *, max_size: int = MAX_RECEIPT_BYTES
    ) -> Receipt:
        """Decode a receipt from untrusted bytes. Decoding is bounded in length and depth.

        Raises ReceiptFormatError for bytes that are not a receipt in that format, or more than `max_size` of them.
        """
        if len(data) > max_size:
            raise ReceiptFormatError(f"{len(data)} bytes are more than the {max_size} allowed for a receipt")
        source = receipt_format(format)
        if source is ReceiptFormat.BINCODE:
            return cls(data)
        if source is ReceiptFormat.ZKR:
            return cls._from_zkr(bytes(data))
        return cls(_convert(bytes(data), source, ReceiptFormat.BINCODE))

    @classmethod
    def _from_zkr(cls, data: bytes) -> Receipt:
        header, payload = zkr.unpack(data)
        try:
            receipt = cls(payload)
        except ReceiptFormatError:
            zkr.check_version(header, _risc0_version())
            raise
        zkr.check(header, receipt._description())
        return receipt

    def _description(self) -> dict[str, Any]:
        """Return the header of a .zkr file."""
        return {
            "risc0_version": _risc0_version(),
            "verifier_parameters": self.verifier_parameters.hex(),
            "kind": str(self.kind),
            "image_id": None if self.claim is None else str(self.claim.image_id),
        }

    def dump(self, path: str | os.PathLike[str], format: ReceiptFormat | str | None = None) -> None:
        """Write it to a file, whole or not at all. By default .json, .borsh and .zkr name the format, else bincode."""
        file = Path(path)
        data = self.to_bytes(format or format_of_name(file))
        if file.exists() and not file.is_file():
            file.write_bytes(data)  # a pipe or a device
            return
        new = file.with_name(f".{file.name}.{os.urandom(4).hex()}.new")
        try:
            new.write_bytes(data)
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        format: ReceiptFormat | str | None = None,
        *,
        max_size: int = MAX_RECEIPT_BYTES,
    ) -> Receipt:
        """Read it from a file. By default zkr and JSON are recognised, .borsh in the name means that, else it is bincode.

        Raises ReceiptFormatError, naming the file, and OSError where it cannot be read.
        """
        file = Path(path)
        with file.open("rb") as stream:
            data = stream.read(max_size + 1)
        try:
            return cls.from_bytes(data, format or format_of_content(file, data), max_size=max_size)
        except ReceiptFormatError as exc:
            raise exc.with_message(f"{file}: {exc.message}") from exc

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Receipt) and self._data == other._data

    def __hash__(self) -> int:
        return hash(self._data)

    def __repr__(self) -> str:
        return f"<Receipt {self.kind} of {len(self._data)} bytes, {self.journal!r}>"

    def _repr_html_(self) -> str:
        claim = self.claim
        fake = " (dev mode: proves nothing)" if self.kind is ReceiptKind.FAKE else ""
        rows = [
            ("kind", f"{self.kind}{fake}"),
            ("journal", _notebook.data(self.journal.bytes)),
            ("seal", f"{self.seal_size:,} bytes"),
            *([("exit code", str(claim.exit_code))] if claim is not None else []),
            *([("claim", self.claim_digest.hex())] if self.claim_digest is not None else []),
            ("verified", "call verify(image_id)"),
        ]
        return _notebook.card("Receipt", rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return Receipt, (self._data,)


def _convert(data: bytes, source: ReceiptFormat, target: ReceiptFormat) -> bytes:
    from zkhost import _shim

    receipt: bytes = _shim.call("receipt_convert", {"receipt": data, "from": source, "to": target})["receipt"]
    return receipt


def _risc0_version() -> str:
    from zkhost import _shim

    version: str = _shim.build_info()["risc0_version"]
    return version
