"""Other implementations' weights files as models of ours. No torch, but for torch's own format."""
