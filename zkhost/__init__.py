"""zkhost: the Python host SDK for the RISC Zero zkVM.

Every name that hosts use every day is here; specialists' names are one package below, as in `zkhost.codec.U64`. Names
are imported when they are first used, so that `import zkhost` costs almost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost import boundless as boundless
    from zkhost import codec as codec
    from zkhost import contract as contract
    from zkhost import environment as environment
    from zkhost import errors as errors
    from zkhost import guest as guest
    from zkhost import methods as methods
    from zkhost import ml as ml
    from zkhost import profile as profile
    from zkhost import project as project
    from zkhost import provers as provers
    from zkhost import receipt as receipt
    from zkhost import session as session
    from zkhost import testing as testing
    from zkhost._cancel import CancelToken as CancelToken
    from zkhost._version import __version__ as __version__
    from zkhost.contract.declare import Contract as Contract
    from zkhost.environment.assumption import Assumption as Assumption
    from zkhost.environment.byte_words import WordPerByteWarning as WordPerByteWarning
    from zkhost.environment.executor_env import ExecutorEnv as ExecutorEnv
    from zkhost.environment.executor_env import ExecutorEnvBuilder as ExecutorEnvBuilder
    from zkhost.errors import ZkhostError as ZkhostError
    from zkhost.guest.guest import Guest as Guest
    from zkhost.guest.proof import Proof as Proof
    from zkhost.guest.proof import Run as Run
    from zkhost.image_id import ImageID as ImageID
    from zkhost.image_id import ImageIDLike as ImageIDLike
    from zkhost.image_id import compute_image_id as compute_image_id
    from zkhost.image_id import program_binary as program_binary
    from zkhost.project.loading import load as load
    from zkhost.provers.batch import MapResult as MapResult
    from zkhost.provers.features import Feature as Feature
    from zkhost.provers.interface import Executor as Executor
    from zkhost.provers.interface import Prover as Prover
    from zkhost.provers.options import ProveInfo as ProveInfo
    from zkhost.provers.options import Provenance as Provenance
    from zkhost.provers.options import ProverOpts as ProverOpts
    from zkhost.provers.planning.estimate import Estimate as Estimate
    from zkhost.provers.planning.estimate import estimate as estimate
    from zkhost.provers.select import default_executor as default_executor
    from zkhost.provers.select import default_prover as default_prover
    from zkhost.provers.storage.receipt_cache import ReceiptCache as ReceiptCache
    from zkhost.receipt.claim import ReceiptClaim as ReceiptClaim
    from zkhost.receipt.claim import ReceiptKind as ReceiptKind
    from zkhost.receipt.file_format import ReceiptFormat as ReceiptFormat
    from zkhost.receipt.policy import VerifyPolicy as VerifyPolicy
    from zkhost.receipt.receipt import DevModeWarning as DevModeWarning
    from zkhost.receipt.receipt import Receipt as Receipt
    from zkhost.session import EcallCount as EcallCount
    from zkhost.session import ExitCode as ExitCode
    from zkhost.session import ExitKind as ExitKind
    from zkhost.session import Journal as Journal
    from zkhost.session import Phase as Phase
    from zkhost.session import Progress as Progress
    from zkhost.session import SegmentInfo as SegmentInfo
    from zkhost.session import SessionInfo as SessionInfo
    from zkhost.session import SessionStats as SessionStats
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost._cancel": "CancelToken",
            "zkhost._version": "__version__",
            "zkhost.contract.declare": "Contract",
            "zkhost.environment.assumption": "Assumption",
            "zkhost.environment.byte_words": "WordPerByteWarning",
            "zkhost.environment.executor_env": "ExecutorEnv ExecutorEnvBuilder",
            "zkhost.errors": "ZkhostError",
            "zkhost.guest.guest": "Guest",
            "zkhost.guest.proof": "Proof Run",
            "zkhost.image_id": "ImageID ImageIDLike compute_image_id program_binary",
            "zkhost.project.loading": "load",
            "zkhost.provers.batch": "MapResult",
            "zkhost.provers.features": "Feature",
            "zkhost.provers.interface": "Executor Prover",
            "zkhost.provers.options": "ProveInfo Provenance ProverOpts",
            "zkhost.provers.planning.estimate": "Estimate estimate",
            "zkhost.provers.select": "default_executor default_prover",
            "zkhost.provers.storage.receipt_cache": "ReceiptCache",
            "zkhost.receipt.claim": "ReceiptClaim ReceiptKind",
            "zkhost.receipt.file_format": "ReceiptFormat",
            "zkhost.receipt.policy": "VerifyPolicy",
            "zkhost.receipt.receipt": "DevModeWarning Receipt",
            "zkhost.session": "EcallCount ExitCode ExitKind Journal Phase Progress SegmentInfo SessionInfo SessionStats",
        },
        packages="boundless codec contract environment errors guest methods ml profile project provers receipt session testing",
    )
