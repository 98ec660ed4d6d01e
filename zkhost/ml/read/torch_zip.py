"""State dicts that torch.save wrote, read without running any of their code.

Such a file is a zip archive, its entries uncompressed: `NAME/data.pkl`, a pickle that says how tensors are made of
storages, and `NAME/data/KEY`, the bytes of each storage. The pickle is not unpickled: its opcodes are read here, those
that a state dict is made of and no others, and of the functions and classes that it names only torch's own for tensors and
storages are known. Nothing that it names is imported or called.

Source: torch/serialization.py (_save), torch/_utils.py (_rebuild_tensor_v2), CPython's pickletools.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from zkhost.errors import ModelError, ModelFormatError, UnsupportedModelError
from zkhost.ml.read.onnx_file import MAX_BYTES, MAX_ELEMENTS
from zkhost.ml.read.stored import SIZES, State, StoredTensor

MAX_PICKLE_BYTES, MAX_ENTRIES, MAX_AXES = 16 << 20, 100_000, 8

_STORAGES = {
    "DoubleStorage": "F64", "FloatStorage": "F32", "HalfStorage": "F16", "BFloat16Storage": "BF16", "LongStorage": "I64",
    "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8", "BoolStorage": "BOOL",
}  # fmt: skip
_TENSOR, _PARAMETER, _DICT = (
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "collections OrderedDict",
)


@dataclass(frozen=True)
class _Global:
    """A function or class that the pickle names: never more than its name."""

    name: str


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class _View:
    """A tensor: a place in a storage, sizes and strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Mark:
    pass


def read_torch(data: bytes, name: str) -> State:
    """Return the tensors of a state dict. Raises ModelFormatError for a damaged archive, UnsupportedModelError for other objects."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read(archive, name)
    except ModelError:
        raise
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        OverflowError,
    ) as error:
        raise _damaged(name, str(error)) from error


def _damaged(name: str, what: str) -> ModelFormatError:
    return ModelFormatError(
        f"{name} is no state dict of torch, or is cut short: {what}", hint="copy it again, or save it again"
    )


def _read(archive: zipfile.ZipFile, name: str) -> State:
    entries = {entry.filename: entry for entry in archive.infolist()}
    if len(entries) > MAX_ENTRIES:
        raise _damaged(name, f"{len(entries):,} entries")
    pickles = [path for path in entries if path.count("/") == 1 and path.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise _damaged(name, f"{len(pickles)} entries named data.pkl")
    folder = pickles[0].removesuffix("data.pkl")

    def load(path: str, most: int) -> bytes:
        entry = entries.get(folder + path)
        if entry is None:
            raise _damaged(name, f"no entry {path!r}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise _damaged(name, f"the entry {path!r} is compressed, which torch never does")
        if entry.file_size > most:
            raise _damaged(name, f"the entry {path!r} has {entry.file_size:,} bytes; expected at most {most:,}")
        return archive.read(entry)

    if folder + "byteorder" in entries and load("byteorder", 16) != b"little":
        raise UnsupportedModelError(f"{name} is of a big-endian machine", hint="save it on a little-endian one")
    found = _Machine(name).run(load("data.pkl", MAX_PICKLE_BYTES))
    storages: dict[str, bytes] = {}
    total = 0
    state = {}
    for key, view in found.items():
        storage = view.storage
        nbytes = storage.count * SIZES[storage.dtype]
        if storage.key not in storages:
            storages[storage.key] = load(f"data/{storage.key}", MAX_BYTES)
        raw = storages[storage.key]
        if len(raw) != nbytes:
            raise _damaged(name, f"the storage of {key!r} has {len(raw):,} bytes; expected {nbytes:,}")
        total += prod(view.shape) * SIZES[storage.dtype]
        if total > MAX_BYTES:
            raise _damaged(name, f"its tensors have more than {MAX_BYTES:,} bytes")
        state[key] = _tensor(view, raw)
    return state


def _tensor(view: _View, raw: bytes) -> StoredTensor:
    """Return the tensor's elements in order. Its place within the storage was checked when it was named."""
    size = SIZES[view.storage.dtype]
    flat = np.frombuffer(raw, f"<u{size}")
    strides = [stride * size for stride in view.strides]
    array = np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, strides, writeable=False)
    return StoredTensor(view.storage.dtype, view.shape, np.ascontiguousarray(array).tobytes())


class _Machine:
    """The stack machine of pickles, as far as state dicts need it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, data: bytes) -> dict[str, _View]:
        steps = self._steps()
        for opcode, argument, _ in pickletools.genops(data):
            step = steps.get(opcode.name)
            if step is None:
                raise self._other(f"the pickle opcode {opcode.name}")
            try:
                step(argument)
            except (IndexError, KeyError, TypeError) as error:
                raise _damaged(self.name, f"its pickle breaks off at {opcode.name}") from error
        if len(self.stack) != 1 or not isinstance(self.stack[0], dict):
            raise self._other("something else than a dict of tensors")
        found = self.stack[0]
        for key, value in found.items():
            if not isinstance(value, _View):
                raise self._other(f"{key!r}, which is no tensor")
        return found

    def _other(self, what: str) -> UnsupportedModelError:
        return UnsupportedModelError(
            f"{self.name} holds {what}; expected a state dict: tensors by name",
            hint="torch.save(lora.lora_state_dict(model), path), or safetensors; nothing of the file was run",
            expected="a state dict",
        )

    def _steps(self) -> dict[str, Callable[[Any], None]]:
        push = self.stack.append
        plain = ["BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"]
        memo = self.memo
        return {
            **dict.fromkeys(plain, push),
            **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda _: None),
            **dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda at: memo.__setitem__(at, self.stack[-1])),
            **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda at: push(memo[at])),
            "MEMOIZE": lambda _: memo.__setitem__(len(memo), self.stack[-1]),
            "NONE": lambda _: push(None),
            "NEWTRUE": lambda _: push(True),
            "NEWFALSE": lambda _: push(False),
            "MARK": lambda _: push(_Mark()),
            "EMPTY_TUPLE": lambda _: push(()),
            "EMPTY_DICT": lambda _: push({}),
            "TUPLE": lambda _: push(tuple(self._marked())),
            "TUPLE1": lambda _: push(tuple(self._popped(1))),
            "TUPLE2": lambda _: push(tuple(self._popped(2))),
            "TUPLE3": lambda _: push(tuple(self._popped(3))),
            "GLOBAL": lambda name: push(_Global(name)),
            "STACK_GLOBAL": lambda _: push(_Global(" ".join(self._popped(2)))),
            "BINPERSID": lambda _: push(self._storage(*self._popped(1))),
            "REDUCE": lambda _: push(self._reduced(*self._popped(2))),
            "SETITEM": lambda _: self._set(self._popped(2)),
            "SETITEMS": lambda _: self._set(self._marked()),
            "BUILD": lambda _: self._built(*self._popped(1)),
        }  # fmt: skip

    def _popped(self, count: int) -> list[Any]:
        if len(self.stack) < count or any(isinstance(item, _Mark) for item in self.stack[-count:]):
            raise IndexError("the stack is empty")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def _marked(self) -> list[Any]:
        items = []
        while not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise TypeError("no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise self._other("a dict with keys that are not names")
            target[key] = value

    def _built(self, state: Any) -> None:
        """Drop what `state_dict` keeps beside its tensors (versions of modules), which is not needed."""
        if not isinstance(self.stack[-1], dict) or not isinstance(state, dict):
            raise self._other("an object with a state of its own")

    def _storage(self, identity: Any) -> _Storage:
        if not isinstance(identity, tuple) or len(identity) != 5 or identity[0] != "storage":
            raise self._other("a persistent object that is no storage")
        _, kind, key, _, count = identity
        dtype = _STORAGES.get(kind.name.removeprefix("torch ")) if isinstance(kind, _Global) else None
        if dtype is None or not isinstance(key, str) or not key.isalnum() or not isinstance(count, int) or count < 0:
            raise self._other(f"a storage of {kind.name if isinstance(kind, _Global) else 'no known kind'!r}")
        return _Storage(key, dtype, count)

    def _reduced(self, function: Any, arguments: Any) -> Any:
        name = function.name if isinstance(function, _Global) else None
        if name == _DICT and arguments == ():
            return {}
        if name == _PARAMETER and isinstance(arguments, tuple) and arguments and isinstance(arguments[0], _View):
            return arguments[0]
        if name == _TENSOR and isinstance(arguments, tuple) and len(arguments) >= 4:
            return self._view(*arguments[:4])
        raise self._other(f"a call of {name!r}")

    def _view(self, storage: Any, offset: Any, shape: Any, strides: Any) -> _View:
        if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
            raise self._other("a tensor of no storage")
        numbers = [offset, *shape, *strides]
        if len(shape) > MAX_AXES or not all(isinstance(n, int) and 0 <= n < 1 << 48 for n in numbers):
            raise self._other("a tensor whose shape is none")
        last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if prod(shape) > MAX_ELEMENTS or (prod(shape) and last >= storage.count):
            raise _damaged(self.name, f"a tensor of shape {list(shape)} does not lie within its storage")
        return _View(storage, offset, tuple(shape), tuple(strides))
