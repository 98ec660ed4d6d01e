"""Values of an environment, checked when they are set. Each function returns the value or raises ConfigError, naming it."""

from __future__ import annotations

from typing import Any

from zkhost.errors import ConfigError


def buffer(data: Any) -> bytes:
    """Return the bytes of any contiguous buffer, or of an object with `__bytes__`: an ImageID, a Journal."""
    if isinstance(data, str):
        raise ConfigError(f"Expected bytes but got a str ({data[:20]!r})", hint='encode it: text.encode("utf-8")')
    try:
        return bytes(data) if hasattr(type(data), "__bytes__") else memoryview(data).cast("B").tobytes()
    except TypeError as exc:
        message = f"Expected bytes, an array or another contiguous buffer but got {type(data).__name__}"
        raise ConfigError(message) from exc


def number(name: str, value: int, low: int, high: int) -> int:
    """Check an int from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ConfigError(
            f"Expected {name} from {low} to {high} but got {name}={value!r} (type={type(value).__name__})"
        )
    return value


def text(what: str, value: str, max_bytes: int | None = None) -> str:
    """Check Unicode text, of at most `max_bytes` as UTF-8."""
    if not isinstance(value, str):
        raise ConfigError(f"Expected {what} to be a str but got {value!r} (type={type(value).__name__})")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ConfigError(f"{what} {value!r} is not Unicode text: it has lone surrogates") from None
    if max_bytes is not None and size > max_bytes:
        raise ConfigError(
            f"{what} has {size} bytes; risc0 hands at most {max_bytes} to a guest",
            hint="write it to the guest's input, which has no such limit",
        )
    return value


def stream(value: Any, method: str) -> Any:
    """Check that an object has that method."""
    if not callable(getattr(value, method, None)):
        raise ConfigError(f"Expected a binary stream with {method}() but got {value!r} (type={type(value).__name__})")
    return value
