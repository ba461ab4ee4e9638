"""skorch: a classifier is fitted, pickled, and searched by scikit-learn's GridSearchCV."""

import pickle

import numpy as np
import torch
from _values import fill, tell
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier


class Net(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.body = fill(torch.nn.Sequential(torch.nn.Linear(2, width), torch.nn.ReLU(), torch.nn.Linear(width, 2)))

    def forward(self, x):
        return self.body(x).softmax(-1)


x = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)
y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
some = {"train_split": None, "verbose": 0, "optimizer": torch.optim.Adam, "iterator_train__shuffle": False}
net = NeuralNetClassifier(Net, max_epochs=5, lr=0.05, **some).fit(x, y)
again = pickle.loads(pickle.dumps(net))
search = GridSearchCV(net, {"lr": [0.001, 0.05], "module__width": [2, 8]}, cv=2, scoring="accuracy").fit(x, y)
tell(
    losses=net.history[:, "train_loss"],
    same=bool(np.array_equal(again.predict_proba(x), net.predict_proba(x))),
    scores=search.cv_results_["mean_test_score"],
)
