"""Images on their way to a batch: in memory, or streamed."""
