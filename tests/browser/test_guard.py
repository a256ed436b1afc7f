"""A page of a stranger's domain that resolves to this machine draws nothing of the app."""

import pytest

from tests.browser.conftest import ARGUMENTS

pytestmark = pytest.mark.browser


def test_dns_rebinding_draws_nothing(browser, chromium, address):
    rebound = address.replace("127.0.0.1", "evil.example")
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    deceived = browser.browser_type.launch(executable_path=chromium, args=[*ARGUMENTS, rules])
    page = deceived.new_page()
    answer = page.goto(rebound)
    assert answer is not None
    assert answer.status == 403
    assert "evil.example" in page.inner_text("body")
    assert page.query_selector("[data-testid=stApp]") is None
    closed = page.evaluate(
        """url => new Promise(done => { const socket = new WebSocket(url);
        socket.onopen = () => done('open'); socket.onclose = () => done('closed'); })""",
        rebound.replace("http", "ws") + "_stcore/stream",
    )
    deceived.close()
    assert closed == "closed"
