"""Checks of annotations against the real serde: the words and kinds of random values, both ways."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zkhost.codec import codec, describe, from_plain, to_plain
from zkhost.contract.from_rust.check.sample_values import SampleValues, kinds
from zkhost.contract.from_rust.check.scratch_crate import ScratchCrate, Subject
from zkhost.contract.from_rust.declarations import Crate, Definition
from zkhost.contract.from_rust.python_module import PythonModule
from zkhost.contract.from_rust.rust_import import Origin
from zkhost.contract.from_rust.syntax_tree import preorder, text_of
from zkhost.contract.item_model import Item, Named
from zkhost.errors import CodecError, ContractError

VALUES = 64
_MOST_BUILDS = 12


@dataclass(frozen=True)
class Verdict:
    """The result of checking one type: `agrees`, `differs`, or `unchecked` where the check could not run in Rust."""

    name: str
    outcome: Literal["agrees", "differs", "unchecked"]
    message: str = ""
    values: int = 0


@dataclass(frozen=True)
class _Case:
    number: int
    words: str
    kinds: str


def check_types(
    made: PythonModule, *, features: Sequence[str] | None = None, target: Path, values: int = VALUES
) -> list[Verdict]:
    """Compile the Rust types by cargo, in copies of their crates, and compare `values` random values of each.

    Every value is written by the annotation's codec, read by the type's Deserialize and written again by its Serialize:
    words and kinds must be the same each time. `target` is cargo's target folder. Raises ContractError where
    there is no cargo.
    """
    subjects = _subjects(made)
    verdicts: dict[int, Verdict] = {}
    by_crate: dict[int, tuple[Crate, list[Subject]]] = {}
    for subject in subjects:
        definition = subject.origin.definition
        if subject.origin.traits.de is None and _holds_references(definition):
            why = "it is only written, and holds references, so no value of it can be read back"
            verdicts[subject.number] = Verdict(made.imported.module.items[subject.number].name, "unchecked", why)
            continue
        crate = definition.module.crate
        by_crate.setdefault(id(crate), (crate, []))[1].append(subject)
    items = list(made.imported.module.items)
    with tempfile.TemporaryDirectory(prefix="zkhost-check-") as folder:
        for crate, own in by_crate.values():
            scratch = ScratchCrate(crate, own, Path(folder) / "crate")
            program = _build(scratch, features, target, verdicts, items)
            left = [s for s in own if s.number not in verdicts]
            if program:
                verdicts |= _ask(program, made, left, items, values)
    return [verdicts[s.number] for s in subjects]


def _subjects(made: PythonModule) -> list[Subject]:
    origins = made.imported.origins
    named = [
        (number, origins[item.name]) for number, item in enumerate(made.imported.module.items) if item.name in origins
    ]
    return [Subject(number, origin) for number, origin in named if not _is_remote(origin)]


def _is_remote(origin: Origin) -> bool:
    """Return whether a type only defines how serde writes another: it has no traits, its users are checked."""
    return any(meta.path == "remote" for meta in origin.definition.attributes.arguments("serde"))


def _holds_references(definition: Definition) -> bool:
    nodes = [node for node in preorder(definition.node) if node.type == "reference_type"]
    return any(not text_of(node).endswith("str") for node in nodes)


def _build(
    scratch: ScratchCrate, features: Sequence[str] | None, target: Path, verdicts: dict[int, Verdict], items: list[Item]
) -> Path | None:
    """Compile and return the program; types that do not compile get their verdict. None where nothing is left to run."""
    everything = list(scratch.subjects)
    for _ in range(_MOST_BUILDS):
        scratch.subjects = [s for s in everything if s.number not in verdicts]
        if not scratch.subjects:
            return None
        scratch.write()
        program, errors = _cargo(scratch.folder, features, target)
        if program:
            return program
        before = scratch.state()
        for lines, text in errors:
            for number in [n for at in lines for n in scratch.remove(*at)]:
                verdicts.setdefault(
                    number, Verdict(items[number].name, "unchecked", f"Rust does not compile it: {text}")
                )
        if before == scratch.state() and not any(s.number in verdicts for s in scratch.subjects):
            text = errors[0][1] if errors else "cargo failed"
            for subject in scratch.subjects:
                verdicts[subject.number] = Verdict(
                    items[subject.number].name, "unchecked", f"the crate does not build: {text}"
                )
    return None


def _cargo(
    folder: Path, features: Sequence[str] | None, target: Path
) -> tuple[Path | None, list[tuple[list[tuple[Path, int]], str]]]:
    command = ["cargo", "build", "--quiet", "--message-format=json", "--bin", "zkhost-check"]
    command += [f"--features={','.join(features)}"] if features else []
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "RUSTFLAGS": "--cap-lints=allow"}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ContractError(
            "--check compiles the Rust types, and there is no cargo", hint="install rustup's"
        ) from error
    program, errors = None, []
    for line in done.stdout.splitlines():
        message: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            program = Path(message["executable"])
        detail = message.get("message") or {}
        if message.get("reason") == "compiler-message" and detail.get("level") == "error":
            errors.append((_lines(detail, folder), str(detail.get("message"))))
    if done.returncode and not errors:
        errors.append(([], done.stderr.strip()[-600:]))
    return (program if done.returncode == 0 else None), errors


def _lines(detail: dict[str, Any], folder: Path) -> list[tuple[Path, int]]:
    """Return the lines that a compiler's message is about, including those of the macros that made them."""
    found: list[tuple[Path, int]] = []
    todo = [span for span in detail.get("spans", []) if span.get("is_primary")]
    while todo:
        span = todo.pop()
        found.append(((folder / span["file_name"]).absolute(), span["line_start"]))
        if span.get("expansion"):
            todo.append(span["expansion"]["span"])
    return found


def _ask(
    program: Path, made: PythonModule, subjects: list[Subject], items: list[Item], values: int
) -> dict[int, Verdict]:
    cases: list[_Case] = []
    verdicts: dict[int, Verdict] = {}
    for subject in subjects:
        item = items[subject.number]
        try:
            cases += _cases(made, subject.number, item, values)
        except Exception as error:  # the codec and the sample disagree: nothing was compared
            verdicts[subject.number] = Verdict(item.name, "unchecked", f"no value of it was made: {error}")
    lines = "".join(f"{case.number} {case.words}\n" for case in cases)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=False)
    answers = done.stdout.splitlines()
    for subject in subjects:
        own = [
            (case, answers[i] if i < len(answers) else "stopped")
            for i, case in enumerate(cases)
            if case.number == subject.number
        ]
        if own:
            verdicts[subject.number] = _verdict(items[subject.number].name, made.type_of(items[subject.number]), own)
    return verdicts


def _cases(made: PythonModule, number: int, item: Item, values: int) -> list[_Case]:
    annotation = made.type_of(item)
    wire, descriptor = codec(annotation), describe(annotation)
    sampled = {each.name: each for each in made.imported.module.items}
    samples = SampleValues(sampled, random.Random(item.name))
    cases = []
    for _ in range(values):
        plain = samples.of(item, (Named("u8"),) * len(item.params))
        value = from_plain(annotation, plain)
        spelled = kinds(descriptor, to_plain(annotation, value))
        cases.append(_Case(number, wire.encode(value).hex(), " ".join(spelled)))
    return cases


def _verdict(name: str, annotation: Any, answers: list[tuple[_Case, str]]) -> Verdict:
    refused = []
    for case, answer in answers:
        state, *rest = answer.split("\t")
        if state == "refused" and "variant index" not in answer:
            refused.append(rest[0])
            continue
        why = _difference(annotation, case, rest) if state == "ok" else answer.replace("\t", ": ")
        if why:
            return Verdict(name, "differs", why, len(answers))
    if len(refused) == len(answers):
        return Verdict(name, "unchecked", f"Rust refused every random value: {refused[0]}")
    return Verdict(name, "agrees", "", len(answers) - len(refused))


def _difference(annotation: Any, case: _Case, found: list[str]) -> str:
    left, read, *written = found
    if read != case.kinds:
        return f"the annotation is {_shown(case.kinds)}, Rust reads {_shown(read)}"
    if left != "0":
        return f"Rust leaves {left} of the annotation's words"
    if not written:
        return ""
    words, spelled = written
    # A type that is converted, or has defaults, may write a value other than the one it read.
    expected = case.kinds if words == case.words else _kinds_of_words(annotation, words)
    if expected is None:
        return "Rust writes words that the annotation cannot be"
    return "" if spelled == expected else f"the annotation is {_shown(expected)}, Rust writes {_shown(spelled)}"


def _kinds_of_words(annotation: Any, words: str) -> str | None:
    """Return the kinds of words as a value of the annotation; None where they are not one."""
    try:
        value = codec(annotation).decode(bytes.fromhex(words))
    except CodecError:
        return None
    return " ".join(kinds(describe(annotation), to_plain(annotation, value)))


def _shown(kinds: str) -> str:
    words = kinds.split()
    return f"[{' '.join(words[:12])}{' ...' if len(words) > 12 else ''}]"
