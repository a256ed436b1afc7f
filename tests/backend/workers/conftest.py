"""One simulated Ray cluster of three nodes for all tests of this folder: starting it and its workers takes seconds."""

from collections.abc import Iterator
from typing import Any

import pytest

MEMORY = 80 * 2**20
QUIET = {"enable_worker_prestart": False, "prestart_worker_first_driver": False, "enable_metrics_collection": False}


@pytest.fixture(scope="package")  # not the session: its idle processes would poll beside all other tests
def cluster() -> Iterator[Any]:
    """A head without GPUs and two nodes that declare one GPU each; a worker starts when a unit needs it."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY, "_system_config": QUIET}
    simulated = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        simulated.add_node(num_cpus=1, num_gpus=1, object_store_memory=MEMORY, wait=False)
    simulated.wait_for_nodes(timeout=240)
    ray.init(address=simulated.address, logging_level="error", log_to_driver=False, configure_logging=False)
    yield simulated
    ray.shutdown()
    simulated.shutdown()
