"""The audit: whom a recipe keeps and drops, group by group, live and as a report."""

from .group import Definition, Group, Groups
from .headline import Headline, headline
from .measure import Measures, measure
from .of_recipe import audit
from .result import Audit, Row

__all__ = ["Audit", "Definition", "Group", "Groups", "Headline", "Measures", "Row", "audit", "headline", "measure"]
