"""Models behind HTTP: an API for programs, the Open Inference Protocol, and a page for people.

Needs FastAPI and uvicorn (the extra `serve`), and no torch.
"""
