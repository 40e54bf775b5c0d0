#!/usr/bin/env python3
"""Trains the recognition model of the cart and writes it as an int8 TFLite file.

Four stages, one command:
  1. photos    fine-tune the backbone on the training photos (with batch normalisation, averaged weights)
  2. renders   only with --renders: continue on photos and renders together
  3. quantise  fold batch normalisation, continue with simulated 8-bit numbers and learned ranges
  4. write     put the int8 numbers into the backbone's own TFLite graph and evaluate the file by gallery

Example, from the root of the project:
  python models/train/train.py --data ../shared/data --out models/dashcart.tflite
  python models/train/train.py --start models/train/work/photos.npz --renders /tmp/renders

Stages 1 to 3 leave photos.npz, renders.npz and quantised.npz in --work; --start continues from one of the first two.
"""

import argparse
import pathlib
import sys
import time

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gallery  # noqa: E402
import photos as pictures  # noqa: E402
from evaluate import evaluate_file  # noqa: E402
from network import STEMS, Network, Stem  # noqa: E402


def options():
    here = pathlib.Path(__file__).parent
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"), help="folder with grocery-store-dataset/ and backbone/ (default: %(default)s)")
    p.add_argument("--out", type=pathlib.Path, default=here.parent / "dashcart.tflite", help="the model to write (default: %(default)s)")
    p.add_argument("--labels", type=pathlib.Path, help="labels.csv to write too (default: beside --out)")
    p.add_argument("--work", type=pathlib.Path, default=here / "work", help="checkpoints (default: %(default)s)")
    p.add_argument("--start", type=pathlib.Path, help="continue from this checkpoint: stage 1 is skipped")
    p.add_argument("--renders", type=pathlib.Path, help="folder <sku>/<nnn>.png of renders for stage 2")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--size", type=int, default=192, help="length of the embedding (default: %(default)s)")
    p.add_argument("--side", type=int, default=256, help="input side of the written model (default: %(default)s)")
    p.add_argument("--train-side", type=int, default=224, help="input side in stages 1 and 2 (default: %(default)s)")
    p.add_argument("--stem", choices=list(STEMS), default="block2", help="blocks that stay as they are (default: %(default)s)")
    p.add_argument("--epochs", type=int, default=20, help="stage 1 (default: %(default)s)")
    p.add_argument("--render-epochs", type=int, default=4, help="stage 2 (default: %(default)s)")
    p.add_argument("--quantise-epochs", type=int, default=3, help="stage 3 (default: %(default)s)")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--rate", type=float, default=7e-4, help="top learning rate of stage 1 (default: %(default)s)")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--hold-out", type=int, metavar="K", help="hold a fifth of the training photos back: fold K of 0..4, "
                   "runs of neighbouring numbers, since neighbours show one scene; the held-out photos are evaluated too")
    s = p.parse_args()
    s.backbone = next((s.data / "backbone").glob("*.tflite"), None)
    if s.backbone is None:
        p.error(f"no backbone/*.tflite under {s.data}: pass the data folder with --data")
    s.labels = s.labels or s.out.parent / "labels.csv"
    s.work.mkdir(parents=True, exist_ok=True)
    return s


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


class Averages:
    """Averages of the weights over the last steps, kept beside the weights."""

    def __init__(self, variables, decay=0.995):
        self.pairs = [(v, tf.Variable(v)) for v in variables]
        self.decay, self.step = decay, tf.Variable(0.0)

    def follow(self):
        self.step.assign_add(1.0)
        decay = tf.minimum(self.decay, (1 + self.step) / (10 + self.step))
        for variable, average in self.pairs:
            average.assign(average * decay + variable * (1 - decay))

    def swap(self):
        for variable, average in self.pairs:
            value = variable.numpy()
            variable.assign(average)
            average.assign(value)


def loss_of(embedding, head, labels, groups, smoothing=0.1, margin=0.1, scale=16.0):
    """Cosine softmax with a margin over the products, plus a third of it over the coarse classes."""
    cosine = tf.math.l2_normalize(embedding, -1) @ tf.math.l2_normalize(head, 0)
    logits = scale * (cosine - margin * labels)
    soft = labels * (1 - smoothing) + smoothing / labels.shape[1]
    log_fine = tf.nn.log_softmax(logits)
    fine = -tf.reduce_sum(soft * log_fine, -1)
    log_coarse = tf.math.log(tf.exp(log_fine) @ groups + 1e-7)
    coarse = -tf.reduce_sum((labels @ groups) * log_coarse, -1)
    return tf.reduce_mean(fine + 0.3 * coarse)


def fit(net, head, train, settings, *, stem, side, epochs, rate, head_rate, embed, mix, decay=0.02, check=None, average=True):
    """One stage of training: AdamW, cosine rates with a short warm-up, averaged weights at the end."""
    groups = tf.one_hot(train.coarse, int(train.coarse.max()) + 1)
    body, fast, ranges = [], [head], []
    for name, v in net.v.items():
        if name.startswith(("mean", "var", "scale")):
            continue
        (ranges if name.startswith(("low", "high")) else fast if name.endswith("_embed") else body).append(v)
    steps = max(1, len(train) // settings.batch) * epochs
    groups_of = [(body, rate, decay), (fast, head_rate, decay), (ranges, 2e-3, 0.0)]
    optimizers = []
    for variables, top, wd in groups_of:
        if not variables:
            continue
        schedule = tf.keras.optimizers.schedules.CosineDecay(top * 0.05, steps, alpha=0.005, warmup_target=top, warmup_steps=min(60, steps // 10))
        optimizer = tf.keras.optimizers.AdamW(schedule, weight_decay=wd, global_clipnorm=5.0)
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "b_embed"])
        optimizer.build(variables)
        optimizers.append((optimizer, variables))
    averages = Averages([v for _, vs in optimizers for v in vs])

    @tf.function(jit_compile=False)
    def step(x, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(embed(x), head, labels, groups)
        gradients = tape.gradient(loss, [v for _, vs in optimizers for v in vs])
        at = 0
        for optimizer, variables in optimizers:
            optimizer.apply_gradients(zip(gradients[at : at + len(variables)], variables))
            at += len(variables)
        averages.follow()
        return loss

    batches = pictures.Batches(train, settings, stem, side, mix=mix)
    begun, total = time.time(), 0.0
    for number, (x, labels) in enumerate(batches, 1):
        total += float(step(x, labels))
        per_epoch = steps // epochs
        if number % (per_epoch // 2) == 0:
            spent = time.time() - begun
            say(f"step {number}/{steps}, epoch {number / per_epoch:.1f}, loss {total / (per_epoch // 2):.3f}, "
                f"{spent / number:.2f} s a step, {spent * (steps / number - 1) / 60:.1f} min left")
            total = 0.0
        if check and number % (3 * per_epoch) == 0 and number < steps:
            averages.swap()
            check()
            averages.swap()
        if number == steps:
            break
    batches.close()
    if average:
        averages.swap()


def features(photos, stem, side, flipped=False):
    """Stem features of whole pictures."""
    out = []
    for image in photos.images:
        image = pictures.whole(image, side)
        out.append(image[:, ::-1].copy() if flipped else image)
    return stem(out)


def embed_all(embed, x, batch=40):
    call = tf.function(embed, reduce_retracing=True)
    return np.concatenate([call(x[i : i + batch]).numpy() for i in range(0, len(x), batch)])


def by_head(name, embed, head, x, photos, train):
    """Quick scores, with the head's weights in the gallery's place."""
    entries = gallery.unit(head.numpy().T)
    say(f"{name}, by the head's weights: {gallery.text(gallery.scores(entries, embed_all(embed, x), photos.labels, train.coarse), len(photos))}")


def evaluate(name, embed, sets, train_x, train):
    """Gallery of the training photos' means, then the scores of each set."""
    entries = gallery.means(embed_all(embed, train_x), train.labels, len(train.names))
    for what, (x, photos) in sets.items():
        say(f"{name}: {what}: {gallery.text(gallery.scores(entries, embed_all(embed, x), photos.labels, train.coarse), len(photos))}")


def save(path, net, head):
    np.savez(path, head=head.numpy(), **net.state())


def main():
    s = options()
    tf.config.threading.set_intra_op_parallelism_threads(s.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.random.set_seed(s.seed)
    train, val = pictures.load_split(s.data, "train"), pictures.load_split(s.data, "val")
    sets = {"val": val}
    if s.hold_out is not None:
        kept, held = pictures.split_folds(train, s.hold_out)
        sets["held out"] = train.part(held)
        train = train.part(kept)
    say(f"{len(train)} training photos of {len(train.names)} products, " + ", ".join(f"{len(v)} {k}" for k, v in sets.items()))

    net = Network(s.backbone, s.stem, s.size)
    stem = Stem(s.backbone, s.stem, s.train_side, s.work)
    rng = np.random.default_rng(s.seed)
    some = train.part(rng.choice(len(train), 320, replace=False))
    val_x = features(val, stem, s.train_side)
    if s.start:
        state = dict(np.load(s.start))
        head = tf.Variable(state.pop("head"), name="head")
        net.load(state)
    else:
        net.unfold(features(some, stem, s.train_side))
        head = tf.Variable(rng.normal(0, 1, (s.size, len(train.names))).astype(np.float32) / s.size**0.5, name="head")

        fit(net, head, train, s, stem=s.stem, side=s.train_side, epochs=s.epochs, rate=s.rate, head_rate=3 * s.rate,
            embed=lambda x: net.normalised(x, True, dropout=0.2), mix=0.3,
            check=lambda: by_head("val", lambda x: net.normalised(x, False), head, val_x, val, train))
        save(s.work / "photos.npz", net, head)

    if s.renders:
        renders = pictures.load_renders(s.renders)
        kept, held = pictures.split_folds(renders, 0)
        shift = len(train.names)
        both, held_renders = pictures.joined(train, renders.part(kept)), pictures.joined(train.part([]), renders.part(held))
        say(f"{len(renders)} renders of {len(renders.names)} products, {len(held)} of them held out")
        if head.shape[1] == shift:
            out = embed_all(lambda x: net.normalised(x, False), features(renders.part(kept), stem, s.train_side))
            new = gallery.means(out, renders.labels[kept], len(renders.names)).T * np.linalg.norm(head.numpy(), axis=0).mean()
            head = tf.Variable(np.concatenate([head.numpy(), new], 1).astype(np.float32), name="head")
            fit(net, head, both, s, stem=s.stem, side=s.train_side, epochs=s.render_epochs, rate=s.rate * 0.4, head_rate=s.rate,
                embed=lambda x: net.normalised(x, True, dropout=0.2), mix=0.2)
            save(s.work / "renders.npz", net, head)
        train = both
        sets["held-out renders"] = held_renders

    # The ranges start from those of whole pictures at the side the cart uses.
    final = Stem(s.backbone, s.stem, s.side, s.work)
    some = train.part(rng.choice(len(train), min(len(train), 320), replace=False))
    some_x = features(some, final, s.side)
    final_val = features(val, final, s.side)
    net.fold()
    folded = net.state()
    net.calibrate([some_x[i : i + 40] for i in range(0, len(some_x), 40)])
    by_head("float", lambda x: net.folded(x), head, final_val, val, train)
    by_head("8-bit, before stage 3", lambda x: net.folded(x, True), head, final_val, val, train)
    if s.quantise_epochs:
        fit(net, head, train, s, stem=s.stem, side=s.side, epochs=s.quantise_epochs, rate=s.rate * 0.1, head_rate=s.rate * 0.3,
            embed=lambda x: net.folded(x, True), mix=0.2, decay=0.0,
            check=lambda: by_head("8-bit", lambda x: net.folded(x, True), head, final_val, val, train))
        by_head("8-bit, after stage 3", lambda x: net.folded(x, True), head, final_val, val, train)
    save(s.work / "quantised.npz", net, head)

    net.write(s.backbone, s.side, s.out)
    names, _, coarse_names = pictures.classes(s.data)
    s.labels.write_text("sku,coarse\n" + "".join(f"{n},{c}\n" for n, c in zip(names, coarse_names)))
    say(f"wrote {s.out}, {s.out.stat().st_size} bytes, uint8 [1,{s.side},{s.side},3] to int8 [1,{s.size}]")
    evaluate_file(s.out, sets, train, s.threads, say)
    net.load(folded)
    floating = {k: (features(v, final, s.side), v) for k, v in sets.items()}
    evaluate("float, before stage 3", lambda x: net.folded(x), floating, features(train, final, s.side), train)


if __name__ == "__main__":
    main()
