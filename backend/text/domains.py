"""Registered domains of hosts, by the public suffix list that tldextract brings; nothing is fetched or kept on disk."""

from functools import cache
from typing import Any


@cache
def registered(host: str) -> tuple[str, str]:
    """Registered domain and public suffix of a host; the domain is empty for an IP address or a bare suffix.

    >>> registered("images.shop.example.co.uk")
    ('example.co.uk', 'co.uk')
    """
    parts = _extractor()(host)
    return (f"{parts.domain}.{parts.suffix}" if parts.domain and parts.suffix else "", parts.suffix)


@cache
def _extractor() -> Any:
    import tldextract

    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)
