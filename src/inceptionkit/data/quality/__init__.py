"""Looking at every image once: what is there, what is doubled, what is odd. numpy and Pillow."""
