"""The host: sends the guest its input, has the run proved, and verifies the proof."""
