"""ids → vectors: a row of the table for each token"""

import numpy as np


def embed(ids, table):
    """x_t = onehot(id_t) W_E"""
    return np.eye(len(table))[ids] @ table
