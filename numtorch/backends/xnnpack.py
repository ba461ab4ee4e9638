"""``torch.backends.xnnpack``: a library that is not used here."""

enabled = False
