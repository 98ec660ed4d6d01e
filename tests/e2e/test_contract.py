"""Contracts through real guests: every kind of type there and back, drift found before a run, proofs, asyncio."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import zkhost
from zkhost import Contract
from zkhost.codec import U32, U64
from zkhost.contract.fingerprint import find_contracts
from zkhost.contract.to_rust.contract_module import contract_text_of
from zkhost.errors import CancelledError, ContractDriftError, EncodeError, GuestNotFoundError, GuestPanicError
from zkhost.project.builder import build_project
from zkhost.project.contracts import load_contracts
from zkhost.project.discover import find_project
from zkhost.testing import strategy

PROJECT = Path(__file__).with_name("contract_project")
CONTRACT, CONTRACTS = load_contracts(PROJECT / "contract.py")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build_project(find_project(PROJECT))


@pytest.fixture(scope="module")
def contract() -> ModuleType:
    return CONTRACT


def guest(name: str, contract: Contract[Any, Any] | None = None) -> zkhost.Guest[Any, Any]:
    return zkhost.load(PROJECT / "methods", name, contract or CONTRACTS[name])


@pytest.mark.parametrize("name", ["everything", "everything_packed"])
def test_every_kind_of_type_goes_there_and_back(name: str) -> None:
    loaded, everything = guest(name), CONTRACT.Everything

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy(everything))
    def check(value: Any) -> None:
        run = loaded.execute(value)
        # Compared as words, which tell apart what == does not (0.0 and -0.0) and find nan equal to itself.
        assert canonical(loaded, run.journal) == canonical(loaded, value)
        assert run.session.input_left == 0

    check()


def canonical(loaded: zkhost.Guest[Any, Any], value: Any) -> bytes:
    assert loaded.contract is not None
    # A HashMap of the guest has an order of its own.
    ordered = dict(sorted(value.counts.items()))
    return loaded.contract.journal_codec.encode(type(value)(**{**vars(value), "counts": ordered}))


def test_a_typed_guest_decodes_its_journal() -> None:
    loaded = guest("sum", CONTRACT.total)
    run = loaded.execute([1, 2, 2**32 - 1])
    assert run.journal == CONTRACT.Total(2**32 + 2)
    assert run.session.journal.decode(CONTRACT.Total) == run.journal
    assert f"{run.user_cycles:,} user cycles" in repr(run)
    with pytest.raises(EncodeError, match=r"at \[1\]"):
        loaded.execute([1, -1])


@dataclass(frozen=True)
class Total:
    sum: U32


def test_drift_is_found_before_anything_runs() -> None:
    with pytest.raises(ContractDriftError, match=r"field Total.sum is u32 here and u64 in the guest"):
        guest("sum", Contract(list[U32], Total))
    with pytest.raises(ContractDriftError, match="the format is packed here and standard in the guest"):
        guest("sum", Contract(list[U32], CONTRACT.Total, format="packed"))
    with pytest.raises(ContractDriftError, match=r"the input is Vec<u64> here and Vec<u32> in the guest"):
        guest("sum", Contract(list[U64], CONTRACT.Total))


def test_a_program_holds_its_own_contract_and_no_other() -> None:
    for name, declared in (("sum", CONTRACT.total), ("everything", CONTRACT.everything)):
        assert find_contracts(guest(name, declared).program) == [contract_text_of(declared)]
    with pytest.raises(ContractDriftError, match="the input is Everything here and Vec<u32> in the guest"):
        guest("sum", CONTRACT.everything)


def test_what_was_let_through_unchecked_fails_in_the_guest() -> None:
    """What the check spares its users."""
    unchecked = zkhost.load(PROJECT / "methods", "sum", Contract(U64, CONTRACT.Total), check=False)
    with pytest.raises(GuestPanicError, match="ended"):
        unchecked.execute(5)


def test_guests_are_found_in_folder_module_and_file(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = guest("sum")
    monkeypatch.syspath_prepend(str(PROJECT))
    monkeypatch.delitem(sys.modules, "methods", raising=False)
    monkeypatch.chdir(PROJECT.parent)
    by_module, by_file = zkhost.load("methods", "sum"), zkhost.load(PROJECT / "methods/sum.bin")
    by_project = zkhost.load(PROJECT, CONTRACT.total)
    assert folder.image_id == by_module.image_id == by_file.image_id == by_project.image_id
    with pytest.raises(GuestNotFoundError, match=r"no guest product(.|\n)*everything, everything_packed, sum"):
        zkhost.load(PROJECT, "product")
    with pytest.raises(GuestNotFoundError, match="more than one guest"):
        zkhost.load(PROJECT)
    with pytest.raises(GuestNotFoundError, match="neither"):
        zkhost.load("no_such_module_here", "sum")


def test_asyncio_runs_guests_side_by_side() -> None:
    loaded = guest("sum")

    async def many() -> list[int]:
        runs = await asyncio.gather(*(loaded.aexecute(list(range(n))) for n in range(4)))
        return [run.journal.sum for run in runs]

    assert asyncio.run(many()) == [0, 0, 1, 3]


def test_cancelling_the_task_cancels_the_work() -> None:
    loaded = guest("sum")
    tokens: list[Any] = []

    class Stuck(zkhost.Executor):
        """An executor that works until it is cancelled."""

        name = "stuck"

        def execute(self, env: Any, program: Any, *, on_progress: Any = None, cancel: Any = None) -> Any:
            tokens.append(cancel)
            while not cancel.cancelled:
                time.sleep(0.01)
            raise CancelledError("cancelled")

    async def run() -> None:
        task = asyncio.create_task(loaded.aexecute([1], executor=Stuck()))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert tokens[0].cancelled

    asyncio.run(run())


@pytest.fixture
def dev_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISC0_DEV_MODE", "1")


@pytest.mark.usefixtures("dev_mode")
@pytest.mark.filterwarnings("ignore::zkhost.receipt.receipt.DevModeWarning")
def test_a_proof_of_dev_mode_is_typed_and_refused_where_it_must_be() -> None:
    async def prove() -> Any:
        return await (await guest("sum").aprove([4, 5])).averify()

    proof = asyncio.run(prove())
    assert proof.journal == CONTRACT.Total(9)
    assert "dev mode: proves nothing" in proof.receipt._repr_html_()
    with pytest.raises(zkhost.ZkhostError):
        proof.verify(allow_fake=False)


@pytest.mark.prove
def test_a_real_proof_of_a_contract() -> None:
    proof = guest("sum").prove([17, 23]).verify()
    assert proof.journal == CONTRACT.Total(40)
    assert proof.receipt.journal.decode(CONTRACT.Total) == CONTRACT.Total(40)
    html = proof._repr_html_()
    assert "Proof of sum" in html
    assert f"{proof.stats.user_cycles:,}" in html
