"""The Audit page takes groups of one's own."""

from poolscope.audit import catalog
from tests.backend.audit.test_own_groups import LEXICON, uids


def test_a_dropped_table_becomes_groups(start, mapped_pool):
    app = start(mapped_pool, "audit")
    rows = "\n".join(f"{key},{'even' if n % 2 == 0 else 'odd'}" for n, key in enumerate(uids(mapped_pool)))
    app.file_uploader(key="own-groups-file").set_value(("t.csv", f"uid,group\n{rows}\n".encode(), "text/csv")).run()
    app.text_input(key="own-groups-name").set_value("Parity").run()
    app.button(key="own-groups-add").click().run()
    assert not app.exception
    assert any("parity: 2 groups, 200 pairs" in str(one.value) for one in app.text)
    assert catalog.load(mapped_pool).mask("own.parity.odd").sum() == 100
    app.button(key="own-groups-add").click().run()
    assert any("exist already" in one.value for one in app.error)


def test_a_broken_lexicon_is_told(start, mapped_pool):
    app = start(mapped_pool, "audit")
    upload = ("x.yaml", LEXICON.replace("pack", "pck").encode(), "text/yaml")
    app.file_uploader(key="own-groups-file").set_value(upload).run()
    app.button(key="own-groups-add").click().run()
    assert not app.exception
    assert len(app.error) == 1


def test_the_name_of_a_dropped_file_is_no_path(start, mapped_pool, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(f"uid,group\n{uids(mapped_pool)[0]},secret\n")
    app = start(mapped_pool, "audit")
    content = f"uid,group\n{uids(mapped_pool)[1]},mine\n".encode()
    app.file_uploader(key="own-groups-file").set_value((str(other), content, "text/csv")).run()
    app.button(key="own-groups-add").click().run()
    assert not app.exception
    assert [about.group for about in catalog.load(mapped_pool).definitions] == ["mine"]
