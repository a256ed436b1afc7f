"""The audit: whom a recipe keeps and drops, group by group, live and as a report."""

from backend.audit.audit import Audit, Row, audit
from backend.audit.group import Definition, Group, Groups
from backend.audit.headline import Headline, headline
from backend.audit.measure import Measures, measure

__all__ = ["Audit", "Definition", "Group", "Groups", "Headline", "Measures", "Row", "audit", "headline", "measure"]
