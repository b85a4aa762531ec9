"""What a page of ours says, for tests that look for a sentence or a command."""

import re
from html import unescape
from pathlib import Path


def words_of(page: Path) -> str:
    """The file without the marks that keep the words of a command together."""
    return unescape(re.sub("</?span>", "", page.read_text()))
