"""Photos and renders in memory, and the batches made of them. Reads files; never writes any."""

import pathlib

import cv2
import numpy as np
import torch
from PIL import Image

cv2.setNumThreads(1)

EDGE = 0.1  # What the second look leaves out on every side.


class Photos:
    """Pictures with the number of their product; `names` and `coarse` describe the products.

    `least` is the smallest share of each picture that training may cut out.
    """

    def __init__(self, images, labels, names, coarse, least=0.35):
        self.images, self.labels, self.names, self.coarse = images, np.asarray(labels, int), names, coarse
        self.least = np.broadcast_to(least, len(images))

    def __len__(self):
        return len(self.images)

    def part(self, which):
        """The pictures at these positions."""
        which = np.asarray(which, int)
        return Photos([self.images[i] for i in which], self.labels[which], self.names, self.coarse, self.least[which])


def read(path):
    """One picture as uint8 RGB."""
    return np.asarray(Image.open(path).convert("RGB"))


def classes(data):
    """Names, coarse numbers and coarse names of the products in classes.csv."""
    rows = [line.strip().split(",") for line in (data / "grocery-store-dataset/classes.csv").read_text().splitlines()]
    rows = sorted(rows[1:], key=lambda row: int(row[1]))
    return [r[0] for r in rows], np.array([int(r[3]) for r in rows]), [r[2] for r in rows]


def load_split(data, split):
    """The photos listed in `train.txt` or `val.txt`."""
    base = data / "grocery-store-dataset"
    names, coarse, _ = classes(data)
    images, labels = [], []
    for line in (base / f"{split}.txt").read_text().splitlines():
        path, fine, _ = line.split(", ")
        images.append(read(base / path))
        labels.append(int(fine))
    return Photos(images, labels, names, coarse)


def load_shop_pictures(data):
    """The shop's own picture of each product, thrice: it is one of few that show the product alone."""
    base = data / "grocery-store-dataset"
    names, coarse, _ = classes(data)
    rows = [line.strip().split(",") for line in (base / "classes.csv").read_text().splitlines()[1:]]
    images = [read(base / row[4].lstrip("/")) for row in rows]
    return Photos(images * 3, [int(row[1]) for row in rows] * 3, names, coarse)


def load_renders(folder):
    """Renders in `<folder>/<sku>/`."""
    folders = sorted(p for p in pathlib.Path(folder).iterdir() if p.is_dir())
    images, labels = [], []
    for label, sku in enumerate(folders):
        for path in sorted(p for p in sku.iterdir() if p.suffix in (".png", ".jpg", ".webp")):
            images.append(read(path))
            labels.append(label)
    # Renders are crops already, tight ones: little of them may be cut off.
    return Photos(images, labels, [p.name for p in folders], np.arange(len(folders)), 0.65)


def joined(photos, more):
    """One set of both. Products that the first does not have come behind its own, each a coarse class of its own."""
    names, coarse = list(photos.names), list(photos.coarse)
    for name in more.names:
        if name not in names:
            names.append(name)
            coarse.append(max(coarse) + 1)
    place = np.array([names.index(name) for name in more.names], int)
    return Photos(
        photos.images + more.images,
        np.concatenate([photos.labels, place[more.labels]]),
        names,
        np.array(coarse),
        np.concatenate([photos.least, more.least]),
    )


def a_fifth(photos):
    """Positions kept and held out: of each product a fifth, the first of its pictures. For renders, each of which is drawn by itself."""
    held = np.zeros(len(photos), bool)
    for product in range(len(photos.names)):
        own = np.flatnonzero(photos.labels == product)
        held[np.array_split(own, 5)[0]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def whole(image, side):
    """The whole picture, resized with antialiasing: what the cart and the evaluation do."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def two_looks(images, side):
    """Whole pictures, and their mirrored middles, as batches."""
    def middle(image):
        h, w = image.shape[:2]
        y, x = round(EDGE * h), round(EDGE * w)
        return image[y : h - y, x : w - x][:, ::-1]
    for look in (lambda image: image, middle):
        for i in range(0, len(images), 32):
            yield torch.from_numpy(np.stack([whole(look(image), side) for image in images[i : i + 32]]))


def varied(image, side, rng, least=0.35):
    """A random crop, turn, flip and light, kept mild in colour: fruit differ by little else."""
    height, width = image.shape[:2]
    share, aspect = rng.uniform(least, 1.0), np.exp(rng.uniform(-0.25, 0.25))
    w, h = min(1, np.sqrt(share * aspect)) * width, min(1, np.sqrt(share / aspect)) * height
    x, y = rng.uniform(0, width - w) + w / 2, rng.uniform(0, height - h) + h / 2
    turn = np.deg2rad(rng.normal(0, 10)) if rng.random() < 0.7 else 0.0
    # Cut at the picture's own scale, then resize by area: shrinking in one bilinear step would alias.
    cut_w, cut_h = max(side, round(w)), max(side, round(h))
    flip = -1 if rng.random() < 0.5 else 1
    sx, sy = w / cut_w, h / cut_h
    c, s = np.cos(turn), np.sin(turn)
    matrix = np.array([[flip * c * sx, -s * sy, 0], [flip * s * sx, c * sy, 0]])
    matrix[:, 2] = (x, y) - matrix[:, :2] @ (cut_w / 2, cut_h / 2)
    image = cv2.warpAffine(
        image, matrix, (cut_w, cut_h), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101)
    if (cut_w, cut_h) != (side, side):
        image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    bright, contrast, saturation = rng.uniform(0.75, 1.25), rng.uniform(0.8, 1.2), rng.uniform(0.8, 1.2)
    white = rng.uniform(0.96, 1.04, 3)
    grey = np.array([[0.299, 0.587, 0.114]])
    colour = (saturation * np.eye(3) + (1 - saturation) * np.ones((3, 1)) @ grey) * bright * contrast * white[:, None]
    offset = float(image.mean()) * bright * (1 - contrast)
    return cv2.transform(image, np.hstack([colour, np.full((3, 1), offset)]))


def ground(side, rng):
    """A basket's floor, as far as it matters: greyish, unevenly lit."""
    coarse = rng.uniform(35, 150) + rng.normal(0, 14, (5, 5, 1)) + rng.normal(0, 4, (1, 1, 3))
    return cv2.resize(np.clip(coarse, 0, 255).astype(np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)


def laid(under, image, middle, share, turn):
    """Lays a picture as a card over another one; `middle` and `share` are shares of the lower one's side."""
    side, (height, width) = under.shape[0], image.shape[:2]
    edge = share * side
    c, s = np.cos(turn), np.sin(turn)
    matrix = np.array([[c * edge / width, -s * edge / height, 0], [s * edge / width, c * edge / height, 0]])
    matrix[:, 2] = np.multiply(middle, side) - matrix[:, :2] @ (width / 2, height / 2)
    # By area first: shrinking in one bilinear step would alias.
    if edge < 0.6 * width:
        small = max(8, round(edge))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        matrix[:, :2] *= (width / small, height / small)
    card = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = cv2.warpAffine(np.full(image.shape[:2], 255, np.uint8), matrix, (side, side), flags=cv2.INTER_LINEAR)
    return cv2.copyTo(card, cv2.compare(cover, 127, cv2.CMP_GT), under)


def seen(image, side, rng, others):
    """A photo as the cart's crop shows it: a card in the basket beside and below `others`, few pixels, noise, its light."""
    pixels = int(rng.uniform(120, 260))
    view = ground(pixels, rng)
    for other in others[: int(rng.integers(3))]:
        view = laid(view, other, rng.uniform(-0.15, 1.15, 2), rng.uniform(0.6, 1.0), rng.normal(0, 0.2))
    view = laid(view, image, 0.5 + rng.normal(0, 0.04, 2), rng.uniform(0.70, 1.06), rng.normal(0, 0.12))
    if rng.random() < 0.3:
        # Something lies over an edge of it.
        away, angle = rng.uniform(0.62, 0.85), rng.uniform(0, 2 * np.pi)
        view = laid(view, others[-1], (0.5 + away * np.cos(angle), 0.5 + away * np.sin(angle)), rng.uniform(0.6, 0.9), rng.normal(0, 0.2))
    if rng.random() < 0.4:
        view = cv2.GaussianBlur(view, (0, 0), rng.uniform(0.4, 1.1))
    light = (rng.uniform(0.72, 1.2) * rng.uniform(0.94, 1.06, 3)).astype(np.float32)
    slope = 1 + rng.uniform(-0.12, 0.12) * np.linspace(-1, 1, pixels, dtype=np.float32)
    noise = rng.standard_normal(view.shape, np.float32) * np.float32(rng.uniform(1.5, 4))
    view = np.clip(view * (slope[:, None, None] * light) + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        view = view[:, ::-1]
    return np.ascontiguousarray(np.asarray(Image.fromarray(view).resize((side, side), Image.Resampling.BILINEAR)))


def mixed(images, labels, often, rng):
    """Mixes some of the pictures with others of the batch, blended or pasted, and their products alike."""
    count, side = len(images), images.shape[1]
    chosen = np.flatnonzero(rng.random(count) < often)
    others = rng.integers(count, size=len(chosen))
    parts = rng.beta(0.4, 0.4, len(chosen)).astype(np.float32)
    kept = np.empty((len(chosen), side, side, 1), np.float32)
    for place, part in enumerate(parts):
        kept[place] = part
        if rng.random() < 0.5:
            edge = int(side * np.sqrt(1 - part))
            x, y = rng.integers(side - edge + 1, size=2)
            kept[place] = 1
            kept[place, y : y + edge, x : x + edge] = 0
            parts[place] = 1 - edge * edge / side / side
    kept, parts = torch.from_numpy(kept).to(images.device), torch.from_numpy(parts).to(images.device)[:, None]
    out, given = images.clone(), labels.clone()
    out[chosen] = torch.lerp(images[others].float(), images[chosen].float(), kept).round().to(torch.uint8)
    given[chosen] = torch.lerp(labels[others], labels[chosen], parts)
    return out, given


class Batches(torch.utils.data.IterableDataset):
    """Endless training batches (pictures, their products as ones among zeros), prepared by processes of their own."""

    def __init__(self, photos, side, seed, batch, as_seen):
        self.photos, self.seed, self.size, self.as_seen = photos, seed, batch, as_seen
        self.side = torch.tensor(side).share_memory_()

    def _picture(self, place, side, rng):
        photos = self.photos
        # Renders are crops of the cart's camera already.
        if photos.least[place] < 0.5 and rng.random() < self.as_seen:
            others = [photos.images[i] for i in rng.integers(len(photos), size=3)]
            return seen(photos.images[place], side, rng, others)
        return varied(photos.images[place], side, rng, photos.least[place])

    def __iter__(self):
        rng = np.random.default_rng(self.seed * 100 + torch.utils.data.get_worker_info().id)
        products, order = np.eye(len(self.photos.names), dtype=np.float32), []
        while True:
            while len(order) < self.size:
                order = [*order, *rng.permutation(len(self.photos))]
            picked, order = order[: self.size], order[self.size :]
            side = int(self.side)
            yield np.stack([self._picture(i, side, rng) for i in picked]), products[self.photos.labels[picked]]

    def loaded(self, processes):
        """The batches as tensors."""
        return iter(torch.utils.data.DataLoader(self, batch_size=None, num_workers=processes, multiprocessing_context="fork"))
