"""The 10 nearest rows to each query by faiss-cpu, exactly: prints the median time of a search and the rows.

    faiss_baseline.py ROWS.npy QUERIES.npy
"""

import json
import statistics
import sys
import time

import faiss
import numpy as np

SEARCHES = 9

rows, queries = map(np.load, sys.argv[1:3])
index = faiss.IndexFlatIP(rows.shape[1])
index.add(rows)
times = []
for _ in range(SEARCHES):
    start = time.perf_counter()
    _, nearest = index.search(queries, 10)
    times.append(time.perf_counter() - start)
print(json.dumps({"seconds": statistics.median(times), "nearest": nearest.tolist()}))
