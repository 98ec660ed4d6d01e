"""What both forms share: instances of classes."""

from __future__ import annotations

from typing import Any

from .. import schema as s
from ..refusals import Path, refuse_found, refuse_value

__all__ = ["built", "variant_of"]


def variant_of(node: s.Enum, value: Any) -> s.Variant:
    """Return the variant that a value belongs to. Raises EncodeError."""
    for v in node.variants:
        if value is v.python or (not node.plain and type(value) is v.python):
            return v
    return refuse_value(None, f"a variant of {node.name}", value)


def built(cls: Any, values: dict[str, Any], path: Path) -> Any:
    """Return an instance of a dataclass. Raises EncodeError, its cause chained, where the class refuses."""
    try:
        return cls(**values)
    except Exception as exc:
        try:
            refuse_found(path, f"what {cls.__name__} accepts", f"{type(exc).__name__}: {exc}")
        except Exception as refusal:
            raise refusal from exc
