"""`python -m inceptionkit` is `inceptionkit`."""

import sys

from inceptionkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
