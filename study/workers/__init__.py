"""Workers: a job in, events out. They hold no database."""
