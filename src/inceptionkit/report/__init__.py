"""The self-contained HTML pages of a run, of several runs and of a check of images."""
