"""tokenizer → what goes wrong in its algorithms, file by file as they stand there"""

from collections.abc import Mapping
from types import MappingProxyType

from llmath.mistakes.slips import Exercise
from llmath.mistakes.tokenizer.merging import MERGING
from llmath.mistakes.tokenizer.training import TRAINING

TOKENIZER: Mapping[str, Exercise] = MappingProxyType({**TRAINING, **MERGING})
