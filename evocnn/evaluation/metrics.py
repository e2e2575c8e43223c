"""What is measured of every candidate that trained without failure: raw figures, by name."""

METRICS = {
    "validation_accuracy": "share of validation images classified rightly after the last epoch",
    "training_accuracy": "the same, in eval mode, on as many training images",
    "generalization_gap": "training minus validation accuracy, at least 0",
    "validation_loss": "mean cross-entropy on the validation images",
    "parameters": "trained values",
    "flops": "floating-point operations for one image, forward",
    "model_bytes": "bytes of the weights as they are saved: parameters and buffers, float32",
    "activation_memory": "most bytes of feature maps at once, for one image in inference, float32",
    "epochs": "epochs trained, fewer than asked for after an early stop",
    "lineage_epochs": "the same along the line of donors whose weights it started from, its own included",
    "training_seconds": "wall-clock seconds of training over all rungs, validation after each epoch "
    "included; of lanes on a GPU, the turns of the others too",
    "latency": "median seconds for a batch in inference; `latency_spread` is the interquartile range",
}
# Read off a clock, where an experiment selects them: a run that does repeats through its journal alone.
TIMED = ("training_seconds", "latency")
# Shares of images, and their difference: one unit, so that a point of one weighs no more than one of another.
SHARES = ("validation_accuracy", "training_accuracy", "generalization_gap")
# What training does not change: known of a candidate as soon as it is looked at.
UNTRAINED = ("parameters", "flops", "model_bytes", "activation_memory", "latency")
