"""Tools around training: ``numtorch.utils.data`` feeds batches to it."""
