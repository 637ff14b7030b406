"""Triton kernels for NVIDIA GPUs: labels and losses of upsampled scores, which are computed and used in registers.

What a GPU pays for is memory: 150 classes of 16 pictures at 473 x 473 are 2.1 GB in float32, written once and read
several times by the plain forms. Here the small map alone is read, and what is written has one value a pixel, or the
small map's size. All sums have an order of their own (no atomics), so the same input gives the same bits; no number is
read back to the host, nor is anything copied to the device, so that the launches can be captured in a graph.

Nothing here imports Triton before `usable.usable` says that the kernels can run.
"""
