"""Layouts of projects as they are found elsewhere, in manifests of our own.

`files` are written as they are; a bin's source is an empty main. `start` is the folder that is named. What comes of it is
either `packages` (the guest packages' folders, by their bins), `methods` and `guessed`, or `refused`, words of the error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """A project's files, and what `zkhost build` makes of it."""

    files: dict[str, str]
    start: str = "."
    packages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    methods: str = "methods"
    root: str = "."
    guessed: bool = False
    refused: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write the files; the folder to start in."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder / self.start


MAIN = "fn main() {}\n"


def guest(name: str, folder: str, *bins: str, extra: str = "", dependency: str = "") -> dict[str, str]:
    """A guest package, a workspace of its own, with src/main.rs or these bins."""
    dependency = dependency or 'risc0-zkvm = { version = "3.0", default-features = false, features = ["std"] }'
    manifest = f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n[dependencies]\n{dependency}\n{extra}'
    sources = {f"{folder}/src/bin/{each}.rs": MAIN for each in bins} or {f"{folder}/src/main.rs": MAIN}
    return {f"{folder}/Cargo.toml": manifest} | sources


def member(name: str, folder: str, *bins: str, dependencies: str = "", extra: str = "") -> dict[str, str]:
    """A package of a workspace around it."""
    manifest = (
        f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n{dependencies}\n{extra}'
    )
    sources = {f"{folder}/src/bin/{each}.rs": MAIN for each in bins} or {f"{folder}/src/main.rs": MAIN}
    return {f"{folder}/Cargo.toml": manifest} | sources


def methods(name: str, folder: str, *guests: str) -> dict[str, str]:
    """A methods crate, which embeds these guests by risc0-build."""
    listed = ", ".join(f'"{each}"' for each in guests)
    return {
        f"{folder}/Cargo.toml": f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n'
        f'[build-dependencies]\nrisc0-build = "3.0"\n[package.metadata.risc0]\nmethods = [{listed}]\n',
        f"{folder}/build.rs": "fn main() { risc0_build::embed_methods(); }\n",
        f"{folder}/src/lib.rs": 'include!(concat!(env!("OUT_DIR"), "/methods.rs"));\n',
    }


def workspace(members: str, *, exclude: str = "", dependencies: str = "") -> dict[str, str]:
    """A workspace's own manifest."""
    return {
        "Cargo.toml": f"[workspace]\nresolver = '2'\nmembers = [{members}]\nexclude = [{exclude}]\n"
        f"[workspace.dependencies]\n{dependencies}\n"
    }


HOST = 'risc0-zkvm = { version = "3.0", features = ["prove"] }'
DEFAULT = 'risc0-zkvm = "3.0"'
INHERITED = "risc0-zkvm = { workspace = true }"
PLAIN = 'risc0-zkvm = { version = "3.0", default-features = false }'

_SEVERAL = (
    workspace("'program_methods', 'test_methods', 'node'")
    | member("node", "node", dependencies=HOST)
    | methods("program_methods", "program_methods", "guest")
    | guest("programs", "program_methods/guest", "transfer", "mint")
    | methods("test_methods", "test_methods", "guest")
    | guest("test-programs", "test_methods/guest", "noop")
)
_TWINS = (
    workspace("'one', 'two'")
    | methods("one", "one", "guest")
    | guest("first", "one/guest", "prove-it")
    | methods("two", "two", "guest")
    | guest("second", "two/guest", "prove-it")
)

LAYOUTS: dict[str, Layout] = {
    "foundry: hosts in apps/, a methods crate, contracts beside them": Layout(
        workspace("'apps', 'methods'", exclude="'lib'", dependencies=DEFAULT)
        | member("apps", "apps", "publisher", dependencies=INHERITED)
        | methods("methods", "methods", "guest")
        | guest("guests", "methods/guest", "is-even")
        | {"lib/forge/Cargo.toml": '[package]\nname = "x"\n', "foundry.toml": "[profile.default]\n"},
        packages={"methods/guest": ("is-even",)},
    ),
    "a methods crate as a folder, without a workspace around it": Layout(
        methods("methods", "methods", "guest")
        | guest("multiply", "methods/guest")
        | member("host", "host", dependencies=HOST),
        packages={"methods/guest": ("multiply",)},
    ),
    "a methods crate as a member somewhere, its guests excluded from the workspace": Layout(
        workspace("'crates/*', 'bin/cli'", exclude="'crates/guests'")
        | member("cli", "bin/cli", dependencies=HOST)
        | member("broker", "crates/broker", dependencies=DEFAULT)
        | methods("build", "crates/build", "../guests/fault", "../guests/batch")
        | guest("fault", "crates/guests/fault")
        | guest("batch", "crates/guests/batch"),
        packages={"crates/guests/fault": ("fault",), "crates/guests/batch": ("batch",)},
        methods="crates/build",
    ),
    "a guest wrapper, named from the folder of its guest": Layout(
        workspace("'services/*', 'guest_wrapper'")
        | member("server", "services/server", dependencies=HOST)
        | methods("guest_wrapper", "guest_wrapper", "risc0_guest")
        | guest("risc0_guest", "guest_wrapper/risc0_guest"),
        start="guest_wrapper/risc0_guest/src",
        packages={"guest_wrapper/risc0_guest": ("risc0_guest",)},
        root="guest_wrapper",
        methods="guest_wrapper",
    ),
    "a methods crate that is the root of a workspace with another": Layout(
        methods("everything", ".", "guests/a")
        | guest("a", "guests/a")
        | methods("more", "more", "../guests/b")
        | guest("b", "guests/b")
        | {
            "Cargo.toml": methods("everything", ".", "guests/a")["./Cargo.toml"]
            + "[workspace]\nmembers = ['more']\nexclude = ['guests']\n"
        },
        packages={"guests/a": ("a",), "guests/b": ("b",)},
    ),
    "several methods crates, one of them named": Layout(
        _SEVERAL,
        start="program_methods",
        packages={"program_methods/guest": ("mint", "transfer")},
        root="program_methods",
        methods="program_methods",
    ),
    "several methods crates, their workspace named": Layout(
        _SEVERAL,
        packages={"program_methods/guest": ("mint", "transfer"), "test_methods/guest": ("noop",)},
    ),
    "two packages with a bin of one name": Layout(
        _TWINS, refused=("have a guest called prove-it", "one/guest", "two/guest", "name the folder")
    ),
    "two packages with a bin of one name, one of them named": Layout(
        _TWINS, start="two", packages={"two/guest": ("prove-it",)}, root="two", methods="two"
    ),
    "two packages with a bin of one name, one of them excluded": Layout(
        _TWINS | {"pyproject.toml": "[tool.zkhost]\nexclude = ['one']\n"}, packages={"two/guest": ("prove-it",)}
    ),
    "hosts alone, with guests in folders of their own": Layout(
        workspace("'cli', 'node'", exclude="'images'")
        | member("cli", "cli", dependencies=DEFAULT)
        | member("node", "node", dependencies=HOST)
        | guest("simple", "images/simple")
        | guest("collatz", "images/collatz"),
        refused=("no guest package", "cli, node", "guests below, in images/collatz, images/simple"),
    ),
    "hosts alone, one of the guests' folders named": Layout(
        workspace("'cli'", exclude="'images'")
        | member("cli", "cli", dependencies=DEFAULT)
        | guest("simple", "images/simple"),
        start="images/simple",
        packages={"images/simple": ("simple",)},
        root="images/simple",
        methods="images/simple/methods",
    ),
    "a host's package, named": Layout(
        member("app", "app", dependencies=HOST), start="app", refused=("no guest package", "app: risc0-zkvm with")
    ),
    "a guess: members that depend on risc0-zkvm as guests do": Layout(
        workspace("'programs/*', 'host', 'tools'", exclude="'programs/draft'", dependencies=PLAIN)
        | member("one", "programs/one", dependencies=INHERITED)
        | member(
            "two",
            "programs/two",
            dependencies='vm = { package = "risc0-zkvm", version = "3.0", default-features = false }',
        )
        | member("three", "programs/three", extra=f"[target.'cfg(target_os = \"zkvm\")'.dependencies]\n{PLAIN}\n")
        | member("draft", "programs/draft", dependencies=INHERITED)
        | member("host", "host", dependencies="risc0-zkvm = { workspace = true, features = ['client'] }")
        | member("tools", "tools", extra=f"[target.'cfg(not(target_os = \"zkvm\"))'.dependencies]\n{HOST}\n"),
        packages={"programs/one": ("one",), "programs/three": ("three",), "programs/two": ("two",)},
        guessed=True,
    ),
    "a guess that settings replace": Layout(
        workspace("'programs/*'", dependencies=PLAIN)
        | member("one", "programs/one", dependencies=INHERITED)
        | member("two", "programs/two", dependencies=INHERITED)
        | {"pyproject.toml": "[tool.zkhost]\npackages = ['programs/two']\n"},
        packages={"programs/two": ("two",)},
    ),
    "a methods crate that names a guest that is not there": Layout(
        workspace("'methods'") | methods("methods", "methods", "guest"), refused=("names the guest package 'guest'",)
    ),
}
