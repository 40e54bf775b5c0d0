#!/usr/bin/env python3
"""How well products that were not trained are told from those that were, by a training that left some out.

The known are the photos that `train.py --leave-out FILE --hold-out K` held back (shops that were seen) and the validation
photos (a shop that was not); the unknown are all photos of the products left out. Each photo is looked at twice. Scores:
the training's own cosines, linear discriminants of ImageNet's features fitted to the known products, and both together.

Example, from the root of the project:
  python models/train/train.py --seed 2 --minutes 44 --threads 1 --loaders 1 --leave-out models/train/left-out.txt --hold-out 0 --only-train --work WORK
  python models/train/unknown.py --training WORK/train-done.pt
"""

import argparse
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import photos as pictures  # noqa: E402
from both import SHARE, TEMPERATURE, Discriminants, centred, features, numbers, two_looks  # noqa: E402
from network import Network  # noqa: E402
from train import SCALE, Model, backbone, say  # noqa: E402


def auroc(known, unknown):
    """How often a known picture has the larger score than an unknown one."""
    ranks = torch.cat([known, unknown]).double().argsort().argsort().double() + 1
    return float((ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown)))


def main():
    here = pathlib.Path(__file__).parent
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"), help="folder with grocery-store-dataset/ (default: %(default)s)")
    p.add_argument("--training", type=pathlib.Path, required=True, help="the training's WORK/train-done.pt, of the photos alone")
    p.add_argument("--leave-out", type=pathlib.Path, default=here / "left-out.txt", help="what it left out (default: %(default)s)")
    p.add_argument("--hold-out", type=int, default=0, help="the fold that it held back (default: %(default)s)")
    p.add_argument("--side", type=int, default=256)
    p.add_argument("--threads", type=int, default=1)
    s = p.parse_args()
    torch.set_num_threads(s.threads)

    train, val = pictures.load_split(s.data, "train"), pictures.load_split(s.data, "val")
    names = set(s.leave_out.read_text().split())
    left = np.array([name in names for name in train.names])
    kept, held = pictures.split_folds(train, s.hold_out)
    products = np.flatnonzero(~left)
    place = np.full(len(left), -1)
    place[products] = np.arange(len(products))

    def known_of(photos, which):
        return photos.part([i for i in which if not left[photos.labels[i]]])

    shop = pictures.load_shop_pictures(s.data)
    fitted = pictures.joined(known_of(train, kept), known_of(shop, range(len(train.names))))
    sets = {
        "held out": known_of(train, held), "val": known_of(val, range(len(val))),
        "left out, training photos": train.part(np.flatnonzero(left[train.labels])), "left out, val": val.part(np.flatnonzero(left[val.labels]))}

    model = Model(192, len(train.names)).to(memory_format=torch.channels_last)
    model.load_state_dict(torch.load(s.training, weights_only=True)["model"])
    plain = Network(192).to(memory_format=torch.channels_last)
    plain.take_backbone(backbone(None, "lite0"))
    entries = F.normalize(model.head.detach()[products])
    varied = pictures.Batches(fitted, s.side, 5, 32, 0.3).loaded(1)
    varied = [next(varied) for _ in range(125)]
    shown = torch.cat([features(plain, two_looks(fitted.images, s.side)), features(plain, [batch for batch, _ in varied])])
    labels = np.concatenate([np.tile(fitted.labels, 2), *(of.argmax(1).numpy() for _, of in varied)])
    discriminants = Discriminants(shown, torch.from_numpy(place[labels]), len(products))

    scores = {}
    for what, photos in sets.items():
        looks, count = list(two_looks(photos.images, s.side)), len(photos)
        e = F.normalize(numbers(model.net, looks))
        cosines = F.normalize(e[:count] + e[count:]) @ entries.T
        told = discriminants(features(plain, looks))
        told = centred(told[:count] + told[count:]) / 2
        both = (1 - SHARE) * SCALE * centred(cosines) + SHARE / TEMPERATURE * told
        best = {name: x.topk(2).values for name, x in (("cosines", cosines), ("discriminants", told), ("both", both))}
        scores[what] = {f"{name}, margin": top[:, 0] - top[:, 1] for name, top in best.items()}
        scores[what] |= {"cosines, largest": best["cosines"][:, 0], "both, largest probability": F.softmax(both, 1).amax(1)}
        if not what.startswith("left out"):
            right = torch.from_numpy(place[photos.labels])
            say(f"{what}: {count} photos, {100 * float((cosines.argmax(1) == right).float().mean()):.1f} % right by cosines, {100 * float((both.argmax(1) == right).float().mean()):.1f} % by both")
    for name in scores["val"]:
        say(f"{name}: AUROC {auroc(scores['held out'][name], scores['left out, training photos'][name]):.3f} on photos of the training's shops, "
            f"{auroc(scores['val'][name], scores['left out, val'][name]):.3f} on validation photos")


if __name__ == "__main__":
    main()
