"""Where labelled images come from: folders, manifests, Parquet, WebDataset, archives."""
