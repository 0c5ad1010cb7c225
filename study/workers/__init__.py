"""Workers: take jobs, train, and send events. They do not access the stores."""
