#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What one would write otherwise: Python, OpenCV, the LiteRT interpreter and NumPy, on the same pictures.

Measures the way from a camera's bytes (YUYV) to the named product, as `cargo run --release --example frames -- measure`
does, and prints the same line.

    pip install -r benches/peer/requirements.txt
    python benches/peer/peer.py target/frames [--threads N]
"""

import argparse
import csv
import json
import pathlib
import statistics
import struct
import time

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter


def gallery_of(path):
    """Names of the products, and for each vector its product and its unit vector."""
    raw = pathlib.Path(path).read_bytes()
    at = 8 + 4 + 32
    dimension, products, entries = struct.unpack_from("<3I", raw, at)
    at += 12
    names = []
    for _ in range(products):
        (length,) = struct.unpack_from("<H", raw, at)
        names.append(raw[at + 2 : at + 2 + length].decode())
        at += 2 + length
    owners, vectors = np.empty(entries, int), np.empty((entries, dimension), np.float32)
    for entry in range(entries):
        owners[entry], step = struct.unpack_from("<If", raw, at)
        vectors[entry] = np.frombuffer(raw, np.int8, dimension, at + 8).astype(np.float32) * step
        at += 8 + dimension
    return names, owners, vectors


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--model", default="models/dashcart.tflite")
    options.add_argument("--gallery", default="models/gallery-shelf.bin")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    cv2.setNumThreads(options.threads)

    model = Interpreter(options.model, num_threads=options.threads)
    model.allocate_tensors()
    taken, given = model.get_input_details()[0], model.get_output_details()[0]
    side, (scale, zero) = taken["shape"][1], given["quantization"]
    names, owners, vectors = gallery_of(options.gallery)

    rows = list(csv.DictReader((options.folder / "regions.csv").open()))
    pictures = [(options.folder / row["file"]).read_bytes() for row in rows]
    whole, inside, right = [], [], 0
    for turn in range(options.rounds + 1):
        for row, raw in zip(rows, pictures):
            began = time.perf_counter()
            picture = np.frombuffer(raw, np.uint8).reshape(480, 640, 2)
            picture = cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_YUYV)
            left, top, width, height = (int(row[k]) for k in ("left", "top", "width", "height"))
            longer = round(max(width, height) * 1.08)
            x = min(max(left + (width - longer) // 2, 0), max(640 - longer, 0))
            y = min(max(top + (height - longer) // 2, 0), max(480 - longer, 0))
            crop = cv2.resize(picture[y : y + longer, x : x + longer], (side, side), interpolation=cv2.INTER_AREA)
            if taken["dtype"] == np.int8:
                crop = (crop.astype(np.int16) - 128).astype(np.int8)
            before = time.perf_counter()
            model.set_tensor(taken["index"], crop[None])
            model.invoke()
            embedding = model.get_tensor(given["index"])[0]
            after = time.perf_counter()
            if zero or scale:
                embedding = (embedding.astype(np.float32) - zero) * scale
            embedding /= np.linalg.norm(embedding)
            scores = vectors @ embedding
            best = np.full(len(names), -1.0, np.float32)
            np.maximum.at(best, owners, scores)
            five = np.argpartition(-best, 5)[:5]
            named = [names[i] for i in five[np.argsort(-best[five])]]
            done = time.perf_counter()
            if turn:
                whole.append((done - began) * 1e3)
                inside.append((after - before) * 1e3)
                right += named[0] == row["sku"]
    frame, inner = statistics.median(whole), statistics.median(inside)
    around = statistics.median(a - b for a, b in zip(whole, inside))
    print(json.dumps({
        "pictures": len(rows), "threads": options.threads, "frame_ms_p50": round(frame, 3), "model_ms_p50": round(inner, 3),
        "around_ms_p50": round(around, 3), "around_of_model": round(around / inner, 3), "top1": round(right / len(whole), 3)}))


if __name__ == "__main__":
    main()
