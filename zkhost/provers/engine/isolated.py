"""Proves jobs in a child process, so that running out of memory ends the child and not the caller.

The child loads the native library once and proves job after job. It dies with its parent: the pipe between them closes,
which the child watches while it works.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from zkhost._cancel import CancelToken
from zkhost.errors import OutOfMemoryError, WorkerLostError, ZkhostError
from zkhost.provers.engine.worker import InProcessWorker

if TYPE_CHECKING:
    from zkhost.provers.storage.checkpoint import ProofJob

# The child looks for modules where the caller does, so it imports this same zkhost.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from zkhost.provers.engine.isolated import main; main(*sys.argv[2:])"
)
_LOOK_S = 0.1
_TRIES = 3
_TAIL_BYTES = 4096
# What Rust, C++ and CUDA print when they end the process for lack of memory.
_MEMORY_WORDS = (b"memory allocation of", b"bad_alloc", b"out of memory", b"Cannot allocate memory")


class IsolatedWorker(InProcessWorker):
    """An InProcessWorker that proves jobs in a child process. Close it, or use it as a context manager.

    `memory_limit_bytes` bounds the child's address space, for machines shared with others.
    """

    def __init__(self, *, memory_limit_bytes: int | None = None) -> None:
        self._memory_limit = memory_limit_bytes
        self._child: _Child | None = None

    def __enter__(self) -> IsolatedWorker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def prove_job(self, job: ProofJob, path: Path, cancel: CancelToken) -> bytes:
        """Return the bincode receipt of a job, whose file is at `path`.

        Raises OutOfMemoryError where the child ran out of memory, WorkerLostError where it died repeatedly.
        """
        for attempt in range(1, _TRIES + 1):
            if self._child is None:
                self._child = _Child(self._memory_limit)
            try:
                return self._child.ask(job, path, cancel)
            except _ChildDiedError as death:
                self.close()
                if death.memory:
                    raise OutOfMemoryError(
                        f"{job} needs more memory than there is ({death})",
                        hint="use a smaller segment_limit_po2: each step down halves the memory",
                    ) from None
                if attempt == _TRIES:
                    raise WorkerLostError(
                        f"the process that proves {job} died {attempt} times: {death}",
                        hint="the system's log may show what ended it",
                        job=str(job),
                        attempts=attempt,
                    ) from None
            except BaseException:
                self.close()  # its current work has no receiver
                raise
        raise AssertionError("the last try returns or raises")


class _ChildDiedError(Exception):
    def __init__(self, text: str, *, memory: bool) -> None:
        super().__init__(text)
        self.memory = memory


class _Child:
    def __init__(self, memory_limit_bytes: int | None) -> None:
        self._pipe, theirs = Pipe()
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by kill()
        self._kills = _out_of_memory_kills()
        command = [sys.executable, "-c", _START, json.dumps([str(entry) for entry in sys.path]), str(theirs.fileno())]
        if memory_limit_bytes is not None:
            command.append(str(memory_limit_bytes))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def ask(self, job: ProofJob, path: Path, cancel: CancelToken) -> bytes:
        try:
            self._pipe.send((job, path))
            while not self._pipe.poll(_LOOK_S):
                cancel.check()
            answer = self._pipe.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(answer, ZkhostError):
            if isinstance(answer, OutOfMemoryError):
                raise _ChildDiedError(answer.message, memory=True)
            raise answer
        receipt: bytes = answer
        return receipt

    def _death(self) -> _ChildDiedError:
        code = self._process.wait()
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - _TAIL_BYTES))
        tail = self._stderr.read()
        killed = code == -signal.SIGKILL and _out_of_memory_kills() > self._kills
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = tail.decode("utf-8", "replace").strip().splitlines()
        text = f"it ended with {how}" + (f": {said[-1]}" if said else "")
        return _ChildDiedError(text, memory=killed or any(word in tail for word in _MEMORY_WORDS))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()
        self._stderr.close()


def _out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed so far for lack of memory."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def _serve(pipe: Connection, memory_limit_bytes: int | None) -> None:
    """Prove, in the child, what the pipe asks for, until it closes."""
    if memory_limit_bytes is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_limit_bytes, memory_limit_bytes))
    _offer_to_be_killed()
    worker = InProcessWorker()
    while True:
        try:
            job, path = pipe.recv()
        except EOFError:
            return
        answer: list[Any] = []

        def work(job: ProofJob = job, path: Path = path, answer: list[Any] = answer) -> None:
            try:
                answer.append(worker.prove_job(job, path, CancelToken()))
            except ZkhostError as error:
                answer.append(error)
            except MemoryError:
                answer.append(OutOfMemoryError("out of memory"))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(_LOOK_S)
            if pipe.poll(0):  # no request comes during work: the parent has gone
                os._exit(1)
        pipe.send(answer[0])


def _offer_to_be_killed() -> None:
    """Make this the first process that the kernel ends for lack of memory."""
    try:
        Path("/proc/self/oom_score_adj").write_text("700")
    except OSError:
        return


def main(pipe: str, memory_limit_bytes: str | None = None) -> None:
    """Run the child until its end; `pipe` is an inherited file descriptor."""
    _serve(Connection(int(pipe)), None if memory_limit_bytes is None else int(memory_limit_bytes))
