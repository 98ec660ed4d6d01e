"""`Contract`: what one guest reads and what it commits, declared once for both sides."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

from zkhost.codec import Codec, WireFormat, codec
from zkhost.errors import SchemaError

I = TypeVar("I")  # noqa: E741
J = TypeVar("J")


class Contract(Generic[I, J]):
    """What a guest reads and commits: its input's type, its journal's type, and the wire format.

    In a project's `contract.py` it is bound to the guest's name:

        multiply = Contract(Input, Output)

    (for a guest whose name is no Python name, pass `guest="my-guest"`). `zkhost codegen` writes the Rust side.
    `input` None: the contract has no input; `journal` None: its journal is left as bytes. Raises
    SchemaError for a type without wire form, and where both are None.
    """

    input: Any
    journal: Any
    format: WireFormat
    guest: str | None

    @overload
    def __init__(
        self, input: type[I], journal: type[J], *, format: WireFormat | str = ..., guest: str | None = ...
    ) -> None: ...
    @overload
    def __init__(
        self: Contract[I, bytes],
        input: type[I],
        journal: None = ...,
        *,
        format: WireFormat | str = ...,
        guest: str | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Contract[None, J],
        input: None = ...,
        *,
        journal: type[J],
        format: WireFormat | str = ...,
        guest: str | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Contract[Any, Any],
        input: object = ...,
        journal: object = ...,
        *,
        format: WireFormat | str = ...,
        guest: str | None = ...,
    ) -> None: ...
    def __init__(
        self,
        input: Any = None,
        journal: Any = None,
        *,
        format: WireFormat | str = WireFormat.STANDARD,
        guest: str | None = None,
    ) -> None:
        if input is None and journal is None:
            raise SchemaError("a contract without input and without journal", hint="declare one of them")
        self.input, self.journal, self.guest = input, journal, guest
        try:
            self.format = WireFormat(format)
        except ValueError:
            known = " or ".join(repr(f.value) for f in WireFormat)
            raise SchemaError(f"the wire format {format!r} does not exist", hint=f"use {known}") from None

    @property
    def input_codec(self) -> Codec[I]:
        """Encodes the input."""
        return codec(self.input, self.format)

    @property
    def journal_codec(self) -> Codec[J]:
        """Decodes the journal."""
        return codec(self.journal, self.format)

    def __repr__(self) -> str:
        shown = [
            f"{role}={getattr(t, '__name__', t)}"
            for role, t in (("input", self.input), ("journal", self.journal))
            if t is not None
        ]
        return f"Contract({', '.join(shown)}, format={self.format.value!r})"
