"""What a guest runs in: input, arguments, variables, descriptors, assumptions and limits."""
