"""What a guest runs in: input, arguments, variables, descriptors, assumptions and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.environment.streams import MAX_SLICE_ANSWER as MAX_SLICE_ANSWER
    from zkhost.environment.streams import InputStream as InputStream
    from zkhost.environment.streams import OutputStream as OutputStream
    from zkhost.environment.streams import SliceHandler as SliceHandler
    from zkhost.environment.streams import TraceHandler as TraceHandler
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.environment.streams": "InputStream MAX_SLICE_ANSWER OutputStream SliceHandler TraceHandler",
        },
    )
