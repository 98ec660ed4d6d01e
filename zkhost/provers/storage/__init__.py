"""Proofs that outlast the process: checkpoints and the receipt cache."""
