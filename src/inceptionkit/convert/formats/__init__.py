"""Files that other frameworks write, as name -> array. Nothing in them is executed."""
