"""Profiles as JSON: what `zkhost profile` saves, `--compare` reads, and the page draws.

    {"format": "zkhost-profile", "version": 1,
     "run": {"program", "image_id", "user", "paging", "reserved", "total", "segments": [[index, po2, user, paging]]},
     "functions": [[name, crate, file, line]],
     "tree": {"parent": [], "function": [], "user": [], "page_in": [], "page_out": []}}

The tree's columns are parallel, callers before callees; entry 0 is the program itself (its parent and function are -1).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from zkhost.errors import ProfileError
from zkhost.profile.model import Cycles, Node, Profile, Run, SegmentCost, build_profile
from zkhost.profile.names import crate_of
from zkhost.profile.pprof import read_pprof

_FORMAT, _VERSION = "zkhost-profile", 1


def to_plain(profile: Profile) -> dict[str, Any]:
    """The profile as JSON values, in the form above."""
    run = profile.run
    functions: dict[str, int] = {}
    rows: list[list[str | int]] = []
    parents, names, user, page_in, page_out = [-1], [-1], [], [], []
    # The index of the ancestor at each depth of the walk.
    open_at = [0]
    for depth, node in profile.root.walk():
        if depth:
            if node.name not in functions:
                functions[node.name] = len(rows)
                rows.append([node.name, crate_of(node.name, node.file), node.file, node.line])
            parents.append(open_at[depth - 1])
            names.append(functions[node.name])
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
        "tree": {"parent": parents, "function": names, "user": user, "page_in": page_in, "page_out": page_out},
    }


def from_plain(plain: Any) -> Profile:
    """The profile of JSON values in the form above. Raises ProfileError where they have another."""
    if not isinstance(plain, dict) or plain.get("format") != _FORMAT:
        raise ProfileError(f'not a saved profile: no "format": "{_FORMAT}" in it')
    if plain.get("version") != _VERSION:
        raise ProfileError(
            f"a saved profile of version {plain.get('version')!r}, where this zkhost reads version {_VERSION}",
            hint="profile the base again with this zkhost",
        )
    try:
        run = Run(**{**plain["run"], "segments": tuple(SegmentCost(*row) for row in plain["run"]["segments"])})
        tree = plain["tree"]
        nodes = [Node("all")]
        columns = zip(tree["parent"], tree["function"], tree["user"], tree["page_in"], tree["page_out"], strict=True)
        for number, (parent, function, *cycles) in enumerate(columns):
            if number:
                if not 0 <= parent < number:
                    raise ValueError(f"entry {number} has parent {parent}")
                name, _, file, line = plain["functions"][function]
                nodes.append(nodes[parent].child(name, file, line))
            nodes[number].own += Cycles(*cycles)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ProfileError(f"a damaged saved profile: {type(error).__name__}: {error}") from error
    return Profile(nodes[0], run)


def load_profile(path: str | Path) -> Profile:
    """Read a profile from a pprof file (gzipped or not) or a saved JSON. Raises ProfileError, naming the file."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ProfileError(f"cannot read the profile {path}: {error.strerror}") from error
    try:
        if data.lstrip().startswith(b"{"):
            return from_plain(json.loads(data))
        return build_profile(read_pprof(data), None, program=path.stem)
    except (ProfileError, ValueError) as error:
        hint = error.hint if isinstance(error, ProfileError) else None
        raise ProfileError(f"{path}: {error.args[0]}", hint=hint) from error
