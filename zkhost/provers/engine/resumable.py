"""Proofs that outlast the process and are not made twice: what `checkpoint=` and `cache=` add to any prover that works
piece by piece."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zkhost import _config, _shim
from zkhost.environment import serving
from zkhost.errors import FaultReason, GuestFaultError, HostIOError, OutOfMemoryError, StorageError
from zkhost.image_id import compute_image_id
from zkhost.provers.engine import segments
from zkhost.provers.interface import ProveInfo, ProverInfo, ProverOpts, SessionStats
from zkhost.provers.storage.checkpoint import SegmentStore
from zkhost.provers.storage.request_key import RequestKey
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt
from zkhost.session import SessionInfo

if TYPE_CHECKING:
    from zkhost.environment.executor_env import ExecutorEnv
    from zkhost.provers.storage.receipt_cache import ReceiptCache

Work = Callable[["ExecutorEnv", SegmentStore], tuple[Receipt, SessionInfo]]
"""Proves a run into a verified receipt, starting from what the store has."""

# The smallest segment that risc0's executor runs real guests in: at 13 its longest instruction does not fit.
SMALLEST_SEGMENT_PO2 = 14


def request_key(env: ExecutorEnv, program: bytes, opts: ProverOpts) -> RequestKey:
    """The key of a request: everything that its receipt depends on."""
    return RequestKey.of(
        serving.request(env),
        image_id=compute_image_id(program),
        receipt_kind=opts.receipt_kind,
        risc0_version=_shim.build_info()["risc0_version"],
        options={"prove_guest_errors": opts.prove_guest_errors},
    )


def prove(
    work: Work,
    info: ProverInfo,
    env: ExecutorEnv,
    program: bytes,
    opts: ProverOpts,
    *,
    checkpoint: Path | str | None = None,
    cache: ReceiptCache | Path | str | None = None,
) -> ProveInfo:
    """Proves with `work`, unless the cache or the checkpoint has the receipt already; keeps it there for next time.

    Runs out of memory: starts again with segments half the size, down to 2**14, and says so.
    """

    def make() -> ProveInfo:
        if checkpoint is None or _is_fake(opts):
            started = time.monotonic()
            with SegmentStore.temporary() as store:
                receipt, session = work(env, store)
            return ProveInfo(receipt, SessionStats.of(session), info, time.monotonic() - started)
        return _from_checkpoint(work, info, env, checkpoint, request_key(env, program, opts))

    return cached(None if cache is None else open_cache(cache), env, program, opts, make)


def cached(
    cache: ReceiptCache | None, env: ExecutorEnv, program: bytes, opts: ProverOpts, make: Callable[[], ProveInfo]
) -> ProveInfo:
    """What the cache has for a request, else what `make` makes, kept for next time. Fake receipts are never kept."""
    if cache is None or _is_fake(opts):
        return make()
    started = time.monotonic()
    key = request_key(env, program, opts)
    if (hit := cache.get(key)) is not None:
        receipt, stats = hit
        where = ProverInfo("cache", str(cache.folder), key.parts["risc0 version"], "the receipt cache had it")
        return ProveInfo(receipt, stats, where, time.monotonic() - started)
    made = make()
    cache.put(key, made.receipt, made.stats)
    return made


def open_cache(cache: ReceiptCache | Path | str) -> ReceiptCache:
    """A cache from its folder."""
    from zkhost.provers.storage.receipt_cache import ReceiptCache

    return cache if isinstance(cache, ReceiptCache) else ReceiptCache(cache)


def _is_fake(opts: ProverOpts) -> bool:
    return opts.receipt_kind is ReceiptKind.FAKE or _config.dev_mode()


def _from_checkpoint(
    work: Work, info: ProverInfo, env: ExecutorEnv, checkpoint: Path | str, key: RequestKey
) -> ProveInfo:
    started = time.monotonic()
    with SegmentStore.durable(checkpoint, key) as store:
        earlier = store.finished()
        if earlier is not None:
            receipt, session = Receipt(earlier), SessionInfo.from_reply(_reply(store))
            segments.verify_made(receipt, session)
            info = ProverInfo("checkpoint", str(checkpoint), info.version, "an earlier run had finished it")
        else:
            receipt, session = _within_memory(work, env, store)
    return ProveInfo(receipt, SessionStats.of(session), info, time.monotonic() - started)


def _reply(store: SegmentStore) -> dict[str, Any]:
    assert store.execution is not None, "a finished store has its run"
    return store.execution


def _within_memory(work: Work, env: ExecutorEnv, store: SegmentStore) -> tuple[Receipt, SessionInfo]:
    while True:
        limit = store.segment_limit_po2
        try:
            return work(env if limit is None else dataclasses.replace(env, segment_limit_po2=limit), store)
        except OutOfMemoryError as error:
            if store.execution is None:
                raise
            biggest = max(segment.po2 for segment in SessionInfo.from_reply(store.execution).segments)
            if biggest <= SMALLEST_SEGMENT_PO2:
                raise _no_smaller(biggest) from error
            store.note(
                f"out of memory with segments of 2**{biggest}: starting again with segment_limit_po2 {biggest - 1} "
                f"({error.message})"
            )
            store.lower_limit(biggest - 1)
        except GuestFaultError as error:
            if limit is None or error.reason is not FaultReason.SEGMENT_LIMIT:
                raise
            raise _no_smaller(limit) from error
        except HostIOError as error:
            if isinstance(error.__cause__, StorageError):  # the store's own, raised while the guest ran
                raise error.__cause__ from None
            raise


def _no_smaller(segment_limit_po2: int) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"even segments of 2**{segment_limit_po2} need more memory than there is, or are too small for this guest",
        hint="prove on a machine with more memory, or on r0vm, Dask or a remote prover there",
        segment_limit_po2=segment_limit_po2,
    )
