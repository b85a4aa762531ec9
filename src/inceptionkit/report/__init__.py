"""The self-contained HTML page of a run.

`content` says what a page shows, as plain data without torch; `page.render` turns it into one file.
Only `page` and what it imports need jinja2 and Pillow, so import it where a report is made.
"""
