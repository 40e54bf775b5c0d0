#!/usr/bin/env python3
"""Teaches one network two opinions: that of a finished training, and that of the ImageNet features it began with.

Fine-tuning forgets some of what the ImageNet features know of pictures from new shops; linear discriminants of those
features, beside the finished training's own opinion, are right more often than either. This makes one network of both:
  1. discriminants  fit linear discriminants to the ImageNet features of the training pictures (closed form)
  2. mean           begin with the mean of both networks' weights, its normalisations counted anew, its last layer fitted
  3. teach          learn both opinions of the same cut, lit and mixed pictures as numbers, without labels
  4. last layer     fit it once more with photos from other shops, which the layers before it never see (--last)
  5. write          turn the sum of both opinions into an embedding whose cosines say the same, and write it as int8

Example, from the root of the project:
  python models/train/both.py --begin FILE.tflite --renders target/renders-again target/crops-again --minutes 45 --last val --out models/dashcart.tflite

On a processor alone; half precision doubles the speed where the processor knows it.
"""

import argparse
import itertools
import math
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import gallery  # noqa: E402
import last_layer  # noqa: E402
import photos as pictures  # noqa: E402
import tflite_file  # noqa: E402
from network import KINDS, Network, backbone, fast, features, imagenet, numbers  # noqa: E402
from train import SCALE, Averages, Model, asked, mean_of, say, some_pictures, take_file  # noqa: E402

SHARE = 0.3  # Of the log-probability, the discriminants'.
TEMPERATURE = 8.0  # Of the discriminants.
VARIED = 6000  # Cut and lit pictures that the discriminants are fitted to, beside both looks at each.


def options():
    here = pathlib.Path(__file__).parent
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"), help="folder with grocery-store-dataset/ (default: %(default)s)")
    p.add_argument("--begin", type=pathlib.Path, required=True, help="the finished training: a FILE.tflite that train.py wrote, its class-vectors.bin beside it")
    p.add_argument("--renders", type=pathlib.Path, nargs="*", default=[], help="folders <sku>/<nnn>.png of renders and crops, as the training had them")
    p.add_argument("--crops", type=pathlib.Path, nargs="*", default=[], help="folders of crops of validation photos, to measure only")
    p.add_argument("--features", choices=KINDS, nargs="+", default=["lite0"], help="ImageNet networks whose features have discriminants, the student's kind first (default: lite0)")
    p.add_argument("--students", type=pathlib.Path, nargs="*", default=[], help="go on from the weights of --work/student.pt of earlier runs, or their mean")
    p.add_argument("--last", choices=["val"], help="photos that the last layer alone learns from, by their labels (default: none)")
    p.add_argument("--but-part", type=int, metavar="K", help="but for this part of them, to be measured on: WORK/part-K.txt lists it (default: all are learned from)")
    p.add_argument("--parts", type=int, default=2, help="how many parts there are; a product's photos are as many groups that look alike, one in each (default: %(default)s)")
    p.add_argument("--out", type=pathlib.Path, help="the model to write, its class-vectors.bin beside it (default: none is written)")
    p.add_argument("--work", type=pathlib.Path, default=here / "work/both", help="what is kept (default: %(default)s)")
    p.add_argument("--lesser", type=float, default=0.5, help="what the discriminants count in the written model, as a share of what is taught (default: %(default)s)")
    p.add_argument("--steep", type=float, default=12.5, help="cosines are made such that these times them are the log-probabilities (default: %(default)s)")
    p.add_argument("--level", type=float, default=-0.165, help="mean of a picture's cosines to all products (default: %(default)s)")
    p.add_argument("--sure", type=float, default=1.27, help="what the sums are multiplied by for that (default: %(default)s)")
    p.add_argument("--share", type=float, default=0.6, help="of the finished training's weights in the mean (default: %(default)s)")
    p.add_argument("--minutes", type=float, default=45, help="of teaching (default: %(default)s)")
    p.add_argument("--rate", type=float, default=3e-4, help="top learning rate (default: %(default)s)")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--side", type=int, default=256, help="input side of the written model and of the last two fifths of teaching (default: %(default)s)")
    p.add_argument("--train-side", type=int, default=224, help="input side before (default: %(default)s)")
    p.add_argument("--uses", type=int, default=4, help="how often a picture is learned from that both were asked about (default: %(default)s)")
    p.add_argument("--views", type=int, default=3200, help="pictures that the last layer and the embedding are fitted to (default: %(default)s)")
    p.add_argument("--mix", type=float, default=0.5, help="how many pictures are mixed with another (default: %(default)s)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--loaders", type=int, default=1, help="processes that prepare pictures (default: %(default)s)")
    s = p.parse_args()
    if s.but_part is not None and not (s.last and 0 <= s.but_part < s.parts):
        p.error("--but-part leaves out one of the --parts, counted from 0, of the photos that --last names: name them")
    s.work.mkdir(parents=True, exist_ok=True)
    return s


class Discriminants:
    """Linear discriminants of the square roots of the means: shared covariance, shrunk towards its diagonal mean."""

    def __init__(self, x, labels, products, shrink=0.1):
        x = x.clamp(min=0).sqrt().double()
        means = torch.stack([x[labels == product].mean(0) for product in range(products)])
        rest = x - means[labels]
        covariance = rest.T @ rest / len(x)
        covariance = (1 - shrink) * covariance + shrink * covariance.diagonal().mean() * torch.eye(x.shape[1], dtype=torch.float64)
        # Log-densities under one covariance are linear: x S^-1 m - m S^-1 m / 2.
        solved = torch.linalg.solve(covariance, means.T)
        self.weight = solved.float()
        self.bias = (-0.5 * (means.T * solved).sum(0)).float()

    def __call__(self, x):
        return x.clamp(min=0).sqrt() @ self.weight + self.bias


def centred(x):
    """Without what all products share, which changes no probability."""
    return x - x.mean(1, keepdim=True)


def weighed(cosines, told):
    """A training's opinion by its cosines, and those of discriminants, as parts of one log-probability."""
    return [(1 - SHARE) * SCALE * centred(cosines), *(SHARE / len(told) / TEMPERATURE * centred(x) for x in told)]


class Opinions:
    """A finished training and ImageNet networks with discriminants, and what they say of pictures: for each, one number a product."""

    def __init__(self, model, plain):
        self.model, self.plain = model.eval(), plain

    def __len__(self):
        return 1 + len(self.plain)

    def opinion(self, images):
        with torch.no_grad():
            with fast():
                embedding = self.model.net(images).float()
            cosines = F.normalize(embedding) @ F.normalize(self.model.head).T
            told = [discriminants(features(net, [images])) for net, discriminants in self.plain]
        return torch.cat(weighed(cosines, told), 1)


def ridge(x, y, strength=0.1):
    """Weights and bias of the linear map from x to y with the least squares; strength is a share of the mean variance."""
    mx, my = x.mean(0, keepdim=True).double(), y.mean(0, keepdim=True).double()
    a, b = x.double() - mx, y.double() - my
    gram = a.T @ a
    w = torch.linalg.solve(gram + strength * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64), a.T @ b)
    return w.float(), (my - mx @ w)[0].float()


def described(logits, labels, coarse):
    """Shares right and log loss at the best scale, by logits."""
    logits = np.asarray(logits, np.float64)
    s = gallery.scores_of(logits, labels, coarse)
    best = min((float(-F.log_softmax(torch.from_numpy(k * logits), 1)[np.arange(len(labels)), labels].mean()), k) for k in np.geomspace(0.1, 40, 60))
    return f"{100 * s['fine']:.1f} / {100 * s['top3']:.1f} / {100 * s['coarse']:.1f}, {best[0]:.3f} (x {best[1]:.2f})"


def main():
    s = options()
    torch.set_num_threads(s.threads)
    torch.manual_seed(s.seed)
    train, val = pictures.load_split(s.data, "train"), pictures.load_split(s.data, "val")
    train = pictures.joined(train, pictures.load_shop_pictures(s.data))
    for folder in s.renders:
        train = pictures.joined(train, pictures.load_renders(folder))
    sets = {"val": val}
    for folder in s.crops:
        sets[folder.name] = pictures.joined(train.part([]), pictures.load_renders(folder))
    products = len(train.names)
    say(f"{len(train)} training pictures of {products} products")

    def views(side, seed, mix):
        rng = np.random.default_rng(seed)
        source = pictures.Batches(train, side, seed, s.batch, 0.5)
        return ((pictures.mixed(i, l, mix, rng)) for i, l in source.loaded(s.loaders))

    own = Model(192, products).to(memory_format=torch.channels_last)
    own.net.take_backbone(backbone(None, "lite0"))
    batches = views(s.train_side, s.seed, 0.25)
    take_file(own, s.begin, train.names, [next(batches)[0] for _ in range(10)])
    plain = [(net, discriminants_of(net, train, products, s)) for net in map(imagenet, s.features)]

    looks = {what: list(pictures.two_looks(photos.images, s.side)) for what, photos in sets.items()}
    teachers = Opinions(own, plain)

    def measure(name, net):
        """Says what the sums of both looks are worth, by how much the discriminants count."""
        for what, photos in sets.items():
            parts = numbers(net, looks[what]).reshape(2, len(photos), len(teachers), products).sum(0)
            for lesser in (0.0, s.lesser, 1.0):
                sums = parts[:, 0] + lesser * parts[:, 1:].sum(1)
                say(f"{name}: {what}, {lesser:g} of the discriminants: {described(sums, photos.labels, train.coarse)}")

    if not s.students:
        for what, photos in sets.items():
            parts = torch.cat([teachers.opinion(batch) for batch in looks[what]]).reshape(2, len(photos), len(teachers), products).sum(0)
            opinions = {"the training's own": parts[:, 0], **{f"{kind}'s discriminants": parts[:, 1 + at] for at, kind in enumerate(s.features)}, "all": parts.sum(1)}
            for name, sums in opinions.items():
                say(f"{what}, opinion of {name}: {described(sums, photos.labels, train.coarse)}")
    net = Network(len(teachers) * products).to(memory_format=torch.channels_last)
    norms = [c.norm for c in net.convolutions() if c.norm is not None]
    if s.students:
        net.load_state_dict(mean_of(s.students))
    else:
        begin_with_mean(net, norms, own.net, plain[0][0], s.share, views(s.train_side, s.seed + 1, s.mix))
        given = views(s.side, s.seed + 2, s.mix)
        pics = [next(given)[0] for _ in range(s.views // s.batch)]
        weight, bias = ridge(features(net, pics), torch.cat([teachers.opinion(p) for p in pics]))
        with torch.no_grad():
            net.embed.weight.copy_(weight.T.reshape(net.embed.weight.shape))
            net.embed.bias.copy_(bias)
    measure("begun", net)
    if s.minutes:
        teach(net, norms, views, teachers, s, products, lambda: measure("taught", net))
        torch.save({"model": net.state_dict()}, s.work / "student.pt")
        measure("taught", net)
    if not s.out:
        return
    given = views(s.side, s.seed + 5, s.mix)
    shown = features(net, [next(given)[0] for _ in range(s.views // s.batch)])
    counts = s.sure * torch.tensor([1.0] + [s.lesser] * len(plain))
    weight, bias = (torch.einsum("o,op...->p...", counts, t.detach().reshape(len(teachers), products, *t.shape[1:])) for t in (net.embed.weight.flatten(1), net.embed.bias))
    if s.last:
        photos = sets.pop("val")
        strange = last_layer.Strange(net, photos, s.side, s.seed + 6, s.loaders)
        shown_to_it = torch.ones(len(photos), dtype=torch.bool) if s.but_part is None else strange.parts(s.parts) != s.but_part
        given, labels, often = strange.shown(shown_to_it)
        more = last_layer.correction(weight, (shown, shown @ weight.T + bias), (given, given @ weight.T + bias), labels, often)
        weight, bias, shown = weight + more[0], bias + more[1], torch.cat([shown, given])
        if s.but_part is not None:
            rest = np.flatnonzero(~shown_to_it)
            sets["the part left out"] = photos.part(rest)
            looks["the part left out"] = list(pictures.two_looks(sets["the part left out"].images, s.side))
            lines = (s.data / "grocery-store-dataset/val.txt").read_text().splitlines()
            (s.work / f"part-{s.but_part}.txt").write_text("".join(f"{lines[i]}\n" for i in rest))
    into, into_bias, vectors = turned(shown @ weight.T + bias, own.head.detach(), s.steep, s.level)
    final = Network(len(into)).to(memory_format=torch.channels_last)
    final.load_state_dict({n: net.state_dict()[n] if not n.startswith("embed") else t for n, t in final.state_dict().items()})
    with torch.no_grad():
        final.embed.weight.copy_((into @ weight).reshape(final.embed.weight.shape))
        final.embed.bias.copy_(into @ bias + into_bias)

    def measure_cosines(name):
        final.eval()
        for what, photos in sets.items():
            n = len(photos)
            with torch.no_grad():
                e = F.normalize(torch.cat([final(b) for b in looks[what]]))
            say(f"{name}: {what}, cosines: {described(F.normalize(e[:n] + e[n:]) @ vectors.T, photos.labels, train.coarse)}")

    measure_cosines("float")
    final.fold()
    final.calibrate(some_pictures(train, s.side, s.seed))
    final.set_ranges("round")
    measure_cosines("8-bit")
    learned = ["train", *([s.last] if s.last and s.but_part is None else [])]
    tflite_file.write(final, s.side, s.out, f"learned from {', '.join(learned)}")
    gallery.save(s.out.parent / "class-vectors.bin", s.out, train.names, vectors.numpy())
    say(f"wrote {s.out}, {s.out.stat().st_size} bytes")


def discriminants_of(net, train, products, s):
    """Discriminants of the features of this network, fitted to whole and varied training pictures, or those that --work keeps."""
    kept = s.work / f"discriminants-{net.kind}.pt"
    if kept.exists():
        discriminants = Discriminants.__new__(Discriminants)
        discriminants.__dict__ = torch.load(kept, weights_only=True)
        say(f"discriminants as {kept} keeps them: remove it where the pictures are others")
        return discriminants
    varied = itertools.islice(pictures.Batches(train, s.side, s.seed, s.batch, 0.5).loaded(s.loaders), VARIED // s.batch)
    discriminants = Discriminants(*shown_of(net, train, varied, s.side), products)
    torch.save(discriminants.__dict__, kept)
    say(f"discriminants of {net.kind} fitted")
    return discriminants


def shown_of(net, train, varied, side):
    """What discriminants are fitted to: the features of both looks at each picture and of these batches of varied ones, and their products."""
    whole = features(net, pictures.two_looks(train.images, side))
    images, of = zip(*varied)
    labels = torch.cat([torch.from_numpy(np.tile(train.labels, 2)), torch.cat(of).argmax(1)])
    return torch.cat([whole, features(net, images)]), labels


def begin_with_mean(net, norms, own, plain, share, batches):
    """The mean of both networks' weights; what its normalisations expect is counted on these batches."""
    a, b = own.state_dict(), plain.state_dict()
    net.load_state_dict({n: t if n.startswith("embed") else share * a[n] + (1 - share) * b[n] if t.is_floating_point() else a[n] for n, t in net.state_dict().items()})
    net.train()
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
    with torch.no_grad(), fast():
        for _ in range(30):
            net.features(next(batches)[0])


def turned(sums, vectors, steep, level, steps=600):
    """Weights and bias of a map of sums to embeddings, and one vector a product, whose cosines times `steep` say what the sums say.

    Begins where the vectors' own space has the sums, beside a direction that all embeddings have and all vectors lack: with it
    the cosines of a picture to all products can have the mean `level`, and mean what they meant in the training that began.
    """
    apart = torch.linalg.svd(vectors).Vh[-1]
    into = torch.linalg.pinv(vectors - vectors.mean(0)) / SCALE
    bias = (0.5 * (sums @ into.T).norm(dim=1).median() * apart).requires_grad_()
    into, vectors, target = into.requires_grad_(), (F.normalize(vectors) - 0.5 * apart).requires_grad_(), F.softmax(sums, 1)
    optimizer = torch.optim.Adam([into, bias, vectors])
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - step / steps)
        logits = steep * F.normalize(sums @ into.T + bias) @ F.normalize(vectors).T
        # What is unlikely is to be alike, too, not only what is first.
        loss = -(target * F.log_softmax(logits, 1)).sum(1).mean() + 0.02 * (logits - sums - steep * level).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return into.detach(), bias.detach(), F.normalize(vectors.detach())


def teach(net, norms, views, teachers, s, products, check):
    """Teaches all layers but the first stages; normalisations keep what was counted. Ends with averaged weights."""
    depth = {id(p): i / (len(net.body) - 1) for i, layer in enumerate(net.body) for p in layer.parameters()}
    groups = {}
    for p in net.parameters():
        if p.requires_grad:
            rate = s.rate * (0.3 + 0.7 * depth.get(id(p), 1.0))
            groups.setdefault((rate, 0.02 if p.ndim > 1 else 0.0), []).append(p)
    optimizer = torch.optim.AdamW([{"params": ps, "lr": r, "top": r, "weight_decay": d} for (r, d), ps in groups.items()])
    averages, rng = Averages(net, 0.998), np.random.default_rng(s.seed + 3)
    began, steps, said, total = time.time(), 0, time.time(), []
    stage, batches = 0, asked(views(s.train_side, s.seed + 4, s.mix), teachers, s.uses, rng)
    while True:
        progress = (time.time() - began) / (60 * s.minutes)
        if progress >= 1:
            break
        if progress > 0.6 and stage == 0:
            stage, batches = 1, asked(views(s.side, s.seed + 14, s.mix), teachers, s.uses, rng)
        net.train()
        for norm in norms:
            norm.eval()
        images, _, targets = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * min(1, (steps + 1) / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
        with fast():
            x = net.features(images)
        out = net.embed(x.float()).flatten(1)
        errors = (out - targets).square().reshape(len(out), len(teachers), products).sum(2)
        size = (targets - targets.mean(0)).square().reshape(len(out), len(teachers), products).sum(2).mean(0)
        total.append((errors.detach().mean(0) / size).tolist())
        # Each by its own size: the smaller opinion is learned as well as the larger.
        loss = (errors.mean(0) / size).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 2.0)
        optimizer.step()
        averages.follow()
        steps += 1
        if time.time() - said > 240:
            said = time.time()
            say(f"{steps} steps, {(time.time() - began) / 60:.1f} of {s.minutes:.0f} min, not explained {np.mean(total, 0).round(3).tolist()}")
            total = []
            with averages.used(), torch.no_grad():
                check()
                torch.save({"model": net.state_dict()}, s.work / "student.pt")
    averages.swap()
    say(f"{steps} steps")


if __name__ == "__main__":
    main()
