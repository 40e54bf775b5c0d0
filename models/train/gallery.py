"""What the cart does with an embedding: the nearest entry of a gallery, by cosine; and the gallery as the cart reads it."""

import hashlib
import struct

import numpy as np


def unit(x):
    """Rows of length one."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)


def means(embeddings, labels, products):
    """One entry per product: the mean of its unit embeddings, itself of length one."""
    embeddings = unit(embeddings)
    return unit(np.stack([embeddings[labels == p].mean(0) if (labels == p).any() else np.zeros(embeddings.shape[1]) for p in range(products)]))


def by_product(similarities, owners):
    """The similarity of each picture to each product: that of the product's best entry."""
    products = owners.max() + 1
    return np.stack([similarities[:, owners == p].max(1) for p in range(products)], 1)


def scores_of(similarities, labels, coarse):
    """Shares right: fine top-1, fine top-3, coarse top-1."""
    order = np.argsort(-similarities, axis=1)
    return {
        "fine": float((order[:, 0] == labels).mean()),
        "top3": float((order[:, :3] == labels[:, None]).any(1).mean()),
        "coarse": float((coarse[order[:, 0]] == coarse[labels]).mean()),
    }


def scores(gallery, embeddings, labels, coarse):
    """The same, by a gallery of one entry for each product."""
    return scores_of(unit(embeddings) @ gallery.T, labels, coarse)


def best_scale(similarities, labels):
    """The factor that turns similarities into the best log-probabilities, and how bad these are: their mean log loss."""
    best = (np.inf, 0)
    for scale in range(6, 61):
        logits = scale * similarities
        logits = logits - logits.max(1, keepdims=True)
        loss = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]
        best = min(best, (float(loss.mean()), scale))
    return best[1], best[0]


def coverage(similarities, labels, precision=0.99):
    """The largest share of pictures that the margin between the two best names with this precision. The threshold is
    chosen on the same pictures: an upper bound."""
    ordered = np.sort(similarities, 1)
    right = (similarities.argmax(1) == labels)[np.argsort(ordered[:, -2] - ordered[:, -1])]
    precise = np.flatnonzero(np.cumsum(right) / np.arange(1, len(right) + 1) >= precision)
    return (precise.max() + 1) / len(right) if len(precise) else 0.0


def interval(share, count):
    """Wilson's 95 % interval of a share."""
    z = 1.96
    middle = (share + z * z / 2 / count) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / 4 / count**2) / (1 + z * z / count)
    return middle - half, middle + half


def text(result, count):
    """The scores in one line."""
    low, high = interval(result["fine"], count)
    return (f"fine {100 * result['fine']:.2f} % (95 % interval {100 * low:.1f} to {100 * high:.1f}), "
            f"top-3 {100 * result['top3']:.2f} %, coarse {100 * result['coarse']:.2f} %, {count} photos")


def save(path, model, names, vectors):
    """Writes one vector of each product as a gallery file that belongs to this model file."""
    largest = np.abs(vectors).max(1, keepdims=True)
    numbers = np.round(vectors / largest * 127).astype(np.int8)
    steps = 1 / np.linalg.norm(numbers.astype(np.float32), axis=1)
    content = b"DASHGAL\n" + struct.pack("<I", 1) + hashlib.sha256(model.read_bytes()).digest()
    content += struct.pack("<III", vectors.shape[1], len(names), len(names))
    for name in names:
        content += struct.pack("<H", len(name.encode())) + name.encode()
    for place, (step, row) in enumerate(zip(steps, numbers)):
        content += struct.pack("<If", place, step) + row.tobytes()
    path.write_bytes(content + hashlib.sha256(content).digest())


def load(path, names):
    """The vectors that `save` wrote for these products, in their order."""
    content = path.read_bytes()
    size, products, entries = struct.unpack_from("<III", content, 44)
    at, held = 56, []
    for _ in range(products):
        (length,) = struct.unpack_from("<H", content, at)
        held.append(content[at + 2 : at + 2 + length].decode())
        at += 2 + length
    if missing := sorted(set(names) - set(held)):
        raise SystemExit(f"{path} was made with other products: it has no vectors of {', '.join(missing)}")
    rows = [np.frombuffer(content, np.int8, size, at + place * (8 + size) + 8) for place in range(entries)]
    return unit(np.stack([rows[held.index(name)] for name in names]).astype(np.float32))
