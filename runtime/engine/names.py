"""Names for containers that were given none: an adjective and the name of a discoverer."""

from __future__ import annotations

import os
from typing import Final

_ADJECTIVES: Final = (
    "able amber apt bold brave breezy bright brisk calm candid chatty cheery civil clear clever cosy crisp curious deft"
    " eager early earnest easy elated fair fancy fast fine fit fleet fluent fond frank free fresh gentle glad golden"
    " good grand handy happy hardy hearty honest jolly keen lively loyal lucid lucky mellow merry mild modest neat"
    " nimble noble open patient placid plucky polite prime proud quick quiet rapid ready ripe robust rosy serene sharp"
    " silent silver sleek smart snug sober solid spry steady still stoic subtle sunny swift tender tidy true upbeat"
    " valiant vivid warm wary wise witty young zesty"
)
_SURNAMES: Final = (
    "abel agnesi ampere arago avogadro babbage banach bernoulli bohr boole bose boyle brahe cantor carson cauchy"
    " chandrasekhar clarke copernicus coulomb curie darwin dedekind descartes dirac dijkstra einstein engelbart erdos"
    " euclid euler faraday fermat fermi feynman fibonacci fourier franklin galilei galois gauss germain gibbs godel"
    " goodall haber hamilton heisenberg hermite herschel hertz hilbert hooke hopper hubble huygens hypatia jacobi joule"
    " kepler kolmogorov kovalevskaya lagrange lamarr laplace lavoisier leavitt leibniz linnaeus lovelace mach maxwell"
    " mcclintock meitner mendel mendeleev mirzakhani morse napier newton nightingale noether ohm pascal pasteur"
    " pauli payne perlman planck poincare ptolemy pythagoras raman ramanujan riemann ritchie rontgen rubin rutherford"
    " sagan shannon snow somerville tereshkova tesla thales thompson torvalds turing vaughan volta wallace watt weil"
    " wiles wing wozniak wright wu yonath zeno"
)


def name(attempt: int = 0) -> str:
    """A name; after some attempts that were taken, with a number behind it."""
    made = f"{_one(_ADJECTIVES.split())}_{_one(_SURNAMES.split())}"
    return made if attempt < 6 else f"{made}{int.from_bytes(os.urandom(4)) % 10**attempt}"


def _one(words: list[str]) -> str:
    return words[int.from_bytes(os.urandom(4)) % len(words)]
