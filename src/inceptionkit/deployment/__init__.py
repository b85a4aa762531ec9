"""Deployment: the graph that is shipped, the engines that run it, and what each costs."""
