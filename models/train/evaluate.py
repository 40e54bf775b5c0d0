#!/usr/bin/env python3
"""Measures a written model the way the cart uses it: embeddings, a gallery of the training photos, nearest by cosine.

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
from ai_edge_litert.interpreter import Interpreter


def tflite_embed(path, threads):
    """The written file as a function of pictures, and its input side."""
    path, local = str(path), threading.local()

    def runner():
        # One single-threaded engine per thread: engines that share out one picture wait for each other on a busy machine.
        if not hasattr(local, "runner"):
            local.runner = Interpreter(path, num_threads=1)
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


def seen_like_the_cart(photos, seed=1):
    """The same photos as the cart's camera might show them."""
    rng = np.random.default_rng(seed)
    others = [[photos.images[i] for i in rng.integers(len(photos), size=3)] for _ in photos.images]
    images = [pictures.seen(image, 320, rng, o) for image, o in zip(photos.images, others)]
    return pictures.Photos(images, photos.labels, photos.names, photos.coarse)


def evaluate_file(path, sets, train, vectors=None, threads=2, say=print):
    """Says the scores by gallery and the mistakes made most; `vectors` are those of the classifier that trained the model."""
    embed = tflite_embed(path, threads)
    sets = {**sets, "val as seen": seen_like_the_cart(sets["val"])}
    means = gallery.means(embed(train.images), train.labels, len(train.names))
    galleries = {"means": (means, np.arange(len(means)))}
    if vectors is not None:
        galleries["class vectors"] = (gallery.unit(vectors), np.arange(len(means)))
        galleries["both"] = (np.concatenate([means, gallery.unit(vectors)]), np.tile(np.arange(len(means)), 2))
    shown = {what: gallery.unit(embed(photos.images)) for what, photos in sets.items()}
    for name, (entries, owners) in galleries.items():
        for what, photos in sets.items():
            similar = gallery.by_product(shown[what] @ entries.T, owners)
            scale, loss = gallery.best_scale(similar, photos.labels)
            say(f"{path.name}, gallery of {name}: {what}: {gallery.text(gallery.scores_of(similar, photos.labels, train.coarse), len(photos))}, "
                f"coverage at 99 % {100 * gallery.coverage(similar, photos.labels):.0f} %, best scale {scale} (log loss {loss:.2f})")
    entries, owners = galleries[list(galleries)[-1]]
    for what, photos in sets.items():
        nearest = gallery.by_product(shown[what] @ entries.T, owners).argmax(1)
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
    p.add_argument("--vectors", type=pathlib.Path, default=pathlib.Path("models/class-vectors.bin"), help="(default: %(default)s)")
    p.add_argument("--renders", type=pathlib.Path, help="folder <sku>/<nnn>.png of renders")
    p.add_argument("--crops", type=pathlib.Path, nargs="*", default=[], help="folders <sku>/<nnn>.png to measure only, of products that are known")
    p.add_argument("--threads", type=int, default=2)
    s = p.parse_args()
    train, val = pictures.load_split(s.data, "train"), pictures.load_split(s.data, "val")
    sets = {"val": val}
    if s.renders:
        renders = pictures.load_renders(s.renders)
        kept, held = pictures.a_fifth(renders)
        sets["held-out renders"] = pictures.joined(train.part([]), renders.part(held))
        train = pictures.joined(train, renders.part(kept))
    for folder in s.crops:
        crops = pictures.joined(train.part([]), pictures.load_renders(folder))
        if len(crops.names) > len(train.names):
            p.error(f"{folder} holds products that are not known: {', '.join(crops.names[len(train.names):][:4])}")
        sets[folder.name] = crops
    vectors = gallery.load(s.vectors, train.names) if s.vectors.exists() else None
    evaluate_file(s.model, sets, train, vectors, s.threads)


if __name__ == "__main__":
    main()
