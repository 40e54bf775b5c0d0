"""The last layer, fitted once more with photos from shops of which the layers before it know nothing.

What those layers find in the pictures that they learned from is clearer than what they find in any other, so a last layer
that saw those alone trusts them too much. Fitting it is a convex problem: it has one solution, whatever the seed.
"""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

import photos as pictures
from folds import folds_of
from network import features

PULL = 2.65  # Towards the layer as it was, against what all strange pictures count together: the more there are, the less it holds.
VIEWS, VIEW_COUNTS = 8, 0.5  # Cut and lit pictures of each photo, and what one counts; each of the photo's two looks counts one.


class Strange:
    """Photos that the layers before the last never learned from, as the features of their looks and of varied pictures of them."""

    def __init__(self, net, photos, side, seed, loaders=1):
        n = len(photos)
        self.photos, self.looks = photos, features(net, pictures.two_looks(photos.images, side)).reshape(2, n, -1)
        # Their own numbers in the products' place tell which photo a varied picture shows.
        each = pictures.Photos(photos.images, np.arange(n), [str(i) for i in range(n)], np.arange(n))
        drawn = itertools.islice(pictures.Batches(each, side, seed, 32, 0.5).loaded(loaders), n * VIEWS // 32)
        images, of = zip(*drawn)
        self.varied, self.of = features(net, images), torch.cat(of).argmax(1)

    def parts(self, many):
        """The part of each photo: a product's photos as so many groups that look alike, one in each part."""
        return torch.from_numpy(folds_of(self.photos, folds=many, groups=many))

    def shown(self, which):
        """Features of the pictures of these photos, their products, and what each picture counts."""
        varied, labels = which[self.of], torch.from_numpy(self.photos.labels)
        x = torch.cat([self.looks[:, which].flatten(0, 1), self.varied[varied]])
        y = torch.cat([labels[which].repeat(2), labels[self.of[varied]]])
        return x, y, torch.tensor([1.0] * (2 * int(which.sum())) + [VIEW_COUNTS] * int(varied.sum()))


def correction(layer, known, strange, labels, counts):
    """What is to be added to a layer's weight [products, features] and bias, that it still says of known features what it
    said and names strange ones rightly. `known` and `strange` are features and what the layer says of them, as log-probabilities.

    What is learned is one linear map of the features for all products, besides a bias each: what is strange about one product's
    photos is so about those of its like, so that a product without a strange photo gains, too. On the photos of others such a
    product keeps the probability that it had: it would else be pushed away, or left behind.
    """
    (x, said), (strange_x, strange_said) = known, strange
    without = torch.ones(said.shape[1], dtype=torch.bool)
    without[labels] = False
    kept = F.softmax(strange_said, 1) * without
    named = F.one_hot(labels, said.shape[1]) * (1 - kept.sum(1, keepdim=True)) + kept
    begun, target = torch.cat([said, strange_said]), torch.cat([F.softmax(said, 1), named])
    strength = PULL / counts.sum()
    counts, x = torch.cat([torch.ones(len(x)), counts]), torch.cat([x, strange_x])
    counts /= counts.sum()
    products = layer - layer.mean(0)
    products /= products.norm(dim=1).mean()
    turn, bias = torch.zeros(x.shape[1], x.shape[1], requires_grad=True), torch.zeros(said.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([turn, bias], max_iter=150, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        log_loss = -(target * F.log_softmax(begun + x @ (products @ turn).T + bias, 1)).sum(1)
        loss = (counts * log_loss).sum() + strength * turn.square().sum()
        loss.backward()
        return loss

    optimizer.step(loss)
    return (products @ turn).detach(), bias.detach()
