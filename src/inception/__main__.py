"""`python -m inception` is `inception`."""

import sys

from inception.cli import main

if __name__ == "__main__":
    sys.exit(main())
