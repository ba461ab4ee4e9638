"""``torch.backends.quantized``: which library computes with quantized types, of which there are none here.

Attributes:
    engine: the name of the library, ``"none"``.
    supported_engines: all that there are.
"""

engine = "none"
supported_engines = ["none"]
