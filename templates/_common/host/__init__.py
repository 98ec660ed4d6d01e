"""The host: gives the guest its input, has the run proved, and checks the proof."""
