"""Workers: the same task on threads, processes or Ray."""
