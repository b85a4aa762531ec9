"""Early exits: when to stop, how that is chosen, and what it saves."""
