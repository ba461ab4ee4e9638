"""torchmetrics: accuracy, F1, AUROC, confusion matrix, regression metrics, over several updates."""

import torchmetrics as m
from _values import integers, numbers, tell

metrics = {
    "accuracy": m.Accuracy(task="multiclass", num_classes=4),
    "f1": m.F1Score(task="multiclass", num_classes=4, average="macro"),
    "auroc": m.AUROC(task="multiclass", num_classes=4),
    "confusion": m.ConfusionMatrix(task="multiclass", num_classes=4),
    "precision": m.Precision(task="multiclass", num_classes=4, average="none"),
}
regression = {
    "mse": m.MeanSquaredError(),
    "r2": m.R2Score(),
    "pearson": m.PearsonCorrCoef(),
    "mae": m.MeanAbsoluteError(),
}
for i in range(3):
    scores, target = numbers(i, 20, 4).softmax(-1), integers(i, 4, 20)
    for metric in metrics.values():
        metric.update(scores, target)
    for metric in regression.values():
        metric.update(numbers(i, 20), numbers(i + 9, 20))
tell(**{name: metric.compute() for name, metric in (metrics | regression).items()})
