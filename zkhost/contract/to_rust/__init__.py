"""A contract as Rust: the module that the guest compiles, formatted as rustfmt would."""
