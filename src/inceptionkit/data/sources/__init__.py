"""Where labeled images come from: folders, manifests, Parquet, WebDataset, archives."""
