"""Proofs of what a model computes: load an ONNX file, prove its inference, verify it against the file."""
