"""The network as TensorFlow variables, in three states of one graph.

"normalised": with batch normalisation, for training. "folded": batch normalisation folded into the convolutions.
"quantised": folded, with simulated 8-bit weights and activations whose ranges are learned. The first blocks stay as the
backbone has them and run as the int8 graph they are (`Stem`), which is what makes training on two cores quick.
"""

import numpy as np
import tensorflow as tf
from tflite_file import TfliteFile

EPSILON = 1e-3
STEMS = {"block2": 119, "block5": 130}  # name -> tensor of the backbone that the trained part starts from


class Stem:
    """The frozen first blocks: uint8 photos in, features out. One per thread."""

    def __init__(self, backbone, stem, side, work):
        file = TfliteFile(backbone)
        tensor = STEMS[stem]
        position = next(i for i, layer in enumerate(file.layers) if layer.output == tensor)
        self.scale, self.zero = file.scale_of(tensor)
        file.resize(side)
        file.end_at(position)
        path = work / f"stem-{stem}-{side}.tflite"
        if not path.exists():
            file.save(path)
        self.runner = tf.lite.Interpreter(str(path), num_threads=1)
        self.runner.allocate_tensors()
        self.input = self.runner.get_input_details()[0]["index"]
        self.output = self.runner.get_output_details()[0]["index"]

    def __call__(self, photos):
        """Features (int8) of a batch of uint8 photos."""
        out = []
        for photo in photos:
            self.runner.set_tensor(self.input, photo[None])
            self.runner.invoke()
            out.append(self.runner.get_tensor(self.output)[0])
        return np.stack(out)


class Network:
    """The trained part: from the stem's features to the embedding."""

    def __init__(self, backbone, stem, size):
        file = TfliteFile(backbone)
        self.start = STEMS[stem]
        self.first = next(i for i, layer in enumerate(file.layers) if layer.output == self.start) + 1
        self.mean_at = file.mean_at
        self.layers = file.layers[self.first : self.mean_at + 1]
        self.scale, self.zero = file.scale_of(self.start)
        self.size = size
        self.last = file.layers[self.mean_at].output
        self.out = file.layers[self.mean_at + 1].output
        self.v = {}  # name -> variable
        for layer in self.layers:
            if layer.weight is not None:
                self._set(f"w{layer.output}", layer.weight)
                self._set(f"b{layer.output}", layer.bias)
        rng = np.random.default_rng(0)
        self._set("w_embed", rng.normal(0, (1 / 1280) ** 0.5 * 3, (1280, size)).astype(np.float32))
        self._set("b_embed", np.zeros(size, np.float32))

    def _set(self, name, value):
        value = np.asarray(value, np.float32)
        if name in self.v and self.v[name].shape == value.shape:
            self.v[name].assign(value)
        else:
            self.v[name] = tf.Variable(value, name=name)

    def state(self):
        """Every variable as an array."""
        return {name: variable.numpy() for name, variable in self.v.items()}

    def load(self, state):
        """Takes over a state saved before."""
        self.v = {name: variable for name, variable in self.v.items() if name in state}
        for name, value in state.items():
            self._set(name, value)

    def _features(self, x):
        return (tf.cast(x, tf.float32) - self.zero) * self.scale

    def _convolve(self, layer, x, weight):
        strides = [1, layer.stride, layer.stride, 1]
        if layer.kind == "conv":
            return tf.nn.conv2d(x, weight, strides, "SAME")
        return tf.nn.depthwise_conv2d(x, weight, strides, "SAME")

    # Before training: put a batch normalisation behind each convolution without changing the function.

    def unfold(self, x):
        """Adds batch normalisation with the statistics of these features, and centres the embedding."""
        values = {self.start: self._features(x)}
        for layer in self.layers:
            a = values[layer.inputs[0]]
            if layer.kind == "add":
                values[layer.output] = a + values[layer.inputs[1]]
            elif layer.kind == "mean":
                values[layer.output] = tf.reduce_mean(a, (1, 2))
            else:
                # Every channel's weights get the same size, so that one learning rate suits them all: the
                # normalisation behind them takes the factor out again.
                weight = self.v[f"w{layer.output}"].numpy()
                axes = (0, 1, 2) if layer.kind == "conv" else (0, 1, 3)
                size = np.sqrt(np.mean(weight**2, axis=axes))
                wanted = 0.06 if layer.kind == "conv" else 0.35
                factor = np.where(size > 1e-4, wanted / np.maximum(size, 1e-4), 1.0)
                shape = (1, 1, 1, -1) if layer.kind == "conv" else (1, 1, -1, 1)
                weight = weight * factor.reshape(shape)
                y = self._convolve(layer, a, weight)
                mean, variance = (t.numpy() for t in tf.nn.moments(y, (0, 1, 2)))
                gamma = np.sqrt(variance + EPSILON) / factor
                beta = self.v[f"b{layer.output}"].numpy() + mean / factor
                name = layer.output
                del self.v[f"b{name}"]
                for key, value in zip(("w", "gamma", "beta", "mean", "var"), (weight, gamma, beta, mean, variance)):
                    self._set(f"{key}{name}", value)
                y = (y - mean) / np.sqrt(variance + EPSILON) * gamma + beta
                values[layer.output] = tf.nn.relu6(y) if layer.relu6 else y
        average = tf.reduce_mean(values[self.last], 0).numpy()
        self._set("b_embed", -average @ self.v["w_embed"].numpy())

    def normalised(self, x, training, momentum=0.9, dropout=0.0):
        """Embeddings with batch normalisation; also the updates of the running statistics."""
        values, updates = {self.start: self._features(x)}, []
        for layer in self.layers:
            a = values[layer.inputs[0]]
            if layer.kind == "add":
                y = a + values[layer.inputs[1]]
            elif layer.kind == "mean":
                y = tf.reduce_mean(a, (1, 2))
            else:
                n = layer.output
                y = self._convolve(layer, a, self.v[f"w{n}"])
                mean, var = self.v[f"mean{n}"], self.v[f"var{n}"]
                gamma, beta = self.v[f"gamma{n}"], self.v[f"beta{n}"]
                if training:
                    y, m, s = tf.compat.v1.nn.fused_batch_norm(y, gamma, beta, epsilon=EPSILON, is_training=True)
                    updates += [(mean, m), (var, s)]
                else:
                    scale = gamma * tf.math.rsqrt(var + EPSILON)
                    y = y * scale + (beta - mean * scale)
                if layer.relu6:
                    y = tf.nn.relu6(y)
            values[layer.output] = y
        feature = values[self.last]
        if training and dropout:
            feature = tf.nn.dropout(feature, dropout)
        for variable, new in updates:
            variable.assign(variable * momentum + new * (1 - momentum))
        return feature @ self.v["w_embed"] + self.v["b_embed"]

    def fold(self):
        """Folds batch normalisation into a fixed scale per channel, beside the weights, and a bias."""
        for layer in self.layers:
            if layer.weight is None:
                continue
            n = layer.output
            scale = self.v[f"gamma{n}"].numpy() / np.sqrt(self.v[f"var{n}"].numpy() + EPSILON)
            # Kept apart from the weights, so that these stay of one size and one learning rate goes on suiting them all.
            self._set(f"scale{n}", scale.reshape((1, 1, 1, -1) if layer.kind == "conv" else (1, 1, -1, 1)))
            self._set(f"b{n}", self.v[f"beta{n}"].numpy() - self.v[f"mean{n}"].numpy() * scale)
            for key in ("gamma", "beta", "mean", "var"):
                del self.v[f"{key}{n}"]

    # After folding.

    def folded(self, x, quantise=False, watch=None):
        """Embeddings of the folded network, with simulated 8-bit numbers where asked; `watch` sees each activation."""
        def activation(n, y):
            if watch is not None:
                watch(n, y)
            if quantise:
                low = tf.minimum(self.v[f"low{n}"], 0.0)
                return tf.quantization.fake_quant_with_min_max_vars(y, low, tf.maximum(self.v[f"high{n}"], low + 1e-3))
            return y

        def weights(layer):
            w = self.v[f"w{layer.output}"] * self.v[f"scale{layer.output}"]
            if not quantise:
                return w
            if layer.kind == "conv":
                return rounded(w, (0, 1, 2))
            return rounded(w, (0, 1, 3))

        values = {self.start: self._features(x)}
        for layer in self.layers:
            a = values[layer.inputs[0]]
            if layer.kind == "add":
                y = a + values[layer.inputs[1]]
            elif layer.kind == "mean":
                y = tf.reduce_mean(a, (1, 2))
            else:
                y = self._convolve(layer, a, weights(layer)) + self.v[f"b{layer.output}"]
                if layer.relu6:
                    y = tf.nn.relu6(y)
            values[layer.output] = activation(layer.output, y)
        w = self.v["w_embed"]
        y = values[self.last] @ (rounded(w, (0,)) if quantise else w) + self.v["b_embed"]
        return activation(self.out, y)

    def calibrate(self, batches, percentile=99.99):
        """Sets the starting range of every activation from these batches."""
        lows, highs = {}, {}

        def watch(n, y):
            # The middle of the batches' percentiles: one odd photo must not stretch the range of a whole layer.
            flat = y.numpy().ravel()
            lows.setdefault(n, []).append(np.percentile(flat, 100 - percentile))
            highs.setdefault(n, []).append(np.percentile(flat, percentile))

        for x in batches:
            self.folded(x, watch=watch)
        for n in lows:
            self._set(f"low{n}", min(0.0, float(np.median(lows[n]))))
            self._set(f"high{n}", float(np.median(highs[n])))

    def write(self, backbone, side, path):
        """Writes the quantised network as a TFLite file with uint8 input of this side."""
        file = TfliteFile(backbone)
        file.resize(side)
        for n in [layer.output for layer in self.layers] + [self.out]:
            file.set_range(n, *whole_range(float(self.v[f"low{n}"]), float(self.v[f"high{n}"])))
        file.set_range(file.layers[self.mean_at + 2].output, *file.scale_of(self.out))
        for position, layer in enumerate(self.layers, self.first):
            if layer.weight is None:
                continue
            w = (self.v[f"w{layer.output}"] * self.v[f"scale{layer.output}"]).numpy()
            first = w.transpose(3, 0, 1, 2) if layer.kind == "conv" else w.transpose(2, 0, 1, 3)
            scales = np.maximum(np.abs(first).max((1, 2, 3)), 1e-6).astype(np.float32) / 127
            values = np.round(first / scales[:, None, None, None]).astype(np.int8)
            if layer.kind == "depthwise":
                values = values.transpose(3, 1, 2, 0)
            file.set_weights(position, np.ascontiguousarray(values), scales, self.v[f"b{layer.output}"].numpy())
        w = self.v["w_embed"].numpy().T[:, None, None, :]
        scales = np.abs(w).max((1, 2, 3)).astype(np.float32) / 127
        values = np.round(w / scales[:, None, None, None]).astype(np.int8)
        file.set_weights(self.mean_at + 1, values, scales, self.v["b_embed"].numpy())
        file.set_embedding(self.size)
        file.save(path)


def rounded(w, axes):
    """Weights rounded to int8 per output channel; the gradient passes as if they were not."""
    scale = tf.maximum(tf.reduce_max(tf.abs(w), axes, keepdims=True), 1e-6) / 127
    scale = tf.stop_gradient(scale)
    return w + tf.stop_gradient(tf.round(w / scale) * scale - w)


def whole_range(low, high):
    """Scale and zero point of int8 for a range, nudged as `fake_quant_with_min_max_vars` does."""
    low = min(low, 0.0)
    high = max(high, low + 1e-3)
    scale = (high - low) / 255
    zero = int(np.clip(np.floor(-low / scale + 0.5), 0, 255))
    return scale, zero - 128
