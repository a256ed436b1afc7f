"""Sites: groups by the registered domain of the URL, its country-code suffix and that country's region, and the kind of site."""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...pool import Pool
from ...progress import Progress
from ...text.domains import registered
from ..group import Group, slug
from ..lexicon import FOLDER
from ..provider import Provider
from ..scan import Numbering, steps, text_array

HOST = r"^(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//(?:[^/@?#]*@)?(?P<host>[^/:?#\\\s]+)"
GENERIC = ("com", "net", "org", "edu", "gov", "info", "io", "biz")


@dataclass(frozen=True)
class Web(Provider):
    """Domains by tldextract with the public suffix list that it bundles; nothing is fetched or cached on disk.

    Domains need `least_domain` pairs, so that no personal site is listed; suffixes need `least_suffix`.
    """

    least_domain: int = 1000
    most_domains: int = 40
    least_suffix: int = 100
    id = "web"
    families = ("domain", "country suffix", "region of suffix", "suffix", "kind of site")
    needs = ("url",)

    def key(self, pool: Pool) -> dict[str, Any]:
        listed = b"".join((FOLDER / name).read_bytes() for name in ("sites.yaml", "regions.yaml"))
        return {
            "lists": hashlib.sha256(listed).hexdigest(), "least_domain": self.least_domain,
            "most_domains": self.most_domains, "least_suffix": self.least_suffix, "version": 1,
        }  # fmt: skip

    def find(self, pool: Pool, progress: Progress) -> list[Group]:
        codes, hosts = host_codes(pool, progress)
        split = [registered(host) for host in hosts]
        groups = [*self._domains(codes, split), *self._suffixes(codes, split), *self._kinds(codes, split)]
        return [group for group in groups if group.bits.any()]

    def _domains(self, codes: np.ndarray, split: list[tuple[str, str]]) -> list[Group]:
        numbers, names = number([domain for domain, _ in split])
        sizes = np.bincount(numbers[codes[codes >= 0]], minlength=len(names))
        best = [int(place) for place in np.argsort(-sizes, kind="stable")[: self.most_domains + 1]]
        return [
            self._group(f"domain.{slug(names[place])}", "domain", names[place], f"from {names[place]}",
                        "registered domain of the URL (tldextract, bundled public suffix list)",
                        "says where the file lay, not who made it; content networks serve many sites",
                        codes, numbers == place)
            for place in best
            if names[place] and sizes[place] >= self.least_domain
        ][: self.most_domains]  # fmt: skip

    def _suffixes(self, codes: np.ndarray, split: list[tuple[str, str]]) -> list[Group]:
        last = [suffix.rsplit(".", 1)[-1] for _, suffix in split]
        numbers, names = number(last)
        sizes = np.bincount(numbers[codes[codes >= 0]], minlength=len(names))
        countries, entries = country_regions(), []
        wrong = "a weak sign of origin: .io, .tv, .co, .me are sold world-wide, and .com is used everywhere"
        for place, name in enumerate(names):
            family = "country suffix" if name in countries else "suffix" if name in GENERIC else ""
            if family and sizes[place] >= self.least_suffix:
                entries.append(self._group(f"suffix.{slug(name)}", family, f".{name}", f"from a site under .{name}",
                                        "last label of the URL's public suffix", wrong, codes, numbers == place))  # fmt: skip
        for region in dict.fromkeys(countries.values()):
            inside = np.array([countries.get(name) == region for name in last], dtype=bool)
            entries.append(self._group(f"region.{slug(region)}", "region of suffix", region, f"from a site under a suffix of {region}",
                                    "UN region of the URL's country-code suffix", wrong, codes, inside))  # fmt: skip
        return entries

    def _kinds(self, codes: np.ndarray, split: list[tuple[str, str]]) -> list[Group]:
        entries = []
        for name, listed in _yaml("sites.yaml").items():
            domains = frozenset(listed["domains"])
            members = np.array([domain in domains for domain, _ in split], dtype=bool)
            entries.append(self._group(f"site.{name}", "kind of site", name, listed["title"],
                                    f"registered domain in a curated list of {len(domains)}",
                                    "only listed sites are found; most sites of the kind are not listed", codes, members))  # fmt: skip
        return entries

    def _group(self, id: str, family: str, name: str, title: str, method: str, error: str,
               codes: np.ndarray, members: np.ndarray) -> Group:  # fmt: skip
        inside = np.append(members, False)[codes]
        return Group.of(inside, id, family, name, title, method=method, error=error, source=self.id)


def host_codes(pool: Pool, progress: Progress) -> tuple[np.ndarray, list[str]]:
    """`(n,)` int32 number of each pair's host, -1 without one, and the hosts in lower case."""
    codes, numbering = np.empty(len(pool), dtype=np.int32), Numbering()
    for start, table in steps(pool, ["url"]):
        hosts = pc.struct_field(pc.extract_regex(text_array(table, "url"), HOST), "host")
        codes[start : start + len(hosts)] = numbering.of(pc.ascii_lower(hosts))
        progress(start + len(hosts), len(pool), "hosts of URLs")
    return codes, list(numbering.known)


@cache
def country_regions() -> dict[str, str]:
    """ISO 3166-1 country code -> UN region."""
    return {code: region for region, codes in _yaml("regions.yaml").items() for code in codes}


def _yaml(name: str) -> dict[str, Any]:
    import yaml

    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def number(names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Each name's number and the distinct names, in the order in which they are met."""
    coded = pa.array(names, pa.utf8()).dictionary_encode()
    return coded.indices.to_numpy().astype(np.int64), coded.dictionary.to_pylist()
