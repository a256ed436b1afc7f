"""The pieces of the Audit page: whom the recipe keeps, live."""
