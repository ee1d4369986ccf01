"""the same formulas in plain NumPy float64

An oracle, and nothing else: no PyTorch, no speed, each formula as it is written in the
book. Files and functions are named as in the library, where the shapes are documented;
the tests pair them by name and refuse a function that has no twin.

What autograd spares the library stands here as well. `f_backward` takes the gradient
of what f gave, and then what f was given; it returns the gradient of each tensor among
that. ∂x, in code dx, stands for ∂ℒ/∂x, an array in the shape of x: how much the loss
rises when a number in x does. Under each rule stands its derivation, where δx is a
small change of x: whatever stands before δx in δℒ, number by number, is ∂x. Nothing is
kept from the forward pass. A rule that needs a number computes it again, so that each
can be read, and tried, by itself.

From these rules `block.py` and `model.py` build a whole transformer that learns.
"""
