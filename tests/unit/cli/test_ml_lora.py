"""`zkhost ml lora`: what its commands print and write. Proofs are in tests/e2e/test_lora_proofs.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zkhost.cli.main import cli
from zkhost.errors import ConfigError, DigestMismatchError, ImageIDMismatchError, UnsupportedModelError
from zkhost.ml.read.state import read_state

DATA = Path(__file__).parents[1] / "ml" / "lora"
BASE, PEFT = DATA / "base.safetensors", DATA / "peft_adapter"


def zkhost(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["ml", "lora", *map(str, arguments)], catch_exceptions=False)


def test_show() -> None:
    shown = zkhost("show", PEFT)
    assert "fc1 (linear): rank 4, scaling 2, A [4, 64], B [64, 4]" in shown.stdout
    found = json.loads(zkhost("show", DATA / "adapter.loralib.pt", "--alpha", 4, "--json").stdout)
    assert [row["scaling"] for row in found["modules"]] == [1.0, 1.0]
    with pytest.raises(ConfigError, match="lora_alpha"):
        zkhost("show", DATA / "adapter.loralib.pt")


def test_options_of_modules() -> None:
    with pytest.raises(ConfigError, match="'fc9'"):
        zkhost("show", DATA / "adapter.loralib.pt", "--alpha", 4, "--fan-in-fan-out", "fc9")
    assert zkhost("show", DATA / "adapter.loralib.pt", "--alpha", 4, "--enable-lora", "fc1=2").exit_code == 2


def test_merge_writes_the_merged_model(tmp_path: Path) -> None:
    out = tmp_path / "merged.safetensors"
    shown = zkhost("merge", BASE, PEFT, "--out", out)
    assert "fc1.weight, fc2.weight" in shown.stdout
    assert "user cycles" in shown.stdout
    assert read_state(out) == read_state(DATA / "merged.peft.safetensors")
    found = json.loads(zkhost("merge", BASE, PEFT, "--module", "fc2", "--out", out, "--json").stdout)
    assert found["weights"] == ["fc2.weight"]
    assert found["image_id"] not in shown.stdout


def test_what_is_no_plain_lora_is_refused(tmp_path: Path) -> None:
    config = json.loads((PEFT / "adapter_config.json").read_text()) | {"use_dora": True}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    (tmp_path / "adapter_model.safetensors").write_bytes((PEFT / "adapter_model.safetensors").read_bytes())
    with pytest.raises(UnsupportedModelError, match="use_dora"):
        zkhost("merge", BASE, tmp_path, "--out", tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.filterwarnings("ignore::zkhost.receipt.receipt.DevModeWarning")
def test_prove_and_verify_in_dev_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way of a receipt, without its proof."""
    monkeypatch.setenv("RISC0_DEV_MODE", "1")
    out, receipt, salts = tmp_path / "merged.safetensors", tmp_path / "merge.zkr", tmp_path / "salts.json"
    options = ("--module", "fc2", "--merged", "hashed")
    shown = zkhost("merge", BASE, PEFT, *options, "--out", out, "--receipt", receipt, "--salts", salts)
    assert "UNVERIFIED" in shown.stdout
    assert set(json.loads(salts.read_text())) == {"fc2.lora_A", "fc2.lora_B", "merged.fc2.weight"}
    found = zkhost("verify", receipt, BASE, PEFT, *options, "--salts", salts, "--merged-model", out)
    assert "fc2.lora_A: SHA-256 with its salt" in found.stdout
    assert found.stdout.count("(checked)") == 3
    as_json = json.loads(zkhost("verify", receipt, BASE, PEFT, *options, "--json").stdout)
    assert as_json["verified"] is False
    digest = f"fc2.lora_A={as_json['digests']['fc2.lora_A']}"
    assert "(checked)" in zkhost("verify", receipt, BASE, PEFT, *options, "--digest", digest).stdout
    with pytest.raises(DigestMismatchError, match=r"merged\.fc2\.weight"):
        zkhost("verify", receipt, BASE, PEFT, *options, "--salts", salts, "--merged-model", BASE)
    with pytest.raises(ImageIDMismatchError):
        zkhost("verify", receipt, BASE, PEFT, "--merged", "hashed", "--module", "fc1")
    assert zkhost("verify", receipt, BASE, PEFT, "--digest", "x=zz").exit_code == 2
