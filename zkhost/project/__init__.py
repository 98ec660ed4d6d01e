"""A project on disk: its guests, its builds, and the record of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkhost._lazy import exports

if TYPE_CHECKING:
    from zkhost.project.builder import BuildOptions as BuildOptions
    from zkhost.project.builder import BuiltGuest as BuiltGuest
    from zkhost.project.builder import build_project as build_project
    from zkhost.project.contracts import Written as Written
    from zkhost.project.contracts import codegen as codegen
    from zkhost.project.discover import GuestPackage as GuestPackage
    from zkhost.project.discover import GuestProject as GuestProject
    from zkhost.project.discover import find_project as find_project
    from zkhost.project.lock import LockedGuest as LockedGuest
    from zkhost.project.lock import check_lock as check_lock
    from zkhost.project.lock import read_lock as read_lock
    from zkhost.project.settings import GuestOptions as GuestOptions
    from zkhost.project.settings import ModelOptions as ModelOptions
    from zkhost.project.test_runner import TestResult as TestResult
    from zkhost.project.test_runner import TestRunner as TestRunner
    from zkhost.project.test_runner import build_tests as build_tests
    from zkhost.project.toolchain import ToolchainInfo as ToolchainInfo
    from zkhost.project.toolchain import build_toolchain as build_toolchain
    from zkhost.project.toolchain import toolchain_info as toolchain_info
else:
    __all__, __getattr__, __dir__ = exports(
        __name__,
        {
            "zkhost.project.builder": "BuildOptions BuiltGuest build_project",
            "zkhost.project.contracts": "Written codegen",
            "zkhost.project.discover": "GuestPackage GuestProject find_project",
            "zkhost.project.lock": "LockedGuest check_lock read_lock",
            "zkhost.project.settings": "GuestOptions ModelOptions",
            "zkhost.project.test_runner": "TestResult TestRunner build_tests",
            "zkhost.project.toolchain": "ToolchainInfo build_toolchain toolchain_info",
        },
    )
