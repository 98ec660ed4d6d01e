"""Lowering: an ONNX graph of any dialect to the integer graph of `zkhost.ml.graph`."""
