"""New projects, made from templates.

A template is a folder: files that end in `.j2` are rendered with jinja2 and lose the ending, the others are copied, and
names of files and folders are rendered too. `template.toml` at its root is not copied; it may have `description` and
`guest-name` (the guest's default name). Templates have these variables:

    name, package       the project's name, and that name as Python spells it
    guest, guest_ident, GUEST    the guest's name, as an identifier, as a constant
    std                 whether the guest has Rust's std
    risc0_path          a local copy of risc0 to build against, or none
    risc0_version, zkhost_version
    guest_crate, nn_crate        the versions of zkhost-guest and zkhost-nn to depend on

A guest package without a Cargo.lock of its own gets the one that zkhost's crates were tested with.
"""

from __future__ import annotations

import keyword
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zkhost._version import __version__
from zkhost.errors import ScaffoldError
from zkhost.project.crate import GUEST_CRATE, NN_CRATE, crate_requirement
from zkhost.project.shipped import guest_crates_folder, templates_folder

RISC0_VERSION = "3.0.6"
_SKIPPED = frozenset({".git", "target", "__pycache__", ".venv", ".pytest_cache", "template.toml", "zkhost.lock"})
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_RESERVED = frozenset({"host", "methods", "tests", "test", "core", "std", "alloc", "zkhost", "contract", "risc0-zkvm"})

OnFile = Callable[[int, int, Path], object]


@dataclass(frozen=True)
class TemplateInfo:
    """A template that comes with zkhost."""

    name: str
    description: str


@dataclass(frozen=True)
class NewProject:
    """A project to create. `dest` is the folder it goes into (as a folder `name`); `guest` None: the template's."""

    name: str
    dest: Path = field(default_factory=Path)
    template: str = "basic"
    subdir: str | None = None
    tag: str | None = None
    branch: str | None = None
    risc0_path: Path | None = None
    guest: str | None = None
    std: bool = True
    git: bool = True


def list_templates() -> list[TemplateInfo]:
    """Return the templates that come with zkhost, the first one for beginners."""
    folders = sorted(path for path in templates_folder().iterdir() if (path / "template.toml").is_file())
    infos = [TemplateInfo(path.name, str(_settings(path).get("description", ""))) for path in folders]
    return sorted(infos, key=lambda info: (info.name != "basic", info.name))


def make_project(project: NewProject, on_file: OnFile | None = None) -> Path:
    """Create the project and return its folder; `on_file` receives number, total and path of each file.

    Raises ScaffoldError for a bad name, an existing folder, a missing template, a template that does not render: then
    nothing was written.
    """
    check_name(project.name, "project")
    target = project.dest / project.name
    if target.exists():
        raise ScaffoldError(f"{target} exists already", hint="choose another name, or --dest for another folder")
    if not project.dest.is_dir():
        raise ScaffoldError(f"{project.dest} is not a folder", hint="make it first, or give another --dest")
    with tempfile.TemporaryDirectory(prefix="zkhost-template-") as scratch:
        template = _fetch(project, Path(scratch) / "repository")
        variables = _variables(project, _settings(template))
        # In the destination itself, so that the last step is one rename.
        with tempfile.TemporaryDirectory(prefix=f".{project.name}-", dir=project.dest) as work:
            made = Path(work) / project.name
            made.mkdir()
            for path, write in _files(template, variables):
                if made.resolve() not in (made / path).resolve().parents:
                    raise ScaffoldError(f"the template would write {path}, outside the project")
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                write(made / path)
            if project.git:
                _init_git(made)
            paths = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
            shown = [path for path in paths if path.parts[0] != ".git"]
            made.rename(target)
    for number, path in enumerate(shown, 1):
        if on_file is not None:
            on_file(number, len(shown), path)
    return target


def check_name(name: str, what: str) -> None:
    """Raise ScaffoldError unless cargo, Python and the file system all accept the name."""
    why = None
    if not _NAME.fullmatch(name):
        why = "it must be lower-case letters, digits, - and _, and begin with a letter"
    elif name in _RESERVED or keyword.iskeyword(name):
        why = "that name means something else already"
    elif len(name) > 64:
        why = "it is longer than 64 characters"
    if why:
        raise ScaffoldError(f"{name!r} is no name for a {what}: {why}", hint="use a name like factor-proof")


def _fetch(project: NewProject, repository: Path) -> Path:
    """Return the folder of the template: one of zkhost's, a folder, or a repository that is cloned."""
    wants_git = project.tag is not None or project.branch is not None
    if project.tag is not None and project.branch is not None:
        raise ScaffoldError("--tag and --branch name two versions", hint="give one of them")
    given = project.template
    ours = templates_folder() / given
    folder = Path(given).expanduser()
    if re.fullmatch(r"[\w-]+", given) and (ours / "template.toml").is_file():
        if wants_git:
            raise ScaffoldError(
                f"{given} comes with zkhost and has no tags or branches", hint="leave --tag or --branch out"
            )
        root = ours
    elif folder.is_dir() and not wants_git:
        root = folder
    elif folder.is_dir() or "://" in given or re.match(r"[\w.-]+@[\w.-]+:", given):
        root = _clone(project, str(folder.resolve()) if folder.is_dir() else given, repository)
    else:
        names = ", ".join(info.name for info in list_templates())
        raise ScaffoldError(
            f"no template {given!r}", hint=f"take one of {names}, a folder, or the URL of a git repository"
        )
    if project.subdir is None:
        return root
    inner = (root / project.subdir).resolve()
    if not inner.is_dir() or root.resolve() not in inner.parents:
        raise ScaffoldError(f"the template {given} has no folder {project.subdir}", hint="correct --templ-subdir")
    return inner


def _clone(project: NewProject, url: str, into: Path) -> Path:
    version = project.tag or project.branch
    which = ["--branch", version] if version else []
    command = ["git", "clone", "--quiet", "--depth", "1", *which, "--", url, str(into)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as exc:
        raise ScaffoldError("git is not installed, and the template is a repository", hint="install git") from exc
    if done.returncode != 0:
        raise ScaffoldError(
            f"the template {url}{f' at {version}' if version else ''} cannot be cloned: {done.stderr.strip()}",
            hint="check the address, and --tag or --branch",
        )
    return into


def _settings(template: Path) -> dict[str, Any]:
    path = template / "template.toml"
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ScaffoldError(f"{path} is not TOML: {exc}", hint="correct the template") from exc


def _variables(project: NewProject, settings: dict[str, Any]) -> dict[str, Any]:
    guest = project.guest or str(settings.get("guest-name", "guest"))
    if project.guest is not None or "guest-name" in settings:
        check_name(guest, "guest")
    risc0 = project.risc0_path.resolve() if project.risc0_path is not None else None
    if risc0 is not None and not (risc0 / "risc0/zkvm/Cargo.toml").is_file():
        raise ScaffoldError(f"{risc0} is not a copy of risc0: no risc0/zkvm/Cargo.toml", hint="correct --path")
    ident = guest.replace("-", "_")
    return {
        "name": project.name,
        "package": project.name.replace("-", "_"),
        "guest": guest,
        "guest_ident": ident,
        "GUEST": ident.upper(),
        "std": project.std,
        "risc0_path": str(risc0) if risc0 is not None else None,
        "risc0_version": RISC0_VERSION,
        "guest_crate": crate_requirement(GUEST_CRATE),
        "nn_crate": crate_requirement(NN_CRATE),
        "zkhost_version": __version__,
    }


def _files(template: Path, variables: dict[str, Any]) -> Iterator[tuple[Path, Callable[[Path], object]]]:
    """Yield each file of the project: its place, and what writes it. Everything is rendered before it is yielded."""
    sources: dict[Path, Path] = {}
    ours = templates_folder()
    # zkhost's own templates have some files in common.
    for root in (ours / "_common", template) if template.parent == ours else (template,):
        sources |= {path.relative_to(root): path for path in sorted(root.rglob("*")) if path.is_file()}
    for inside, path in sorted(sources.items()):
        if _SKIPPED.intersection(inside.parts):
            continue
        place = Path(_render(str(inside), variables, inside))
        if path.suffix != ".j2":
            yield place, _copier(path)
            continue
        text = _render(path.read_text("utf-8"), variables, inside)
        yield place.with_suffix(""), _writer(text)
    if Path("methods/guest/Cargo.lock") not in sources and (template / "methods/guest").is_dir():
        yield Path("methods/guest/Cargo.lock"), _copier(guest_crates_folder() / "Cargo.lock")


def _copier(source: Path) -> Callable[[Path], object]:
    return lambda target: shutil.copyfile(source, target)


def _writer(text: str) -> Callable[[Path], object]:
    return lambda target: target.write_text(text, encoding="utf-8")


def _render(text: str, variables: dict[str, Any], where: Path) -> str:
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    try:
        return environment.from_string(text).render(variables)
    except jinja2.TemplateError as exc:
        raise ScaffoldError(f"the template's {where} cannot be rendered: {exc}", hint="correct the template") from exc


def _init_git(folder: Path) -> None:
    try:
        subprocess.run(["git", "init", "--quiet", str(folder)], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as exc:
        raise ScaffoldError(f"git could not make a repository: {exc}", hint="install git, or give --no-git") from exc
