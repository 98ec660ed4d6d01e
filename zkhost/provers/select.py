"""Which prover is used, chosen by the environment as risc0 chooses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zkhost import _config
from zkhost.errors import ConfigError

if TYPE_CHECKING:
    from zkhost.provers.interface import Executor, Prover

PROVERS, EXECUTORS = ("local", "ipc", "bonsai"), ("local", "ipc")


@dataclass(frozen=True)
class Choice:
    """A prover's name and why it was chosen."""

    name: str
    reason: str


def default_prover() -> Prover:
    """Return the prover that the environment asks for. The first rule that applies decides:

    | rule | where                                                                | prover   |
    |-----:|----------------------------------------------------------------------|----------|
    |    1 | `RISC0_PROVER` is `local`, `ipc` or `bonsai`                         | that one |
    |    2 | `ZKHOST_DASK_ADDRESS` names a Dask scheduler                         | dask     |
    |    3 | `RISC0_SERVER_PATH` names an r0vm                                    | ipc      |
    |    4 | `BONSAI_API_URL` and `BONSAI_API_KEY` are set, unless in dev mode    | bonsai   |
    |    5 | this build has the in-process prover                                 | local    |
    |    6 | otherwise                                                            | ipc      |

    Rule 2 is zkhost's own; the others are risc0's. In dev mode (RISC0_DEV_MODE) local, ipc and dask make fake receipts,
    which prove nothing and which `verify` refuses elsewhere.

    Raises ConfigError for unknown values and half-set pairs, naming the variable and the choices; and what the chosen
    prover raises where it is not available.
    """
    choice = choose_prover()
    if choice.name == "bonsai":
        from zkhost.provers.bonsai.bonsai_prover import BonsaiProver

        return BonsaiProver(reason=choice.reason)
    if choice.name == "dask":
        from zkhost.provers.dask.dask_prover import DaskProver

        return DaskProver(_config.dask_address(), reason=choice.reason)
    return _make(choice)


def default_executor() -> Executor:
    """Return the executor that the environment asks for. The first rule that applies decides:

    | rule | where                                    | executor |
    |-----:|------------------------------------------|----------|
    |    1 | `RISC0_EXECUTOR` is `local` or `ipc`     | that one |
    |    2 | `RISC0_SERVER_PATH` names an r0vm        | ipc      |
    |    3 | this build has the in-process executor   | local    |
    |    4 | otherwise                                | ipc      |

    Raises as `default_prover` does.
    """
    return _make(choose_executor())


def choose_prover() -> Choice:
    """Return what `default_prover` would use, and why, without making it."""
    named = _named("RISC0_PROVER", PROVERS)
    if named is not None:
        if named.name == "bonsai" and _config.bonsai_api() is None:
            raise ConfigError(
                "RISC0_PROVER is 'bonsai' but BONSAI_API_URL and BONSAI_API_KEY are not set",
                hint="set both, or choose another prover: RISC0_PROVER=local or ipc",
            )
        return named
    dask = _config.dask_address()
    if dask is not None:
        return Choice("dask", f"ZKHOST_DASK_ADDRESS={dask}")
    by_path = _by_server_path()
    if by_path is not None:
        return by_path
    if _config.bonsai_api() is not None and not _config.dev_mode():
        return Choice("bonsai", "BONSAI_API_URL and BONSAI_API_KEY are set")
    return _built_in()


def choose_executor() -> Choice:
    """Return what `default_executor` would use, and why, without making it."""
    return _named("RISC0_EXECUTOR", EXECUTORS) or _by_server_path() or _built_in()


def _named(variable: str, choices: tuple[str, ...]) -> Choice | None:
    value = _config.get(variable)
    if value is None:
        return None
    if value.lower() not in choices:
        raise ConfigError(f"{variable} is {value!r}", hint=f"set it to one of {', '.join(choices)}, or unset it")
    return Choice(value.lower(), f"{variable}={value}")


def _by_server_path() -> Choice | None:
    path = _config.get("RISC0_SERVER_PATH")
    return None if path is None else Choice("ipc", f"RISC0_SERVER_PATH={path}")


def _built_in() -> Choice:
    from zkhost import _shim

    if "prove" in _shim.build_info()["features"]:
        return Choice("local", "no variable chooses another, and this build has the in-process prover")
    return Choice("ipc", "no variable chooses another, and this build has no in-process prover")


def _make(choice: Choice) -> Prover:
    if choice.name == "local":
        from zkhost.provers.local import LocalProver

        return LocalProver(choice.reason)
    from zkhost.provers.ipc import IpcProver

    return IpcProver(reason=choice.reason)
