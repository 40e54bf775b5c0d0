//! Prints of packaged goods: brand block, picture, name, fine print and the code, in every pack's own colours.

use super::shapes::{Shape, along, box_faces};
use super::sheet::{Brush, Rgb, Sheet};
use super::space::{Chance, noise, vec3};
use crate::domain::units::Gtin;

/// What the picture on a pack shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Motif {
    Drops,
    Meadow,
    Rings,
    Spirals,
    Grains,
    Crisps,
    Fruit,
    Beans,
    Bubbles,
    Waves,
    Squares,
    Cup,
    Sparkle,
    Hops,
}

/// Share of a round pack's girth that its back takes.
const BACK_SHARE: f32 = 0.38;

/// The stretch of an outline that carries the label, and its length in millimetres.
fn longest(lengths: &[f32]) -> (usize, f32) {
    let length = |index: usize| lengths[index] - lengths[index - 1];
    let index = (1..lengths.len()).max_by(|a, b| length(*a).total_cmp(&length(*b))).unwrap_or(1);
    (index, length(index) * 1000.0)
}

/// Whether a code lies along a back of this size, and its module in millimetres: the largest of 2/3 and 1/2 mm whose
/// quiet zones still fit. On a `round` back it always lies along, or its outer bars would look away.
fn code_fit(w: f32, h: f32, round: bool) -> (bool, f32) {
    let tries = [(w, false, 2.0 / 3.0), (h, true, 2.0 / 3.0), (w, false, 0.5), (h, true, 0.5)];
    let fits = |(side, turned, module): &(f32, bool, f32)| (*turned || !round) && 113.0 * module <= side * 0.99;
    tries.into_iter().find(fits).map_or((round, 1.0 / 3.0), |(_, turned, module)| (turned, module))
}

/// Draws one of many like things: where, and how large.
type Draw = Box<dyn Fn(&mut Brush, f32, f32, f32)>;

/// A pack's print.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Print {
    /// The brand, in capital letters.
    pub brand: &'static str,
    /// What is in it, in capital letters.
    pub name: &'static str,
    /// How much is in it.
    pub content: &'static str,
    /// Ground colour above and below.
    pub ground: [Rgb; 2],
    /// The brand's block and its letters.
    pub block: [Rgb; 2],
    /// The picture's main and second colour.
    pub picture: [Rgb; 2],
    /// What the picture shows.
    pub motif: Motif,
    /// Colour of lid, cap or rim.
    pub lid: Rgb,
}

impl Print {
    /// Prints the sheet that covers `shape`, with the code on its back.
    pub fn sheet(&self, shape: &Shape, gtin: Gtin) -> Sheet {
        let (width, height) = shape.sheet_mm();
        match shape {
            Shape::Box { size } => {
                let mut brush = Brush::new(width, height, 3.0, self.ground[0]);
                let faces = box_faces(size.map(|metres| metres * 1000.0));
                self.front(brush.within(faces[0]), 1.0);
                self.side(brush.within(faces[1]));
                self.back(brush.within(faces[2]), gtin, false);
                self.side(brush.within(faces[3]));
                self.end(brush.within(faces[4]));
                self.end(brush.within(faces[5]));
                brush.done()
            }
            Shape::Pouch { .. } => {
                let mut brush = Brush::new(width, height, 3.0, self.ground[0]);
                self.front(brush.within([0.0, 0.0, width / 2.0, height]), 1.0);
                self.back(brush.within([width / 2.0, 0.0, width / 2.0, height]), gtin, false);
                let seam = self.lid;
                brush.within([0.0, 0.0, width, height]).rect([0.0, 0.0, width, height * 0.035], seam);
                brush.rect([0.0, height * 0.965, width, height * 0.035], seam);
                brush.done()
            }
            Shape::Turned { outline, .. } => {
                // Six points a millimetre: modules of 2/3 and of 1/2 mm are whole numbers of them.
                let mut brush = Brush::new(width, height, 6.0, self.lid);
                // The label covers the longest stretch of the outline; everything else is lid, cap, neck or bottom.
                let lengths = along(outline);
                let (index, _) = longest(&lengths);
                let (low, high) = (lengths[index - 1] * 1000.0, lengths[index] * 1000.0);
                self.rings(&mut brush, &lengths, index);
                let (top, tall) = (height - high, high - low);
                let label = [0.0, top, width, tall];
                self.ground(brush.within(label));
                self.front(brush.within([width * 0.04, top, width * 0.5, tall]), 0.62);
                self.back(brush.within([width * 0.58, top, width * BACK_SHARE, tall]), gtin, true);
                brush.done()
            }
            _ => Brush::new(width, height, 1.0, self.ground[0]).done(),
        }
    }

    /// Width in metres of a module of the code on the back.
    pub fn module(&self, shape: &Shape) -> f32 {
        let (width, height) = shape.sheet_mm();
        let (w, h) = match shape {
            Shape::Box { size } => (size[0] * 1000.0, size[1] * 1000.0),
            Shape::Pouch { .. } => (width / 2.0, height),
            Shape::Turned { outline, .. } => (width * BACK_SHARE, longest(&along(outline)).1),
            _ => (width, height),
        };
        code_fit(w, h, matches!(shape, Shape::Turned { .. })).1 / 1000.0
    }

    fn ground(&self, brush: &mut Brush) {
        let [above, below] = self.ground;
        brush.fill(|x, y| {
            let share = (y + 0.06 * noise(vec3(x * 6.0, y * 6.0, 1.0), 5)).clamp(0.0, 1.0);
            [0, 1, 2].map(|i| (f32::from(above[i]) * (1.0 - share) + f32::from(below[i]) * share) as u8)
        });
    }

    /// Bands on the parts of a turned body that carry no label: a bright rim, a darker shoulder.
    fn rings(&self, brush: &mut Brush, lengths: &[f32], label: usize) {
        let (width, height) = brush.room();
        for index in 1..lengths.len() {
            if index != label && index > 1 {
                let (low, high) = (lengths[index - 1] * 1000.0, lengths[index] * 1000.0);
                let factor = if index % 2 == 0 { 1.0 } else { 0.88 };
                let colour = self.lid.map(|part| (f32::from(part) * factor) as u8);
                brush.rect([0.0, height - high, width, high - low], colour);
            }
        }
    }

    /// The front; of a round pack only the share `seen` of its width looks at one.
    fn front(&self, brush: &mut Brush, seen: f32) {
        self.ground(brush);
        let (w, h) = brush.room();
        let block = h * 0.24;
        brush.rect([0.0, h * 0.06, w, block], self.block[0]);
        brush.rect([0.0, h * 0.06 + block, w, h * 0.012], self.block[1]);
        brush.text(self.brand, (w / 2.0, h * 0.06 + block * 0.2), block * 0.6, w * 0.86 * seen, 0.19, self.block[1]);
        self.picture(brush, (w / 2.0, h * 0.55), (w * seen).min(h * 0.62) * 0.40);
        brush.text(self.name, (w / 2.0, h * 0.78), h * 0.085, w * 0.84 * seen, 0.16, self.block[0]);
        brush.text(self.content, (w * (0.5 + 0.26 * seen), h * 0.905), h * 0.05, w * 0.36 * seen, 0.14, self.block[0]);
        brush.line((w * 0.1, h * 0.925), (w * 0.45, h * 0.925), h * 0.012, self.picture[0]);
    }

    fn back(&self, brush: &mut Brush, gtin: Gtin, round: bool) {
        self.ground(brush);
        let (w, h) = brush.room();
        brush.rect([0.0, h * 0.04, w, h * 0.11], self.block[0]);
        brush.text(self.brand, (w / 2.0, h * 0.062), h * 0.066, w * 0.7, 0.17, self.block[1]);
        let mut chance = Chance::new(u64::from(self.ground[0][0]) * 77 + self.name.len() as u64);
        let mut row = h * 0.19;
        while row < h * 0.44 {
            let end = w * chance.between(0.55, 0.92);
            brush.line((w * 0.08, row), (end, row), 0.9, self.block[0]);
            row += 2.6;
        }
        let (turned, module) = code_fit(w, h, round);
        let bar = if turned { (w * 0.62).min(34.0) } else { (h * 0.30).min(34.0) };
        let (cw, ch) = if turned { (bar, 113.0 * module) } else { (113.0 * module, bar) };
        let top = if turned { (h - ch) / 2.0 } else { h * 0.52 };
        brush.code(gtin, ((w - cw) / 2.0, top), module, bar, turned);
    }

    fn side(&self, brush: &mut Brush) {
        self.ground(brush);
        let (w, h) = brush.room();
        brush.rect([0.0, h * 0.06, w, h * 0.24], self.block[0]);
        brush.text(self.brand, (w / 2.0, h * 0.15), h * 0.1, w * 0.8, 0.17, self.block[1]);
        for row in 0..12 {
            let y = h * (0.42 + 0.04 * row as f32);
            brush.line((w * 0.15, y), (w * (0.6 + 0.2 * (row % 3) as f32 / 2.0), y), 0.9, self.block[0]);
        }
    }

    fn end(&self, brush: &mut Brush) {
        let (w, h) = brush.room();
        let colour = self.block[0];
        brush.rect([0.0, 0.0, w, h], colour);
        brush.text(self.brand, (w / 2.0, h * 0.3), h * 0.4, w * 0.8, 0.17, self.block[1]);
    }

    fn picture(&self, brush: &mut Brush, (x, y): (f32, f32), size: f32) {
        let [main, second] = self.picture;
        let mut chance = Chance::new(self.motif as u64 + 3);
        let mut scatter = |count: usize, draw: Draw, brush: &mut Brush| {
            for _ in 0..count {
                let (angle, out) = (chance.between(0.0, std::f32::consts::TAU), chance.share().sqrt() * size);
                let scale = chance.between(0.6, 1.2);
                draw(brush, x + out * angle.cos() * 1.2, y + out * angle.sin() * 0.8, scale);
            }
        };
        match self.motif {
            Motif::Drops => {
                brush.ellipse((x, y + size * 0.25), (size * 0.55, size * 0.6), main);
                brush.line((x, y - size * 0.75), (x, y), size * 0.35, main);
                brush.ellipse((x - size * 0.2, y + size * 0.3), (size * 0.12, size * 0.22), second);
            }
            Motif::Meadow => {
                brush.ellipse((x, y), (size, size * 0.85), [150, 205, 240]);
                brush.ellipse((x, y + size * 0.55), (size * 0.92, size * 0.42), main);
                brush.ellipse((x, y), (size * 0.46, size * 0.3), [250, 250, 248]);
                brush.ellipse((x + size * 0.42, y - size * 0.2), (size * 0.2, size * 0.18), [250, 250, 248]);
                brush.ellipse((x - size * 0.15, y - size * 0.05), (size * 0.16, size * 0.12), second);
                brush.ellipse((x + size * 0.2, y + size * 0.08), (size * 0.1, size * 0.1), second);
                for leg in [-0.32, -0.15, 0.15, 0.32] {
                    let lx = x + leg * size;
                    brush.line((lx, y + size * 0.2), (lx, y + size * 0.5), size * 0.08, [240, 240, 238]);
                }
            }
            Motif::Rings => {
                brush.ellipse((x, y + size * 0.2), (size, size * 0.6), [245, 245, 245]);
                let draw = Box::new(move |brush: &mut Brush, x: f32, y: f32, scale: f32| {
                    let r = size * 0.19 * scale;
                    brush.ellipse((x, y), (r, r), main);
                    brush.ellipse((x, y), (r * 0.42, r * 0.42), second);
                });
                scatter(26, draw, brush);
            }
            Motif::Spirals => {
                let draw = Box::new(move |brush: &mut Brush, x: f32, y: f32, scale: f32| {
                    for turn in 0..5 {
                        let dx = (turn as f32 - 2.0) * size * 0.10 * scale;
                        let colour = if turn % 2 == 0 { main } else { second };
                        brush.line(
                            (x + dx, y - size * 0.09),
                            (x + dx + size * 0.05, y + size * 0.09),
                            size * 0.07,
                            colour,
                        );
                    }
                });
                scatter(20, draw, brush);
            }
            Motif::Grains => {
                let draw = Box::new(move |brush: &mut Brush, x: f32, y: f32, scale: f32| {
                    let d = size * 0.1 * scale;
                    brush.line((x - d, y - d * 0.6), (x + d, y + d * 0.6), size * 0.06, main);
                    brush.line((x - d * 0.5, y - d * 0.5), (x, y - d * 0.1), size * 0.02, second);
                });
                brush.ellipse((x, y), (size * 1.1, size * 0.9), [120, 60, 30]);
                scatter(70, draw, brush);
            }
            Motif::Crisps => {
                let draw = Box::new(move |brush: &mut Brush, x: f32, y: f32, scale: f32| {
                    let r = size * 0.30 * scale;
                    brush.ellipse((x + r * 0.06, y + r * 0.08), (r, r * 0.72), [150, 100, 30]);
                    brush.ellipse((x, y), (r, r * 0.72), main);
                    brush.ellipse((x - r * 0.2, y - r * 0.15), (r * 0.35, r * 0.2), second);
                });
                scatter(16, draw, brush);
            }
            Motif::Fruit => {
                for (dx, dy) in [(-0.45, 0.15), (0.42, 0.2), (0.0, -0.15)] {
                    brush.ellipse((x + dx * size, y + dy * size), (size * 0.48, size * 0.46), main);
                    brush.ellipse((x + (dx - 0.12) * size, y + (dy - 0.14) * size), (size * 0.14, size * 0.12), second);
                }
                brush.ellipse((x + size * 0.25, y - size * 0.62), (size * 0.32, size * 0.13), [60, 130, 50]);
                brush.line((x, y - size * 0.5), (x + size * 0.05, y - size * 0.75), size * 0.06, [80, 60, 30]);
            }
            Motif::Beans => {
                let draw = Box::new(move |brush: &mut Brush, x: f32, y: f32, scale: f32| {
                    let r = size * 0.17 * scale;
                    brush.line((x - r * 0.5, y), (x + r * 0.5, y), r * 1.3, main);
                    brush.line((x - r * 0.7, y - r * 0.1), (x + r * 0.7, y + r * 0.1), r * 0.16, second);
                });
                scatter(28, draw, brush);
            }
            Motif::Bubbles => {
                let draw = Box::new(move |brush: &mut Brush, x: f32, y: f32, scale: f32| {
                    let r = size * 0.16 * scale * scale;
                    brush.ellipse((x, y), (r, r), main);
                    brush.ellipse((x - r * 0.25, y - r * 0.25), (r * 0.5, r * 0.5), second);
                });
                scatter(26, draw, brush);
            }
            Motif::Waves => {
                for row in 0..4 {
                    let y0 = y + (row as f32 - 1.5) * size * 0.42;
                    let colour = if row % 2 == 0 { main } else { second };
                    let at = |i: i32| (x + (i as f32 - 8.0) * size * 0.13, y0 + (i as f32 * 0.9).sin() * size * 0.13);
                    for i in 0..16 {
                        brush.line(at(i), at(i + 1), size * 0.13, colour);
                    }
                }
            }
            Motif::Squares => {
                for i in 0..12 {
                    let (cx, cy) = ((i % 4) as f32 - 1.5, (i / 4) as f32 - 1.0);
                    let (left, top) = (x + cx * size * 0.56 - size * 0.26, y + cy * size * 0.5 - size * 0.23);
                    brush.rect([left, top, size * 0.52, size * 0.46], main);
                    brush.rect([left + size * 0.08, top + size * 0.08, size * 0.34, size * 0.28], second);
                }
            }
            Motif::Cup => {
                brush.rect([x - size * 0.6, y - size * 0.2, size * 1.2, size * 0.75], main);
                brush.ellipse((x, y + size * 0.5), (size * 0.6, size * 0.3), main);
                brush.ellipse((x, y - size * 0.2), (size * 0.6, size * 0.18), second);
                brush.ellipse((x + size * 0.72, y + size * 0.1), (size * 0.24, size * 0.24), main);
                brush.ellipse((x + size * 0.72, y + size * 0.1), (size * 0.12, size * 0.12), self.ground[0]);
                for dx in [-0.25, 0.0, 0.25] {
                    brush.line((x + dx * size, y - size * 0.5), (x + dx * size, y - size * 0.85), size * 0.06, second);
                }
            }
            Motif::Sparkle => {
                for (dx, dy, r) in [(0.0, 0.0, 0.8), (0.7, -0.5, 0.4), (-0.7, 0.45, 0.35)] {
                    let (cx, cy, r) = (x + dx * size, y + dy * size, r * size);
                    brush.line((cx - r, cy), (cx + r, cy), r * 0.22, main);
                    brush.line((cx, cy - r), (cx, cy + r), r * 0.22, main);
                    brush.ellipse((cx, cy), (r * 0.36, r * 0.36), second);
                }
            }
            Motif::Hops => {
                for row in 0..5 {
                    let count = [2, 3, 3, 2, 1][row];
                    for i in 0..count {
                        let cx = x + (i as f32 - (count as f32 - 1.0) / 2.0) * size * 0.42;
                        let colour = if (row + i) % 2 == 0 { main } else { second };
                        brush.ellipse((cx, y + (row as f32 - 2.0) * size * 0.34), (size * 0.27, size * 0.26), colour);
                    }
                }
            }
        }
    }
}
