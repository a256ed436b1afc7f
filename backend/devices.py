"""Which slot a job takes, so that two on one device wait for each other."""

from pathlib import Path


def slot(device: str = "auto") -> str:
    """The job slot of a compute device: for auto the first GPU if there is one, else the CPU."""
    if device.startswith("cuda:") and device[5:].isdigit():
        return f"gpu:{device[5:]}"
    gpu = any(Path("/dev").glob("nvidia[0-9]*"))
    return "gpu:0" if device == "cuda" or (device == "auto" and gpu) else "cpu"
