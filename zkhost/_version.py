"""The version of this zkhost, as `[workspace.package]` of Cargo.toml has it: the native library was compiled with it.

The package's metadata would be another place to read it, but zkhost is installed as zkhost or as zkhost-verify.
"""

from __future__ import annotations

from zkhost import _shim

__version__: str = _shim.build_info()["shim_version"]
"""The version of zkhost, of zkhost-verify too, as in `"0.1.0"`."""
