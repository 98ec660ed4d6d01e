"""What a proof will cost before it is made: segments, memory, time."""
