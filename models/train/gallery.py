"""What the cart does with an embedding: the nearest entry of a gallery of class means, by cosine."""

import numpy as np


def unit(x):
    """Rows of length one."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)


def means(embeddings, labels, products):
    """One entry per product: the mean of its unit embeddings, itself of length one."""
    embeddings = unit(embeddings)
    return unit(np.stack([embeddings[labels == p].mean(0) if (labels == p).any() else np.zeros(embeddings.shape[1]) for p in range(products)]))


def scores(gallery, embeddings, labels, coarse):
    """Shares right: fine top-1, fine top-3, coarse top-1."""
    order = np.argsort(-(unit(embeddings) @ gallery.T), axis=1)
    return {
        "fine": float((order[:, 0] == labels).mean()),
        "top3": float((order[:, :3] == labels[:, None]).any(1).mean()),
        "coarse": float((coarse[order[:, 0]] == coarse[labels]).mean()),
    }


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
