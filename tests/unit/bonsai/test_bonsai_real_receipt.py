"""A real proof through the remote prover: believed where it proves what was asked, and only there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.bonsai.fake_bonsai import FakeBonsai
from zkhost.cli.main import cli
from zkhost.environment.executor_env import ExecutorEnv
from zkhost.errors import ImageIDMismatchError, JournalMismatchError, ReceiptError, RemoteAnswerError
from zkhost.image_id import ImageID
from zkhost.methods import FACTORS_ELF, FACTORS_ID, SHA256_ELF, SHA256_ID
from zkhost.provers import BonsaiProver, RemoteSettings
from zkhost.provers.local import LocalProver
from zkhost.provers.options import ProverOpts
from zkhost.receipt.claim import ReceiptKind
from zkhost.receipt.receipt import Receipt

pytestmark = pytest.mark.prove

ENV = ExecutorEnv.builder().write_slice((17).to_bytes(8, "little") + (23).to_bytes(8, "little")).build()


@pytest.fixture(scope="module")
def receipt() -> Receipt:
    """A composite receipt of 17 x 23."""
    return LocalProver().prove(ENV, FACTORS_ELF).receipt


@pytest.fixture
def prover(
    server: FakeBonsai, settings: RemoteSettings, receipt: Receipt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[BonsaiProver]:
    monkeypatch.delenv("RISC0_DEV_MODE", raising=False)
    monkeypatch.setenv("ZKHOST_STATE_DIR", str(tmp_path))
    server.receipt = receipt.to_bytes()
    with BonsaiProver(settings) as prover:
        yield prover


@pytest.mark.parametrize("opts", [ProverOpts(), ProverOpts(prove_guest_errors=True)])
def test_believed(prover: BonsaiProver, receipt: Receipt, opts: ProverOpts) -> None:
    info = prover.prove(ENV, FACTORS_ELF, opts)
    assert info.receipt == receipt
    info.receipt.verify(FACTORS_ID)
    assert prover.attach(prover.submit(ENV, FACTORS_ELF).id).receipt == receipt


@pytest.mark.parametrize("opts", [ProverOpts(), ProverOpts(prove_guest_errors=True)])
def test_for_another_program(prover: BonsaiProver, opts: ProverOpts) -> None:
    with pytest.raises(ImageIDMismatchError):
        prover.prove(ENV, SHA256_ELF, opts)


@pytest.mark.parametrize("opts", [ProverOpts(), ProverOpts(prove_guest_errors=True)])
def test_another_journal(server: FakeBonsai, prover: BonsaiProver, receipt: Receipt, opts: ProverOpts) -> None:
    plain = json.loads(receipt.to_bytes("json"))
    plain["journal"]["bytes"][0] ^= 1
    server.receipt = Receipt.from_bytes(json.dumps(plain).encode(), "json").to_bytes()
    with pytest.raises(JournalMismatchError):
        prover.prove(ENV, FACTORS_ELF, opts)


@pytest.mark.parametrize("at", [100, 1000, 50_000, 150_000, -40, -1])
def test_one_bit_off(server: FakeBonsai, prover: BonsaiProver, receipt: Receipt, at: int) -> None:
    data = bytearray(receipt.to_bytes())
    data[at] ^= 1
    server.receipt = bytes(data)
    with pytest.raises(ReceiptError):
        prover.prove(ENV, FACTORS_ELF)


def test_of_another_kind_than_asked_for(prover: BonsaiProver) -> None:
    with pytest.raises(RemoteAnswerError, match=r"a succinct receipt was requested, but .* a composite one"):
        prover.prove(ENV, FACTORS_ELF, ProverOpts(ReceiptKind.SUCCINCT))


def test_verify_session_on_the_command_line(
    server: FakeBonsai, prover: BonsaiProver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`zkhost verify --session ID`, in a shell that has the server in its environment."""
    monkeypatch.setenv("BONSAI_API_URL", server.url)
    monkeypatch.setenv("BONSAI_API_KEY", "any")
    session_id = prover.submit(ENV, FACTORS_ELF).id

    def verify(image_id: ImageID) -> Result:
        asked = ["--session", session_id, "--image-id", str(image_id), "--json"]
        return CliRunner().invoke(cli, ["verify", *asked])

    result = verify(FACTORS_ID)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["journal"] == (391).to_bytes(8, "little").hex()
    assert verify(SHA256_ID).exit_code != 0
