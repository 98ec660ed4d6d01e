"""Profiles as JSON: what `zkhost profile` saves, `--compare` reads, and the page draws.

    {"format": "zkhost-profile", "version": 1,
     "run": {"program", "image_id", "user", "paging", "reserved", "total", "segments": [[index, po2, user, paging]]},
     "functions": [[name, crate, file, line, [[line, user, page_in, page_out]]]],
     "tree": {"parent": [], "function": [], "inlined": [], "user": [], "page_in": [], "page_out": []}}

A function's cycles by line are its own, not its callees'. The tree's columns are parallel, callers before callees;
entry 0 is the program itself (its parent and function are -1).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zkhost.errors import ProfileError
from zkhost.profile.cost_tree import Cycles, Node, Profile, RunFigures, SegmentCost, Source
from zkhost.profile.pprof import read_pprof
from zkhost.profile.symbol_names import crate_of
from zkhost.profile.tree_builder import build_profile

_FORMAT, _VERSION = "zkhost-profile", 1


def profile_to_plain(profile: Profile) -> dict[str, Any]:
    """Return the profile as JSON values, in the form above."""
    run = profile.run
    functions: dict[str, int] = {}
    rows: list[list[Any]] = []
    parents, names, inlined, user, page_in, page_out = [-1], [-1], [0], [], [], []
    # The index of the ancestor at each depth of the walk.
    open_at = [0]
    for depth, node in profile.root.walk():
        if depth:
            if node.name not in functions:
                functions[node.name] = len(rows)
                rows.append(_function(node.name, profile.source(node.name)))
            parents.append(open_at[depth - 1])
            names.append(functions[node.name])
            inlined.append(int(node.inlined))
            del open_at[depth:]
            open_at.append(len(parents) - 1)
        user.append(node.own.user)
        page_in.append(node.own.page_in)
        page_out.append(node.own.page_out)
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "run": {
            "program": run.program,
            "image_id": run.image_id,
            "user": run.user,
            "paging": run.paging,
            "reserved": run.reserved,
            "total": run.total,
            "segments": [[s.index, s.po2, s.user, s.paging] for s in run.segments],
        },
        "functions": rows,
        "tree": {
            "parent": parents,
            "function": names,
            "inlined": inlined,
            "user": user,
            "page_in": page_in,
            "page_out": page_out,
        },
    }


def _function(name: str, source: Source) -> list[Any]:
    lines = [[line, cost.user, cost.page_in, cost.page_out] for line, cost in sorted(source.lines.items())]
    return [name, crate_of(name, source.file), source.file, source.line, lines]


def profile_from_plain(plain: Any) -> Profile:
    """Return the profile of JSON values in the form above. Raises ProfileError where they have another form."""
    if not isinstance(plain, dict) or plain.get("format") != _FORMAT:
        raise ProfileError(f'not a saved profile: no "format": "{_FORMAT}" in it')
    if plain.get("version") != _VERSION:
        raise ProfileError(
            f"a saved profile of version {plain.get('version')!r}, where this zkhost reads version {_VERSION}",
            hint="profile the base again with this zkhost",
        )
    try:
        run = RunFigures(**{**plain["run"], "segments": tuple(SegmentCost(*row) for row in plain["run"]["segments"])})
        functions = plain["functions"]
        sources = {
            name: Source(file, line, {number: Cycles(*cost) for number, *cost in lines})
            for name, _, file, line, lines in functions
        }
        tree = plain["tree"]
        nodes = [Node("all")]
        costs = zip(tree["user"], tree["page_in"], tree["page_out"], strict=True)
        columns = zip(tree["parent"], tree["function"], tree["inlined"], costs, strict=True)
        for number, (parent, function, inlined, cost) in enumerate(columns):
            if number:
                if not 0 <= parent < number:
                    raise ValueError(f"entry {number} has parent {parent}")
                nodes.append(nodes[parent].child(functions[function][0], bool(inlined)))
            nodes[number].own += Cycles(*cost)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ProfileError(f"a damaged saved profile: {type(error).__name__}: {error}") from error
    return Profile(nodes[0], run, sources)


def load_profile(path: str | Path) -> Profile:
    """Read a profile from a pprof file (gzipped or not) or a saved JSON. Raises ProfileError, naming the file."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"cannot read the profile {path}: {error.strerror}") from error
    try:
        if data.lstrip().startswith(b"{"):
            return profile_from_plain(json.loads(data))
        return build_profile(read_pprof(data), None, program=path.stem)
    except (ProfileError, ValueError) as error:
        hint = error.hint if isinstance(error, ProfileError) else None
        raise ProfileError(f"{path}: {error.args[0]}", hint=hint) from error
