"""Classify image files with Spark: spark-submit spark.py MODEL IMAGES OUT."""

import sys

from pyspark.sql import SparkSession

from inceptionkit.batch import Classifier

model, images, out = sys.argv[1:]
spark = SparkSession.builder.appName("classify").getOrCreate()
# a task has a batch of images in memory, not its whole part
spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 128)
files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(images)
answers = files.select("path", "content").mapInPandas(
    Classifier(model), schema=f"path string, {Classifier.ANSWER}"
)
answers.write.parquet(out)
