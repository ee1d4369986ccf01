"""what came back is no answer at all"""


class Unusable(Exception):
    """The message says why, to whoever wrote the function."""
