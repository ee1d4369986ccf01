"""the same formulas in plain NumPy float64

An oracle, and nothing else: no PyTorch, no speed, each formula as it is written in the
book. Files and functions are named as in the library, where the shapes are documented;
the tests pair them by name and refuse a function that has no twin.
"""
