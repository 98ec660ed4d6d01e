"""The contract of a project: types declared once in Python, and the Rust module of the guest made from them."""
