"""The pages of the app and their views, by address, and when one of them is drawn."""

from typing import Any

PAGES = {
    "filter": "", "pool": "pool", "methods": "methods", "audit": "audit", "bias": "bias", "runs": "runs",
    "leaderboard": "leaderboard", "import": "imports", "jobs": "jobs",
}  # fmt: skip
VIEWS = {
    "methods-compare": "methods?methods=Compare+two+scores",
    "audit-inside": "audit?audit-view=Inside+a+group",
    "audit-shares": "audit?audit-view=Shares",
    "audit-what-if": "audit?audit-view=What+if",
    "leaderboard-response": "leaderboard?board-view=Response",
    "leaderboard-compare": "leaderboard?board-view=Compare+two",
    "leaderboard-scales": "leaderboard?board-view=Over+scales",
    "leaderboard-groups": "leaderboard?board-view=By+group",
}
SETTLED = """(quiet) => {
  const app = document.querySelector('[data-testid=stApp]')
  const busy = !app || app.dataset.testScriptState !== 'notRunning' || document.querySelector('.ps-skeleton, [data-testid=stSkeleton]')
  const coming = [...document.images].some((one) => !one.complete)
  const map = document.querySelector('.ps-map'), waiting = map && !map.dataset.labels
  if (busy || coming || waiting) { window.settledAt = undefined; return false }
  window.settledAt ??= performance.now()
  return performance.now() - window.settledAt > quiet }"""


def settle(page: Any, quiet: int = 700) -> None:
    """Waits until the page has been drawn for `quiet` milliseconds."""
    page.evaluate("delete window.settledAt")
    page.wait_for_function(SETTLED, arg=quiet, timeout=180_000, polling=100)
