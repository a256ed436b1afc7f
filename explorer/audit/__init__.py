"""The parts of the Audit page: whom the recipe keeps, live."""
