"""From a call to a kernel: what an op is (``op.py``), the text of its front (``front.py``), and running
elementwise formulas (``program.py``). Knows no op by name; ``ops/`` is where they are.
"""
