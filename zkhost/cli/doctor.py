"""`zkhost doctor`: what is installed, what is missing, and which prover would be used and why."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from zkhost.cli._help import notes

if TYPE_CHECKING:
    from zkhost.provers.select import Choice


@dataclass(frozen=True)
class Finding:
    """One line: what was checked, whether it is in order (None: a remark), what was found, what to do.

    False is for what proving needs; the rest is optional.
    """

    what: str
    ok: bool | None
    found: str
    hint: str | None = None


_EPILOG = notes(
    """
    zkhost doctor
    zkhost doctor --json
    RISC0_PROVER=ipc zkhost doctor       # explains that choice
    """,
    {0: "guests can be proved here: nothing is marked [!!]", 1: "they cannot: see the lines marked [!!]"},
)


@click.command(epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(*, as_json: bool) -> None:
    """Check this machine: native library, prover and executor choice, r0vm, guest toolchain, bundled guests.

    Nothing is proved or changed. What proving needs is marked [ok] or [!!]; what is missing only for other tasks, such
    as building guests or smaller receipts, is marked [--].
    """
    findings = [_checked(what, check, needed) for what, check, needed in _CHECKS]
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings], indent=2))
    for finding in () if as_json else findings:
        mark, colour = {True: ("ok", "green"), False: ("!!", "red"), None: ("--", "yellow")}[finding.ok]
        click.echo(f"{click.style(f'[{mark}]', fg=colour)} {finding.what}: {finding.found}")
        if finding.hint:
            click.echo(f"     {finding.hint}")
    sys.exit(1 if any(finding.ok is False for finding in findings) else 0)


def _checked(what: str, check: Callable[[], Finding], needed: bool) -> Finding:
    from zkhost.errors import ZkhostError

    try:
        return check()
    except ZkhostError as error:
        return Finding(what, False if needed else None, error.message, error.hint)


def _native() -> Finding:
    from zkhost import _shim

    info = _shim.build_info()
    features = ", ".join(info["features"]) or "none"
    found = f"risc0 {info['risc0_version']}, features: {features}, for {info['target_cpu'] or info['target_arch']}"
    return Finding("native library", True, f"{found}, Python {platform.python_version()}")


def _gpu() -> Finding:
    from zkhost import _shim

    if "cuda" not in _shim.build_info()["features"]:
        return Finding("GPU", True, "not used: this build proves on the CPU")
    found = _shim.call("gpu_devices", {})
    if not found["devices"]:
        why = found["error"] or "the driver offers none"
        return Finding(
            "GPU",
            False,
            f"this build proves on an NVIDIA GPU, and there is none: {why}",
            "look at nvidia-smi and CUDA_VISIBLE_DEVICES, use r0vm (RISC0_PROVER=ipc), or install zkhost without CUDA",
        )
    first = found["devices"][0]
    more = f", and {len(found['devices']) - 1} more that are not used" if len(found["devices"]) > 1 else ""
    return Finding("GPU", True, f"{first['name']}, {first['memory_bytes'] / 2**30:.0f} GiB{more}")


def _recursion() -> Finding:
    from zkhost import _shim

    if _shim.build_info()["recursion"]:
        return Finding("recursion programs", True, "here: composite, succinct and groth16 receipts")
    return Finding(
        "recursion programs",
        None,
        "not in this build: composite receipts only",
        "to have them, rebuild where they can be fetched, or name recursion_zkr.zip in RECURSION_SRC_PATH",
    )


def _prover() -> Finding:
    from zkhost.provers.select import choose_prover

    return _choice("prover", choose_prover())


def _executor() -> Finding:
    from zkhost.provers.select import choose_executor

    return _choice("executor", choose_executor())


def _choice(what: str, choice: Choice) -> Finding:
    """Return what the environment chooses, and why; raises where that is r0vm and it is missing."""
    from zkhost.provers import r0vm

    if choice.name == "ipc":
        r0vm.find()
    return Finding(what, True, f"{choice.name}, because {choice.reason}")


def _dev_mode() -> Finding:
    from zkhost import _config

    if _config.dev_mode():
        return Finding("dev mode", None, "RISC0_DEV_MODE is set: receipts are fake and prove nothing", "unset it")
    return Finding("dev mode", True, "off: proofs are real")


def _r0vm() -> Finding:
    from zkhost.provers import r0vm

    found = r0vm.find()
    return Finding("r0vm", True, f"{found.version} at {found.path} ({found.found_by})")


def _toolchain() -> Finding:
    from zkhost.project.toolchain import toolchain_info

    found = toolchain_info()
    git = ""
    if found.git_cargo is None:
        git = "; Debian's cargo cannot fetch git dependencies: install rustup's too (https://rustup.rs)"
    elif found.git_cargo != found.cargo:
        git = f"; git dependencies are fetched by {found.git_cargo}"
    return Finding("guest toolchain", True, f"{found.origin}'s in {found.root}, rustc {found.rustc}{git}")


def _bundled() -> Finding:
    from zkhost import methods

    return Finding("bundled guests", True, f"factors, sha256, echo; factors is {str(methods.FACTORS_ID)[:16]}...")


# The third: whether proving needs it.
_CHECKS: list[tuple[str, Callable[[], Finding], bool]] = [
    ("native library", _native, True),
    ("GPU", _gpu, True),
    ("recursion programs", _recursion, False),
    ("prover", _prover, True),
    ("executor", _executor, True),
    ("dev mode", _dev_mode, True),
    ("r0vm", _r0vm, False),
    ("guest toolchain", _toolchain, False),
    ("bundled guests", _bundled, False),
]
