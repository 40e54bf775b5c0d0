"""Folds of the training photos of which each shows what the others do not: photos that look alike stay together."""

import numpy as np
import torch.nn.functional as F

from network import features, imagenet
from photos import two_looks

FOLDS, SIDE = 5, 256
GROUPS = 8  # Of each product's photos. With 8 the ImageNet features find a fold as hard as the validation photos, which show other shops.


def groups_of(similar, count):
    """The rows in groups: the two groups whose mean likeness is largest are joined, until so many are left."""
    similar, members = similar.astype(float), [[row] for row in range(len(similar))]
    np.fill_diagonal(similar, -np.inf)
    for _ in range(len(similar) - count):
        a, b = np.unravel_index(similar.argmax(), similar.shape)
        sizes = len(members[a]), len(members[b])
        similar[a] = np.average(similar[[a, b]], axis=0, weights=sizes)
        similar[:, a] = similar[a]
        similar[a, a] = similar[b] = similar[:, b] = -np.inf
        members[a], members[b] = members[a] + members[b], []
    return [group for group in members if group]


def folds_of(photos, folds=FOLDS, groups=GROUPS):
    """The fold of each photo, by the ImageNet features of both its looks, the same for every network that is trained.

    Each product's photos are put into groups that look alike, and its groups, the largest first, into whichever fold has
    least of it; where folds have as little, another one is first with each product.
    """
    labels, looks = photos.labels, features(imagenet(), two_looks(photos.images, SIDE)).reshape(2, len(photos), -1)
    x = looks.clamp(min=0).sqrt().mean(0)
    x = F.normalize(x - x.mean(0)).numpy()
    out = np.empty(len(labels), int)
    for product in np.unique(labels):
        own, held = np.flatnonzero(labels == product), [0] * folds
        for group in sorted(groups_of(x[own] @ x[own].T, min(groups, len(own))), key=len, reverse=True):
            turn = min(range(folds), key=lambda k: held[(k + product) % folds])
            held[(turn + product) % folds] += len(group)
            out[own[group]] = (turn + product) % folds
    return out


def split(photos, fold):
    """Positions kept and held out."""
    held = folds_of(photos) == fold
    return np.flatnonzero(~held), np.flatnonzero(held)
