#!/usr/bin/env python3
"""Measures a written model the way the cart uses it: embeddings, class means of the training photos, nearest by cosine.

Example, from the root of the project:
  python models/train/evaluate.py --data ../shared/data --model models/dashcart.tflite
  python models/train/evaluate.py --renders /tmp/renders   (their products join the gallery; a fifth of them is the test)
"""

import argparse
import pathlib
import threading
from concurrent import futures

import gallery
import numpy as np
import photos as pictures
import tensorflow as tf


def tflite_embed(path, threads):
    """The written file as a function of pictures, and its input side."""
    path, local = str(path), threading.local()

    def runner():
        # One single-threaded engine per thread: engines that share out one picture wait for each other on a busy machine.
        if not hasattr(local, "runner"):
            local.runner = tf.lite.Interpreter(path, num_threads=1)
            local.runner.allocate_tensors()
        return local.runner

    given, got = runner().get_input_details()[0], runner().get_output_details()[0]
    scale, zero = got["quantization"]
    side = int(given["shape"][1])

    def embed_one(image):
        engine = runner()
        engine.set_tensor(given["index"], pictures.whole(image, side)[None])
        engine.invoke()
        return (engine.get_tensor(got["index"])[0].astype(np.float32) - zero) * scale

    def embed(images):
        with futures.ThreadPoolExecutor(threads) as pool:
            return np.stack(list(pool.map(embed_one, images)))

    return embed


def evaluate_file(path, sets, train, threads=2, say=print):
    """Says the scores by gallery and the mistakes made most."""
    embed = tflite_embed(path, threads)
    entries = gallery.means(embed(train.images), train.labels, len(train.names))
    seen = {what: embed(photos.images) for what, photos in sets.items()}
    for what, photos in sets.items():
        result = gallery.scores(entries, seen[what], photos.labels, train.coarse)
        say(f"{path.name}, by gallery: {what}: {gallery.text(result, len(photos))}")
    for what, photos in sets.items():
        nearest = np.argmax(gallery.unit(seen[what]) @ entries.T, axis=1)
        pairs = {}
        for right, got in zip(photos.labels, nearest):
            if right != got:
                pair = f"{train.names[right]} taken for {train.names[got]}"
                pairs[pair] = pairs.get(pair, 0) + 1
        worst = sorted(pairs.items(), key=lambda item: -item[1])[:8]
        say(f"{what}: most frequent mistakes: " + "; ".join(f"{pair} ({count})" for pair, count in worst))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"), help="folder with grocery-store-dataset/ (default: %(default)s)")
    p.add_argument("--model", type=pathlib.Path, default=pathlib.Path("models/dashcart.tflite"), help="(default: %(default)s)")
    p.add_argument("--renders", type=pathlib.Path, help="folder <sku>/<nnn>.png of renders")
    p.add_argument("--threads", type=int, default=2)
    s = p.parse_args()
    train, val = pictures.load_split(s.data, "train"), pictures.load_split(s.data, "val")
    sets = {"val": val}
    if s.renders:
        renders = pictures.load_renders(s.renders)
        kept, held = pictures.split_folds(renders, 0)
        sets["held-out renders"] = pictures.joined(train.part([]), renders.part(held))
        train = pictures.joined(train, renders.part(kept))
    evaluate_file(s.model, sets, train, s.threads)


if __name__ == "__main__":
    main()
