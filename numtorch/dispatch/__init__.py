"""The way from a call to a kernel: what an op is (``op.py``, ``structured.py``, ``elementwise.py``), the function that
users call (``front.py``), and elementwise formulas (``program.py``). Knows no op by name; the ops are in ``ops/``.
"""
