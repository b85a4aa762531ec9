"""What several verbs take, stated once."""

from __future__ import annotations

from inceptionkit.options import Argument, Callback, Option

MODEL = Argument(
    "Folder of a run or a model, a weights file, or an id such as torchvision/googlenet.", "MODEL"
)
MODEL_OR_IMAGES = Argument(
    f"{MODEL.help[:-1]}. Left out, it is the one that ships, inceptionkit/small.", "MODEL|PATH"
)
DATA = Argument("Labeled images, as `train` takes them.", "DATA")
IMAGES = Argument("Images, and folders of images.", "PATH")
INPUTS = Argument(
    "Images, folders of images, their addresses, @FILE with a name on each line, or - for "
    "standard input.",
    "PATH",
)
SETTINGS = Argument("Settings of the recipe, such as lr=0.05 flip=none.", "KEY=VALUE")
DEVICE = Option(
    "Device: cpu, gpu (the first one), cuda:1, ...",
    "DEVICE",
    default="a GPU if there is one",
    group="Machine",
)
THREADS = Option(
    "Number of threads of every engine.", default="one per CPU core", min=1, group="Machine"
)
WORKERS = Option("Number of decoding threads.", default="one per CPU core", min=1, group="Machine")
POOLED_EXITS = Option("Use global-average-pooling heads for exits, so that any input size works.")
EARLY_EXIT = Option(
    "Stop at the first exit whose confidence reaches this threshold (0 to 1); later layers are "
    "skipped. Without a number: follow the policy stored with the model.",
    "[CONFIDENCE]",
    bare="stored",
)
INPUT_SIZE = Option(
    "Side of the square input, pixels.", default="its own", min=1, also=("--input",)
)
IMAGE_COLUMN = Option(
    "Column of a table or a Parquet file that holds the images, or their paths.",
    "COLUMN",
    default="found by its name",
    group="Data",
)
LABEL_COLUMN = Option(
    "Column of a table or a Parquet file that holds the labels.",
    "COLUMN",
    default="found by its name",
    group="Data",
)
CLASSES = Option(
    "Classes to use, with commas between them.", "CLASS,...", default="all", group="Data"
)
MOVED_DATA = Option("Where the images are now, if they moved.", "DATA", default="where they were")
LOWEST_SCORE = Option("Lowest score of an object.", default="the detector's own", min=0, max=1)
REGION_EXIT = Option(
    "Confidence from which an R-CNN's classifiers answer at an exit.", "CONFIDENCE", min=0, max=1
)
LISTENER = Callback(
    "Called with messages and progress; None silences.",
    default="shown: lines in a script, a bar in a notebook",
)
ON_ANSWER = Callback("Called with the answer to each image as it comes.")
