"""What is measured of every candidate that trained without failure: raw figures, by name."""

METRICS = {
    "validation_accuracy": "share of validation images classified rightly after the last epoch",
    "training_accuracy": "the same, in eval mode, on as many training images",
    "generalization_gap": "training minus validation accuracy, at least 0",
    "validation_loss": "mean cross-entropy on the validation images",
    "parameters": "trained values",
    "flops": "floating-point operations for one image, forward",
    "epochs": "epochs trained, fewer than asked for after an early stop",
}
