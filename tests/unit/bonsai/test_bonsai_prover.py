"""The remote prover as a whole against a fake Bonsai: what is sent, what is believed, what stops a session.

Receipts here are dev-mode receipts of real runs, believed only where a test sets RISC0_DEV_MODE.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.bonsai import fake_bonsai as fake
from tests.unit.bonsai.fake_bonsai import KEY, FakeBonsai, quick
from zkhost import _shim
from zkhost._cancel import CancelToken
from zkhost.environment.assumption import Assumption
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import (
    CancelledError,
    ConfigError,
    DeadlineError,
    FakeReceiptError,
    ImageIDMismatchError,
    InvalidProgramError,
    JournalMismatchError,
    ReceiptError,
    RemoteAnswerError,
    UnsupportedError,
)
from zkhost.methods import FACTORS_ELF, FACTORS_ID, SHA256_ELF, SHA256_ID
from zkhost.provers import BonsaiProver, RemoteSettings, SessionStore
from zkhost.provers.interface import Executor, Prover
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProverOpts
from zkhost.provers.select import default_prover
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt
from zkhost.session import Progress

FACTORS_INPUT = (17).to_bytes(8, "little") + (23).to_bytes(8, "little")
ENV = ExecutorEnv.builder().write_slice(FACTORS_INPUT).build()
PRODUCT = (391).to_bytes(8, "little")


def dev_receipt(program: bytes, data: bytes) -> bytes:
    """The dev-mode receipt of a run."""
    run = LocalProver().execute(ExecutorEnv.builder().write_slice(data).build(), program)
    return bytes(_shim.call("fake_receipt", {"session": run.record})["receipt"])


@pytest.fixture(scope="module")
def receipt() -> bytes:
    return dev_receipt(FACTORS_ELF, FACTORS_INPUT)


@pytest.fixture(scope="module")
def other_receipt() -> bytes:
    """Of another program."""
    return dev_receipt(SHA256_ELF, b"abc")


@pytest.fixture
def dev_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISC0_DEV_MODE", "1")


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RISC0_DEV_MODE", raising=False)
    monkeypatch.setenv("ZKHOST_STATE_DIR", str(tmp_path))


@pytest.fixture
def prover(server: FakeBonsai, settings: RemoteSettings, receipt: bytes) -> Iterator[BonsaiProver]:
    server.receipt = server.snark_receipt = receipt
    with BonsaiProver(settings, reason="the test says so") as prover:
        yield prover


def once_running(server: FakeBonsai, act: Callable[[], object]) -> None:
    """Do something as soon as a session was looked at."""

    def wait() -> None:
        while not server.count("GET", "/sessions/status/.*"):
            time.sleep(0.01)
        act()

    threading.Thread(target=wait, daemon=True).start()


def never_done(server: FakeBonsai) -> None:
    server.fault("GET", "/sessions/status/.*", fake.reply({"status": "RUNNING"}), forever=True)


def test_it_is_a_prover(prover: BonsaiProver) -> None:
    assert isinstance(prover, Prover)
    assert isinstance(prover, Executor)
    assert KEY not in f"{prover!r} {prover} {vars(prover)} {prover.settings}"


@pytest.mark.usefixtures("dev_mode")
@pytest.mark.filterwarnings("ignore:accepted a dev-mode receipt")
class TestProve:
    def test_all_of_it(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        started = time.monotonic()
        info = prover.prove(ENV, FACTORS_ELF)
        assert 0 < info.elapsed_s <= time.monotonic() - started
        assert info.receipt.journal.bytes == PRODUCT
        assert (info.stats.segments, info.stats.user_cycles, info.stats.total_cycles) == (1, 4242, 32768)
        assert info.stats.paging_cycles is None
        assert (info.prover.name, info.prover.where) == ("bonsai", server.url)
        assert (info.prover.reason, info.prover.version) == ("the test says so", _shim.build_info()["risc0_version"])
        (session,) = server.sessions.values()
        assert session.request == {
            "img": str(Receipt(server.receipt).claim.image_id),  # type: ignore[union-attr]
            "input": next(iter(server.inputs)),
            "assumptions": [],
            "execute_only": False,
            "exec_cycle_limit": None,
        }
        assert list(server.inputs.values()) == [FACTORS_INPUT]
        assert list(server.images.values()) == [FACTORS_ELF]

    def test_an_image_is_sent_once(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        for _ in range(3):
            prover.prove(ENV, FACTORS_ELF)
        assert server.count("PUT", "/images/.*") == 1
        assert len(server.sessions) == 3

    def test_from_50_threads(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        prover = BonsaiProver(quick(server.url, timeout_s=60.0, deadline_s=120.0))
        with prover, ThreadPoolExecutor(50) as pool:
            infos = list(pool.map(lambda _: prover.prove(ENV, FACTORS_ELF), range(50)))
        assert {info.receipt.journal.bytes for info in infos} == {PRODUCT}
        assert (len(server.sessions), server.count("PUT", "/images/.*")) == (50, 1)

    @pytest.mark.parametrize(("limit", "millions"), [(1, 1), (1_000_000, 1), (1_000_001, 2)])
    def test_a_session_limit_travels_in_millions(
        self, server: FakeBonsai, prover: BonsaiProver, limit: int, millions: int
    ) -> None:
        server.stats = {"segments": 1, "cycles": 1, "total_cycles": 1}
        prover.prove(ExecutorEnv.builder().write_slice(FACTORS_INPUT).session_limit(limit).build(), FACTORS_ELF)
        assert next(iter(server.sessions.values())).request["exec_cycle_limit"] == millions

    def test_progress(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        server.script = [
            {"status": "RUNNING", "state": state}
            for state in (
                "Setup",
                "Executor",
                "ProveSegments: 0/4",
                "ProveSegments: 1/4",
                "RecursionJoin: 1/2",
                "init",
                "Ä",
            )
        ]
        seen: list[Progress] = []
        prover.prove(ENV, FACTORS_ELF, on_progress=seen.append)
        assert [(step.phase, step.segments_done, step.segments_total) for step in seen] == [
            ("upload", 0, None),
            ("queue", 0, None),
            ("execute", 0, None),
            ("prove", 0, 4),
            ("prove", 1, 4),
            ("compress", 0, None),
            ("prove", 0, None),
            ("prove", 0, None),
            ("download", 0, None),
            ("verify", 0, None),
        ]
        assert seen[3].remaining_s is None
        assert seen[4].remaining_s == pytest.approx(seen[4].elapsed_s * 3)

    def test_groth16_has_its_snark_stage(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        info = prover.prove(ENV, FACTORS_ELF, ProverOpts.groth16())
        assert info.receipt.journal.bytes == PRODUCT
        assert [snark.request for snark in server.snarks.values()] == [{"session_id": next(iter(server.sessions))}]
        assert server.count("GET", "/download/.*") == 0

    def test_a_stream_is_read_to_its_end(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        """20 MiB, over what is kept in memory; the connection breaks once."""
        data = os.urandom(20 << 20)
        server.fault("PUT", "/inputs/.*", fake.drop)
        prover.prove(ExecutorEnv.builder().stdin(io.BytesIO(data)).build(), FACTORS_ELF)
        assert list(server.inputs.values()) == [data]

    def test_what_the_guest_printed(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        server.logs = "factors\n"
        out = io.BytesIO()
        env = ExecutorEnv.builder().write_slice(FACTORS_INPUT).stdout(out).build()
        prover.prove(env, FACTORS_ELF)
        assert out.getvalue() == b"factors\n"

    def test_logs_are_not_asked_for_where_there_are_none(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        for _ in range(3):
            prover.prove(ENV, FACTORS_ELF)
        assert server.count("GET", "/sessions/logs/.*") == 1

    def test_a_forgotten_session_has_no_stats(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        server.fault("GET", "/sessions/status/.*", fake.respond(404, b""), forever=True)
        info = prover.prove(ENV, FACTORS_ELF)
        assert info.receipt.journal.bytes == PRODUCT
        assert info.stats.segments == 0

    def test_another_programs_receipt(self, server: FakeBonsai, prover: BonsaiProver, other_receipt: bytes) -> None:
        server.receipt = other_receipt
        with pytest.raises(ImageIDMismatchError):
            prover.prove(ENV, FACTORS_ELF)

    def test_another_programs_receipt_where_errors_are_proved(
        self, server: FakeBonsai, prover: BonsaiProver, other_receipt: bytes
    ) -> None:
        server.receipt = other_receipt
        with pytest.raises(ImageIDMismatchError):
            prover.prove(ENV, FACTORS_ELF, ProverOpts(prove_guest_errors=True))

    def test_another_journal(self, server: FakeBonsai, prover: BonsaiProver, receipt: bytes) -> None:
        text = _shim.call("receipt_convert", {"receipt": receipt, "from": "bincode", "to": "json"})["receipt"]
        changed = json.loads(text)
        changed["journal"]["bytes"][0] ^= 1
        server.receipt = Receipt.from_bytes(json.dumps(changed).encode(), "json").to_bytes()
        for opts in (ProverOpts(), ProverOpts(prove_guest_errors=True)):
            with pytest.raises(JournalMismatchError):
                prover.prove(ENV, FACTORS_ELF, opts)


class TestNotBelieved:
    def test_a_dev_mode_receipt(self, prover: BonsaiProver) -> None:
        with pytest.raises(FakeReceiptError):
            prover.prove(ENV, FACTORS_ELF)

    def test_a_dev_mode_receipt_as_a_snark(self, prover: BonsaiProver) -> None:
        with pytest.raises(FakeReceiptError):
            prover.prove(ENV, FACTORS_ELF, ProverOpts.groth16())

    @pytest.mark.parametrize("data", [b"", b"nonsense", b"\xff" * 200, bytes(10_000)])
    def test_what_is_no_receipt(self, server: FakeBonsai, prover: BonsaiProver, data: bytes) -> None:
        server.receipt = data
        with pytest.raises(ReceiptError):
            prover.prove(ENV, FACTORS_ELF)

    def test_a_receipt_cut_short(self, server: FakeBonsai, prover: BonsaiProver, receipt: bytes) -> None:
        """Without a length, the end of the connection looks like the end of the receipt."""
        server.fault("GET", "/download/.*", fake.without_length(receipt[:-5]))
        with pytest.raises(ReceiptError):
            prover.prove(ENV, FACTORS_ELF)

    def test_a_huge_receipt(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        server.fault("GET", "/download/.*", fake.flood())
        with pytest.raises(RemoteAnswerError, match="larger than"):
            prover.prove(ENV, FACTORS_ELF)

    def test_a_simulated_one(self, server: FakeBonsai, prover: BonsaiProver, receipt: bytes) -> None:
        """As r0vm makes with delays in its profile: succinct, all digests zero."""
        server.receipt = succinct(receipt, claim={"Pruned": [0] * 8})
        with pytest.raises(FakeReceiptError, match="only simulates"):
            prover.prove(ENV, FACTORS_ELF)


def succinct(receipt: bytes, claim: object = None) -> bytes:
    """A succinct receipt without a proof, of the run of a dev-mode receipt."""
    text = _shim.call("receipt_convert", {"receipt": receipt, "from": "bincode", "to": "json"})["receipt"]
    plain = json.loads(text)
    claim = claim or plain["inner"]["Fake"]["claim"]
    zero = [0] * 8
    plain["inner"] = {
        "Succinct": {
            "seal": [1, 2, 3],
            "control_id": zero,
            "claim": claim,
            "hashfn": "poseidon2",
            "verifier_parameters": zero,
            "control_inclusion_proof": {"index": 0, "digests": []},
        }
    }
    plain["metadata"] = {"verifier_parameters": zero}
    return Receipt.from_bytes(json.dumps(plain).encode(), "json").to_bytes()


class TestNotSent:
    @pytest.mark.parametrize(
        ("name", "build"),
        [
            ("args", lambda b: b.args(["a"])),
            ("env_var", lambda b: b.env_var("A", "b")),
            ("read_fd", lambda b: b.read_fd(5, io.BytesIO())),
            ("write_fd", lambda b: b.write_fd(5, io.BytesIO())),
            ("slice_io", lambda b: b.slice_io("c", bytes)),
            ("input_digest", lambda b: b.input_digest(bytes(32))),
            ("trace_callback", lambda b: b.trace_callback(print)),
            ("add_assumption", lambda b: b.add_assumption(Assumption(bytes(32)))),
        ],
    )
    def test_what_the_api_cannot_carry(
        self, server: FakeBonsai, prover: BonsaiProver, name: str, build: Callable[[object], object]
    ) -> None:
        env = build(ExecutorEnv.builder()).build()  # type: ignore[attr-defined]
        for call in (prover.prove, prover.execute, prover.submit):
            with pytest.raises(UnsupportedError) as caught:
                call(env, FACTORS_ELF)
            assert caught.value.asked == name
        assert server.seen == []

    def test_an_assumption_that_is_not_succinct(self, server: FakeBonsai, prover: BonsaiProver, receipt: bytes) -> None:
        env = ExecutorEnv.builder().add_assumption(Receipt(receipt)).build()
        with pytest.raises(UnsupportedError, match="a fake receipt as an assumption"):
            prover.prove(env, FACTORS_ELF)
        assert server.seen == []

    def test_what_is_no_program(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        with pytest.raises(InvalidProgramError):
            prover.prove(ENV, b"nonsense")
        assert server.seen == []


def test_assumptions_are_uploaded_pruned(server: FakeBonsai, prover: BonsaiProver, receipt: bytes) -> None:
    """Each as a succinct receipt without its claim, named to the session in the order of the input (they are uploaded at once)."""
    assumed = [Receipt(succinct(made)) for made in (receipt, dev_receipt(SHA256_ELF, b"data"))]
    env = ExecutorEnv.builder().write_slice(FACTORS_INPUT).add_assumption(assumed[0]).add_assumption(assumed[1]).build()
    with pytest.raises(FakeReceiptError):
        prover.prove(env, FACTORS_ELF)
    (session,) = server.sessions.values()
    assert len(server.receipts) == 2
    sent = [Receipt(server.receipts[name]) for name in session.request["assumptions"]]
    assert [(one.kind, one.claim) for one in sent] == [(ReceiptKind.SUCCINCT, None)] * 2
    assert [one.claim_digest for one in sent] == [one.claim_digest for one in assumed]
    assert sent[0].claim_digest != sent[1].claim_digest


class TestExecute:
    def test_with_a_journal(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        server.journal, server.logs = PRODUCT, "hello"
        out = io.BytesIO()
        run = prover.execute(ExecutorEnv.builder().write_slice(FACTORS_INPUT).stdout(out).build(), FACTORS_ELF)
        assert (run.journal.bytes, run.exit_code.ok, run.user_cycles, run.total_cycles) == (PRODUCT, True, 4242, 32768)
        assert out.getvalue() == b"hello"
        assert next(iter(server.sessions.values())).request["execute_only"] is True
        assert server.count("GET", "/download/.*") == 0

    def test_on_a_server_that_proves_all_the_same(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        """As r0vm, which drops the connection when asked for the journal: it is not asked."""
        server.proves_executes = True
        run = prover.execute(ENV, FACTORS_ELF)
        assert (run.journal.bytes, run.exit_code.ok) == (PRODUCT, True)
        assert server.count("GET", "/sessions/exec_only_journal/.*") == 0

    def test_on_a_server_that_has_no_journal(self, prover: BonsaiProver) -> None:
        with pytest.raises(RemoteAnswerError, match="no journal"):
            prover.execute(ENV, FACTORS_ELF)


class TestStopping:
    def test_a_token_stops_the_session(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        never_done(server)
        token = CancelToken()
        once_running(server, token.cancel)
        with pytest.raises(CancelledError):
            prover.prove(ENV, FACTORS_ELF, cancel=token)
        assert [session.stopped for session in server.sessions.values()] == [True]

    def test_ctrl_c_stops_the_session(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        never_done(server)
        once_running(server, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            prover.prove(ENV, FACTORS_ELF)
        assert [session.stopped for session in server.sessions.values()] == [True]

    def test_cancelling_the_task_stops_the_session(self, server: FakeBonsai, settings: RemoteSettings) -> None:
        never_done(server)

        async def main() -> None:
            async with BonsaiProver(settings) as prover:
                task = asyncio.create_task(prover.aprove(ENV, FACTORS_ELF))
                while not server.count("GET", "/sessions/status/.*"):
                    await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(main())
        assert [session.stopped for session in server.sessions.values()] == [True]

    def test_a_server_that_does_not_stop_sessions(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        never_done(server)
        server.fault("GET", "/sessions/stop/.*", fake.respond(404, b""))
        token = CancelToken()
        once_running(server, token.cancel)
        with pytest.raises(CancelledError):
            prover.execute(ENV, FACTORS_ELF, cancel=token)

    def test_a_deadline_lets_it_run(self, server: FakeBonsai) -> None:
        never_done(server)
        with BonsaiProver(quick(server.url, deadline_s=3.0)) as prover, pytest.raises(DeadlineError) as caught:
            prover.prove(ENV, FACTORS_ELF)
        (session_id,) = server.sessions
        assert caught.value.session_id == session_id
        assert not server.sessions[session_id].stopped

    def test_attach_lets_it_run(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        never_done(server)
        session = prover.submit(ENV, FACTORS_ELF)
        token = CancelToken()
        once_running(server, token.cancel)
        with pytest.raises(CancelledError):
            prover.attach(session.id, cancel=token)
        assert not server.sessions[session.id].stopped
        assert session.stop() is True


@pytest.mark.usefixtures("dev_mode")
@pytest.mark.filterwarnings("ignore:accepted a dev-mode receipt")
class TestAttach:
    def test_another_process_takes_over(
        self, server: FakeBonsai, settings: RemoteSettings, prover: BonsaiProver
    ) -> None:
        session = prover.submit(ENV, FACTORS_ELF, ProverOpts.groth16())
        with BonsaiProver(settings) as later:
            info = later.attach(session.id)
        assert info.receipt.journal.bytes == PRODUCT
        assert len(server.snarks) == 1

    def test_a_snark_that_was_started_is_not_started_again(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        session = prover.submit(ENV, FACTORS_ELF, ProverOpts.groth16())
        prover.attach(session.id)
        prover.attach(session.id)
        assert server.count("POST", "/snark/create") == 1

    def test_from_elsewhere(
        self, server: FakeBonsai, settings: RemoteSettings, prover: BonsaiProver, tmp_path: Path
    ) -> None:
        session_id = prover.submit(ENV, FACTORS_ELF).id
        with BonsaiProver(settings, store=SessionStore(tmp_path / "empty")) as elsewhere:
            with pytest.raises(ConfigError, match="image_id="):
                elsewhere.attach(session_id)
            assert elsewhere.attach(session_id, image_id=FACTORS_ID).receipt.journal.bytes == PRODUCT
            with pytest.raises(ImageIDMismatchError):
                elsewhere.attach(session_id, image_id=SHA256_ID)

    def test_for_another_program(self, prover: BonsaiProver) -> None:
        session = prover.submit(ENV, FACTORS_ELF)
        with pytest.raises(ConfigError, match="was started for image ID"):
            prover.attach(session.id, image_id=SHA256_ID)

    @pytest.mark.parametrize("name", ["", "../x", "a b"])
    def test_what_is_no_id(self, server: FakeBonsai, prover: BonsaiProver, name: str) -> None:
        with pytest.raises(ConfigError, match="not a session id"):
            prover.attach(name, image_id=FACTORS_ID)
        assert server.seen == []

    def test_unknown_to_the_server(self, server: FakeBonsai, prover: BonsaiProver) -> None:
        from zkhost.errors import RemoteSessionError

        with pytest.raises(RemoteSessionError, match="does not know session"):
            prover.attach("11111111-2222-3333-4444-555555555555", image_id=FACTORS_ID)


class TestCompress:
    def test_what_is_small_enough(self, prover: BonsaiProver, receipt: bytes) -> None:
        small = Receipt(succinct(receipt))
        assert prover.compress(small, ProverOpts.composite()) is small
        assert prover.compress(small, ProverOpts.succinct()) is small

    def test_what_is_not(self, prover: BonsaiProver, receipt: bytes) -> None:
        with pytest.raises(UnsupportedError, match="does not compress"):
            prover.compress(Receipt(succinct(receipt)), ProverOpts.groth16())


def test_nothing_stays_behind(server: FakeBonsai, settings: RemoteSettings) -> None:
    """100 provers leave no file descriptors and no threads."""

    def look() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    def many(count: int) -> None:
        for _ in range(count):
            with BonsaiProver(settings) as prover:
                prover.submit(ENV, FACTORS_ELF)

    many(5)
    files, threads = look()
    many(100)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (look()[0] > files + 4 or look()[1] > threads + 1):
        time.sleep(0.05)  # the server may not have seen yet that the last ones are gone
    assert look()[0] <= files + 4
    assert look()[1] <= threads + 1


def test_environment(server: FakeBonsai, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONSAI_API_URL", server.url)
    monkeypatch.setenv("BONSAI_API_KEY", KEY)
    with BonsaiProver() as prover:
        assert re.fullmatch(r"[0-9a-f-]{36}", prover.submit(ENV, FACTORS_ELF).id)
    assert server.seen[0].headers["x-api-key"] == KEY


def test_the_environment_chooses_it(server: FakeBonsai, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RISC0_PROVER", "RISC0_SERVER_PATH", "ZKHOST_DASK_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BONSAI_API_URL", server.url)
    monkeypatch.setenv("BONSAI_API_KEY", KEY)
    prover = default_prover()
    assert isinstance(prover, BonsaiProver)
    with prover:
        assert prover.settings.url == server.url
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    assert not isinstance(default_prover(), BonsaiProver)
