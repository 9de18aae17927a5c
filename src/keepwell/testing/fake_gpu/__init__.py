"""GPUs without a GPU: a stand-in driver library, stand-in programs and machines, all played from one description.

`card` and `machine` describe; `library` compiles the stand-in driver; `programs` writes nvidia-smi and its like;
`node` makes a node that keepwell surveys with its real probes; `scenarios` is the table of machines and faults.
`python -m keepwell.testing.fake_gpu` plays one.
"""

from keepwell.testing.fake_gpu.card import FakeCard
from keepwell.testing.fake_gpu.machine import FakeMachine
from keepwell.testing.fake_gpu.node import GpuNode, open_node

__all__ = ["FakeCard", "FakeMachine", "GpuNode", "open_node"]
