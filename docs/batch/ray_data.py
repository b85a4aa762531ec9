"""Classify image files with Ray Data: python ray_data.py MODEL IMAGES OUT [WORKERS]."""

import sys

import pyarrow as pa
import ray

from inceptionkit.batch import Classifier

model, images, out, *workers = sys.argv[1:]
waits = {"num_cpus": 0.1}  # of what reads and writes: beside workers on every core it finds room
files = ray.data.read_binary_files(images, include_paths=True, ray_remote_args=waits)
answers = files.map_batches(
    Classifier,
    fn_constructor_args=[model],
    batch_size=128,
    compute=ray.data.ActorPoolStrategy(size=int(workers[0]) if workers else 2),
    num_cpus=0.9,
)
text = pa.string()  # in a part without an error, too, whose type nobody could tell
columns = {"path": text, "label": text, "probability": pa.float32(), "exit": text, "error": text}
answers.write_parquet(out, schema=pa.schema(columns), ray_remote_args=waits)
