"""Versions: Python and every package that decides a result, as recorded beside every output and in every run."""

import platform
from importlib.metadata import PackageNotFoundError, version

__version__ = "0.1.0"

PACKAGES = (
    "poolscope",
    "torch",
    "torchvision",
    "open_clip_torch",
    "timm",
    "webdataset",
    "lancedb",
    "pylance",
    "numpy",
    "scipy",
    "pyarrow",
    "pillow",
    "faiss-cpu",
    "umap-learn",
)


def versions() -> dict[str, str]:
    """Installed versions by package name; packages that are not installed are left out.

    >>> sorted(versions())[:2]
    ['faiss-cpu', 'lancedb']
    """
    by_name = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            by_name[package] = version(package)
        except PackageNotFoundError:
            continue
    return by_name
