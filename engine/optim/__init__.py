"""`torch.optim`: optimizers, equal to torch's step by step."""

from engine.optim.adagrad import Adagrad
from engine.optim.adam import Adam, AdamW
from engine.optim.lbfgs import LBFGS
from engine.optim.optimizer import Optimizer
from engine.optim.rmsprop import RMSprop
from engine.optim.sgd import SGD

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]
