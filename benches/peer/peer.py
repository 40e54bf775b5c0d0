#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What one would write otherwise: Python, OpenCV, the LiteRT interpreter and NumPy, on the same pictures.

Measures the way from a camera's bytes (YUYV) to the named product, as `cargo run --release --example frames -- measure`
does, and prints the same line; or, on a film, what each picture of a whole trip costs, as `... -- watch` does.

    pip install -r benches/peer/requirements.txt
    python benches/peer/peer.py target/frames [--threads N]
    python benches/peer/peer.py target/film [--threads N]
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


class Recogniser:
    """The model and the gallery, as any script would call them."""

    def __init__(self, options):
        self.model = Interpreter(options.model, num_threads=options.threads)
        self.model.allocate_tensors()
        self.taken, self.given = self.model.get_input_details()[0], self.model.get_output_details()[0]
        self.side, (self.scale, self.zero) = self.taken["shape"][1], self.given["quantization"]
        self.names, self.owners, self.vectors = gallery_of(options.gallery)
        self.inside, self.calls = 0.0, 0

    def embed(self, picture, left, top, width, height, margin=0.04, mirrored=False):
        """The vector of a square around a region; a mirrored one is flipped."""
        longer = round(max(width, height) * (1 + 2 * margin))
        x = min(max(left + (width - longer) // 2, 0), max(picture.shape[1] - longer, 0))
        y = min(max(top + (height - longer) // 2, 0), max(picture.shape[0] - longer, 0))
        crop = picture[y : y + longer, x : x + longer]
        crop = cv2.resize(crop, (self.side, self.side), interpolation=cv2.INTER_AREA)
        if mirrored:
            crop = cv2.flip(crop, 1)
        if self.taken["dtype"] == np.int8:
            crop = (crop.astype(np.int16) - 128).astype(np.int8)
        before = time.perf_counter()
        self.model.set_tensor(self.taken["index"], crop[None])
        self.model.invoke()
        embedding = self.model.get_tensor(self.given["index"])[0]
        self.inside += time.perf_counter() - before
        self.calls += 1
        if self.zero or self.scale:
            embedding = (embedding.astype(np.float32) - self.zero) * self.scale
        return embedding / np.linalg.norm(embedding)

    def search(self, embedding):
        """The five nearest products, best first."""
        best = np.full(len(self.names), -1.0, np.float32)
        np.maximum.at(best, self.owners, self.vectors @ embedding)
        five = np.argpartition(-best, 5)[:5]
        return [self.names[i] for i in five[np.argsort(-best[five])]]


def recognise(options, recogniser):
    """One recognised picture after the other."""
    rows = list(csv.DictReader((options.folder / "regions.csv").open()))
    pictures = [(options.folder / row["file"]).read_bytes() for row in rows]
    whole, inside, right = [], [], 0
    for turn in range(options.rounds + 1):
        for row, raw in zip(rows, pictures):
            recogniser.inside = 0.0
            began = time.perf_counter()
            picture = np.frombuffer(raw, np.uint8).reshape(480, 640, 2)
            picture = cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_YUYV)
            region = (int(row[k]) for k in ("left", "top", "width", "height"))
            named = recogniser.search(recogniser.embed(picture, *region))
            done = time.perf_counter()
            if turn:
                whole.append((done - began) * 1e3)
                inside.append(recogniser.inside * 1e3)
                right += named[0] == row["sku"]
    frame, inner = statistics.median(whole), statistics.median(inside)
    around = statistics.median(a - b for a, b in zip(whole, inside))
    return {
        "pictures": len(rows), "threads": options.threads, "frame_ms_p50": round(frame, 3), "model_ms_p50": round(inner, 3),
        "around_ms_p50": round(around, 3), "around_of_model": round(around / inner, 3), "top1": round(right / len(whole), 3)}


class Watcher:
    """Finds what changed as tutorials do: blurred grey pictures, their difference, a threshold, the largest contour."""

    def __init__(self, recogniser):
        self.recogniser = recogniser
        self.previous = self.still = None
        self.quiet, self.moved, self.since = 0, False, 0

    def see(self, raw):
        """The product that came in, once the view is still again after a movement."""
        yuyv = np.frombuffer(raw, np.uint8).reshape(480, 640, 2)
        picture = cv2.cvtColor(yuyv, cv2.COLOR_YUV2RGB_YUYV)
        grey = cv2.GaussianBlur(cv2.cvtColor(yuyv, cv2.COLOR_YUV2GRAY_YUYV), (21, 21), 0)
        previous, self.previous = self.previous, grey
        if previous is None:
            self.still = (grey, picture)
            return None
        _, moving = cv2.threshold(cv2.absdiff(previous, grey), 12, 255, cv2.THRESH_BINARY)
        if cv2.countNonZero(moving) > 200:
            self.quiet, self.moved = 0, True
            return None
        self.quiet += 1
        self.since += 1
        if self.quiet < 4:
            return None
        if not self.moved:
            if self.since >= 20:
                self.still, self.since = (grey, picture), 0
            return None
        self.moved, self.since = False, 0
        (grey_before, before), self.still = self.still, (grey, picture)
        _, changed = cv2.threshold(cv2.absdiff(grey_before, grey), 20, 255, cv2.THRESH_BINARY)
        changed = cv2.dilate(changed, None, iterations=2)
        contours, _ = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        largest = max(contours, key=cv2.contourArea, default=None)
        if largest is None or cv2.contourArea(largest) < 400:
            return None
        region = cv2.boundingRect(largest)
        embed, search = self.recogniser.embed, self.recogniser.search
        came_in, _went_out = [
            search(embed(shown, *region) + embed(shown, *region, margin=-0.16, mirrored=True))
            for shown in (picture, before)
        ]
        return came_in[0]


def watch(options, recogniser):
    """All pictures of a trip."""
    watcher, times, seen = Watcher(recogniser), [], []
    with (options.folder / "film.yuyv").open("rb") as film:
        while len(raw := film.read(640 * 480 * 2)) == 640 * 480 * 2:
            began = time.perf_counter()
            named = watcher.see(raw)
            times.append((time.perf_counter() - began) * 1e3)
            if named:
                seen.append((50 * (len(times) - 1), named))
    acts = list(csv.DictReader((options.folder / "acts.csv").open()))
    right = 0
    for act, after in zip(acts, [*acts[1:], {"ms": 1 << 60}]):
        during = [named for at, named in seen if int(act["ms"]) <= at < int(after["ms"])]
        right += act["way"] == "in" and during[-1:] == [act["sku"]]
    whole, count = sum(times), len(times)
    return {
        "pictures": count, "threads": options.threads, "picture_ms_mean": round(whole / count, 3),
        "without_model_ms_mean": round((whole - recogniser.inside * 1e3) / count, 3),
        "picture_ms_p50": round(statistics.median(times), 3), "model_calls": recogniser.calls, "sightings": len(seen),
        "put_in": sum(act["way"] == "in" for act in acts), "named": right}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--model", default="models/dashcart.tflite")
    options.add_argument("--gallery", default="models/gallery-shelf.bin")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    cv2.setNumThreads(options.threads)
    recogniser = Recogniser(options)
    task = watch if (options.folder / "film.yuyv").exists() else recognise
    print(json.dumps(task(options, recogniser)))


if __name__ == "__main__":
    main()
