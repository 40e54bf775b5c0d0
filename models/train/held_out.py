#!/usr/bin/env python3
"""What trainings know of the photos and products that they were not shown: cross-validation, rejection, enrolment.

Each training was made with `train.py --hold-out K`, so that a fold of the photos can be asked about, or with
`--leave-out FILE`, so that the products in it are new to it, or with both. Each photo is looked at twice. The opinions are
the training's own cosines, linear discriminants of ImageNet's features fitted to what the training was shown, and both
together, as both.py teaches them; of the fold held out also the cosines and both with a last layer that learned from the
validation photos, as both.py writes it. Of products left out, all training photos are the unknown; and from five photos each
they are enrolled.

Example, from the root of the project:
  for k in 0 1 2 3 4; do python models/train/train.py --hold-out $k --minutes 11 --threads 1 --loaders 1 --only-train --work WORK/$k; done
  python models/train/held_out.py WORK/*/train-done.pt
"""

import argparse
import itertools
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gallery  # noqa: E402
import photos as pictures  # noqa: E402
from both import SHARE, Discriminants, centred, shown_of, weighed  # noqa: E402
from last_layer import Strange, correction  # noqa: E402
from network import features, imagenet  # noqa: E402
from train import SCALE, Model, say  # noqa: E402

VARIED = 4000  # Cut and lit pictures that the discriminants are fitted to, beside both looks at each.
WEIGHTS = (1.0, 0.75, 0.65, 0.55, 0.48, 0.4)  # Of likeness to photos, where products are enrolled by them.
PHOTOS, DRAWS = 5, 5  # Of each product enrolled, and how often they are drawn.


def auroc(known, unknown):
    """How often a known picture has the larger score than an unknown one."""
    ranks = torch.cat([known, unknown]).double().argsort().argsort().double() + 1
    return float((ranks[: len(known)].sum() - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown)))


def opinions(cosines, told):
    """By opinion, one number a product for each photo."""
    own, discriminants = weighed(cosines, [told])
    return {"the training's own": own / (1 - SHARE), "the discriminants'": discriminants / SHARE, "both": own + discriminants}


def enrolled(entries, looks, known, coarse):
    """Shares right among all products, by weight: of the products enrolled (`looks` of their photos), and of the known.

    `entries` are the vectors of the trained products, zeros for the others; `known` are two-look embeddings and labels.
    """
    (new, labels), rng = looks, np.random.default_rng(1)
    out = {weight: [] for weight in WEIGHTS}
    for _ in range(DRAWS):
        given = np.concatenate([rng.choice(np.flatnonzero(labels == product), PHOTOS, replace=False) for product in np.unique(labels)])
        rest = np.setdiff1d(np.arange(len(labels)), given)
        for weight in WEIGHTS:
            all_entries = torch.from_numpy(weight * gallery.means(new[given].numpy(), labels[given], len(entries))).float() + entries
            shares = [gallery.scores_of((e @ all_entries.T).numpy(), l, coarse)["fine"] for e, l in ((new[rest], labels[rest]), known)]
            out[weight].append(shares)
    return {weight: np.mean(shares, 0) for weight, shares in out.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("trainings", type=pathlib.Path, nargs="+", metavar="WORK/train-done.pt", help="finished trainings of the photos alone")
    p.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"), help="folder with grocery-store-dataset/ (default: %(default)s)")
    p.add_argument("--side", type=int, default=256)
    p.add_argument("--threads", type=int, default=1)
    s = p.parse_args()
    torch.set_num_threads(s.threads)

    photos = {"train": pictures.load_split(s.data, "train"), "val": pictures.load_split(s.data, "val"), "shop": pictures.load_shop_pictures(s.data)}
    coarse, products = photos["train"].coarse, len(photos["train"].names)
    plain = imagenet()
    looks = {what: torch.cat(list(pictures.two_looks(p.images, s.side))) for what, p in photos.items() if what != "shop"}
    shown = {what: features(plain, given.split(32)) for what, given in looks.items()}

    results, rejected, entered = {}, {}, {}
    for path in s.trainings:
        state = torch.load(path, map_location="cpu", weights_only=True)
        left = np.isin(photos["train"].names, state["left_out"])
        held = np.isin(np.arange(len(photos["train"])), state["held"])
        known = np.flatnonzero(~left)
        # The training's pictures, drawn as it draws them; its products alone.
        fitted = pictures.joined(photos["train"].part(np.flatnonzero(~held & ~left[photos["train"].labels])), photos["shop"].part(np.flatnonzero(~left[photos["shop"].labels])))
        varied = list(itertools.islice(pictures.Batches(fitted, s.side, 5, 32, 0.5).loaded(1), VARIED // 32))
        x, labels = shown_of(plain, fitted, varied, s.side)
        discriminants = Discriminants(x, torch.from_numpy(np.searchsorted(known, labels)), len(known))

        model = Model(state["model"]["head"].shape[1], products, state.get("network", "lite0")).to(memory_format=torch.channels_last)
        model.load_state_dict(state["model"])
        vectors = F.normalize(model.head.detach())

        def embedding(x):
            with torch.no_grad():
                return F.normalize(model.net.embed(x[:, :, None, None]).flatten(1))

        def embedded(what, which):
            """The mean embedding and the mean features of both looks at these photos."""
            both = np.concatenate([which, which + len(photos[what])])
            x = features(model.net, (looks[what][part] for part in np.array_split(both, -(-len(both) // 32))))
            e = embedding(x)
            return F.normalize(e[: len(which)] + e[len(which) :]), x.reshape(2, len(which), -1).mean(0)

        def own(x):
            """Features with what the training says of them."""
            return x, SCALE * embedding(x) @ vectors[known].T

        strange = Strange(model.net, photos["val"].part(np.flatnonzero(~left[photos["val"].labels])), s.side, 6)
        x, labels, counts = strange.shown(torch.ones(len(strange.photos), dtype=torch.bool))
        layer = vectors[known] @ model.net.embed.weight.detach().flatten(1)
        more_weight, more_bias = correction(layer, own(features(model.net, (images for images, _ in varied))), own(x), torch.from_numpy(np.searchsorted(known, labels)), counts)

        def said(what, which, seen):
            """The opinions of these photos."""
            first, second = (discriminants(shown[what][at]) for at in (which, which + len(photos[what])))
            out = opinions(seen[0] @ vectors[known].T, (first + second) / 2)
            if what == "train":
                last = out["the training's own"] + centred(seen[1] @ more_weight.T + more_bias)
                out["the training's own, last layer with validation photos"] = last
                out["both, last layer with validation photos"] = (1 - SHARE) * last + SHARE * out["the discriminants'"]
            return out

        sets = {"val": ("val", np.flatnonzero(~left[photos["val"].labels]))}
        if held.any():
            sets["held out"] = ("train", np.flatnonzero(held & ~left[photos["train"].labels]))
        seen = {name: embedded(*of) for name, of in sets.items()}
        for name, (what, which) in sets.items():
            labels = np.searchsorted(known, photos[what].labels[which])
            parts = {name: np.full(len(labels), True), f"{name}, products without a validation photo": ~np.isin(photos[what].labels[which], photos["val"].labels)}
            for (part, rows), (opinion, logits) in itertools.product(parts.items(), said(what, which, seen[name]).items()):
                if not rows.any():
                    continue
                logits, of = logits[rows], labels[rows]
                r = gallery.scores_of(logits.numpy(), of, coarse[known])
                loss = min(float(F.cross_entropy(k * logits, torch.from_numpy(of))) for k in np.geomspace(0.2, 4, 40))
                results.setdefault((part, opinion), []).append([100 * r["fine"], 100 * r["top3"], 100 * r["coarse"], loss])
                say(f"{path.parent.name}: {part}, {len(of)} photos, {opinion}: {100 * r['fine']:.1f} / {100 * r['top3']:.1f} / {100 * r['coarse']:.1f}, {loss:.3f}")
        if not left.any():
            continue
        unseen = {what: np.flatnonzero(left[photos[what].labels]) for what in ("train", "val")}
        new = {what: embedded(what, which) for what, which in unseen.items()}
        for name, (what, which) in sets.items():
            unknown = said(what, unseen[what], new[what])
            for opinion, logits in said(what, which, seen[name]).items():
                for score in ("margin", "largest probability"):
                    a, b = (F.softmax(l, 1).amax(1) if score == "largest probability" else -l.topk(2).values.diff()[:, 0] for l in (logits, unknown[opinion]))
                    rejected.setdefault((name, opinion, score), []).append(auroc(a, b))
        entries = torch.where(torch.from_numpy(left)[:, None], torch.zeros(()), vectors)
        name = list(sets)[-1]
        (what, which) = sets[name]
        shares = enrolled(entries, (new["train"][0], photos["train"].labels[unseen["train"]]), (seen[name][0], photos[what].labels[which]), coarse)
        for weight, share in shares.items():
            entered.setdefault(weight, []).append(100 * share)

    def told(rows, digits):
        """The mean of what the trainings have, and between them the standard deviation."""
        deviation = f" ({np.std(rows, ddof=1):.{digits}f})" if len(rows) > 1 else ""
        return f"{np.mean(rows):.{digits}f}{deviation}"

    say(f"mean of {len(s.trainings)} trainings, and their standard deviation in brackets:" if len(s.trainings) > 1 else "together:")
    for (name, opinion), rows in results.items():
        fine, top3, large, loss = zip(*rows)
        say(f"{name}, {opinion}: fine {told(fine, 1)}, top-3 {told(top3, 1)}, coarse {told(large, 1)}, log loss {told(loss, 3)}")
    for (name, opinion, score), rows in rejected.items():
        say(f"known of {name} from unknown, {opinion}, {score}: AUROC {told(rows, 3)}")
    for weight, rows in entered.items():
        new, known = zip(*rows)
        say(f"enrolled by {PHOTOS} photos, weight {weight:.2f}: {told(new, 1)} % of their other photos right among all, {told(known, 1)} % of the known")


if __name__ == "__main__":
    main()
