"""GPUs without a GPU: a stand-in driver library, stand-in programs and machines, all played from one description.

`card` and `machine` describe; `library` compiles the stand-in driver; `programs` writes nvidia-smi and its like;
`node` makes a node that keepwell surveys with its real probes; `scenarios` is the table of machines and faults.
`python -m keepwell.testing.fake_gpu` plays one. All but `node` needs the standard library alone, so that the
scripts for a machine with a GPU run there with little else.
"""
