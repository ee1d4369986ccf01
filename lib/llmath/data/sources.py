"""states → symbols: a language whose every probability is known

A source stands in a state, gives a symbol with the probabilities of that state, and
the symbol decides the next state. Who knows the first state and the symbols so far
knows the state: what a perfect model can predict, and what it cannot, is then a sum
over states, not over all texts. Shannon 1948, §§4–7
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from llmath.border import count, of_kind

Chances = Float[np.ndarray, "states V"]
Ids = Integer[np.ndarray, "B T"]


@dataclass(frozen=True, eq=False)
class Source:
    """p(x_t | x_1 … x_{t−1}) = p(x_t | s_t), s_{t+1} = next   {eq:source-surprisal}

    So ℍ(X_t | X_1 … X_{t−1}) = Σ_s P(s_t = s) ℍ(X | s)   {eq:conditional-entropy}
    and ℍ(X_1 … X_T) is their sum   {eq:block-entropy}; Shannon 1948, §7.

    `emission[s, x]` is the chance of symbol x in state s, `next_state[s, x]` where it
    leads. Every text begins in the state `start`; ids are places in `symbols`.

    Rows that do not add up to 1, and states that are not there or no whole numbers,
    raise a ValueError.
    """

    symbols: tuple[str, ...]
    emission: Chances
    next_state: Integer[np.ndarray, "states V"]
    start: int = 0

    def __post_init__(self) -> None:
        of_kind(np.ndarray, emission=self.emission, next_state=self.next_state)
        count(0, start=self.start)
        if not np.issubdtype(self.next_state.dtype, np.integer):
            raise ValueError(
                f"next_state counts states in whole numbers, got "
                f"{self.next_state.dtype}: next_state.astype(int)"
            )
        shape = self.emission.shape
        if shape != self.next_state.shape or shape[1:] != (len(self.symbols),):
            raise ValueError(
                f"states × symbols: {len(self.symbols)} symbols, but chances of shape "
                f"{shape} and next states of shape {self.next_state.shape}"
            )
        _check_rows(self.emission)
        possible = self.next_state[self.emission > 0]
        for states in (possible, np.array([self.start])):
            if states.min() < 0 or states.max() >= shape[0]:
                raise ValueError(
                    f"states are counted from 0 to {shape[0] - 1}; there is one that "
                    f"leads to {states.min() if states.min() < 0 else states.max()}"
                )

    @property
    def vocab_size(self) -> int:
        return len(self.symbols)

    def sample(self, T: int, B: int = 1, *, generator: np.random.Generator) -> Ids:
        """B texts of T symbols, each from the first state on: (B, T), int64.

        A symbol is the first whose cumulated chance exceeds a number drawn from [0, 1).

        Sizes below 1 and what is no generator raise a ValueError.
        """
        count(T=T, B=B)
        of_kind(np.random.Generator, generator=generator)
        up_to = np.cumsum(self.emission, axis=1)
        up_to /= up_to[:, -1:]  # the last is 1 in spite of rounding
        ids, states = np.empty((B, T), np.int64), np.full(B, self.start)
        for t in range(T):
            drawn = generator.random((B, 1))
            ids[:, t] = (up_to[states] > drawn).argmax(axis=1)
            states = self.next_state[states, ids[:, t]]
        return ids

    def surprisal(self, ids: Ids) -> Float[np.ndarray, "B T"]:
        """−log p(x_t | s_t), s_{t+1} = next(s_t, x_t), in nats

        What the best possible model would lose; ∞ for a symbol that the
        language does not allow at that place, and 0 for all that follows it.

        Ids that are no symbols, or no rows of whole numbers, raise a ValueError.
        """
        of_kind(np.ndarray, ids=ids)
        if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(
                f"ids are rows of whole numbers, (B, T); got shape {ids.shape} in "
                f"{ids.dtype}: one text is ids[None]"
            )
        if ids.size and not 0 <= ids.min() <= ids.max() < self.vocab_size:
            raise ValueError(
                f"symbols are counted from 0 to {self.vocab_size - 1}, got "
                f"{ids.min()} … {ids.max()}"
            )
        lost = np.zeros(ids.shape)
        states, sound = np.full(len(ids), self.start), np.ones(len(ids), bool)
        for t, x in enumerate(ids.T):
            chance = np.where(sound, self.emission[states, x], 1.0)
            with np.errstate(divide="ignore"):
                lost[:, t] = -np.log(chance)
            sound &= chance > 0
            states = np.where(sound, self.next_state[states, x], self.start)
        return lost

    def conditional_entropies(self, T: int) -> Float[np.ndarray, " T"]:
        """ℍ(X_t | X_1 … X_{t−1}) = Σ_s P(s_t = s) ℍ(X | s)

        For t = 1 … T, in nats; the chances of the states are carried on, symbol by
        symbol. Shannon 1948, §7

        A T below 1 raises a ValueError.
        """
        count(T=T)
        of_state = _entropies(self.emission)
        states, found = np.zeros(len(of_state)), np.empty(T)
        states[self.start] = 1
        for t in range(T):
            found[t] = states @ of_state
            states = self._one_on(states)
        return found

    def block_entropy(self, T: int) -> float:
        """ℍ(X_1 … X_T) = Σ_t ℍ(X_t | X_1 … X_{t−1})

        In nats, by the chain rule. Divided by T it is the lowest loss per symbol that
        a model can reach on windows which begin at the first state.

        A T below 1 raises a ValueError.
        """
        return float(self.conditional_entropies(T).sum())

    def text(self, ids: Integer[np.ndarray, " T"], between: str = "") -> str:
        """The symbols of one row, in their own spelling."""
        return between.join(self.symbols[i] for i in ids)

    def _one_on(
        self, states: Float[np.ndarray, " states"]
    ) -> Float[np.ndarray, " states"]:
        reached = states > 0
        flow = states[reached, None] * self.emission[reached]
        to = np.where(flow > 0, self.next_state[reached], 0)
        return np.bincount(to.ravel(), flow.ravel(), minlength=len(states))


def _entropies(chances: Chances) -> Float[np.ndarray, " states"]:
    """ℍ(X | s) = −Σ_x p log p, where 0 log 0 = 0"""
    logs = np.log(chances, where=chances > 0, out=np.zeros_like(chances))
    return -(chances * logs).sum(axis=1)


def _check_rows(chances: Chances) -> None:
    total = chances.sum(axis=-1)
    if not (chances >= 0).all() or not np.allclose(total, 1, rtol=0, atol=1e-9):
        raise ValueError(
            f"each row of chances is at least 0 and adds up to 1; there is a "
            f"{chances.min():g}, and rows add up to {total.min():g} … {total.max():g}"
        )
