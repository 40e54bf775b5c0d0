//! Draws codes for tests: EAN, UPC-E, GS1 DataBar, QR and DataMatrix, encoded here from their standards, in pictures as a
//! camera gives them (turned, small, blurred, noisy, dim). Encoders only: nothing here reads.

mod databar;
mod datamatrix;
mod ean;

pub use databar::{expanded, omnidirectional};
pub use datamatrix::{datamatrix, datamatrix_of_text};
pub use ean::{ean_8, ean_13, upc_e};

/// A code as dark and light modules, without its quiet zone.
#[derive(Debug, Clone)]
pub struct Symbol {
    /// Modules across.
    pub columns: usize,
    /// Modules down.
    pub rows: usize,
    /// Row by row, whether a module is dark.
    pub dark: Vec<bool>,
    /// Light modules that must stay free around it.
    pub quiet: usize,
}

impl Symbol {
    /// Bars that are `rows` modules high.
    fn of_bars(bars: &[bool], rows: usize, quiet: usize) -> Symbol {
        Symbol { columns: bars.len(), rows, dark: bars.repeat(rows), quiet }
    }

    /// Whether a place, in modules from the upper left corner, is dark; `None` beyond the quiet zone.
    fn at(&self, x: f64, y: f64) -> Option<bool> {
        let quiet = self.quiet as f64;
        let inside = x >= -quiet && y >= -quiet && x < self.columns as f64 + quiet && y < self.rows as f64 + quiet;
        let on_it = x >= 0.0 && y >= 0.0 && x < self.columns as f64 && y < self.rows as f64;
        inside.then(|| on_it && self.dark[y as usize * self.columns + x as usize])
    }
}

/// A QR code of a text, at the least size with medium error correction.
pub fn qr(text: &str) -> Symbol {
    let code = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium).expect("a short text");
    let side = code.size();
    let dark = (0..side).flat_map(|y| (0..side).map(move |x| (x, y))).map(|(x, y)| code.get_module(x, y)).collect();
    Symbol { columns: side as usize, rows: side as usize, dark, quiet: 4 }
}

/// How a symbol looks to the camera.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Pixels to a module.
    pub module: f64,
    /// Turned clockwise.
    pub degrees: f64,
    /// Standard deviation of the blur in pixels.
    pub blur: f64,
    /// Standard deviation of the noise, of 255.
    pub noise: f64,
    /// How bright white is, 0 to 1.
    pub light: f64,
}

impl Default for View {
    fn default() -> View {
        View { module: 2.0, degrees: 0.0, blur: 0.0, noise: 0.0, light: 0.95 }
    }
}

/// Grey values of a picture that shows symbols, each around its middle (in pixels), on grey.
pub fn draw(size: (usize, usize), symbols: &[(&Symbol, (f64, f64))], view: View, seed: u64) -> Vec<u8> {
    const SAMPLES: usize = 4;
    let (sine, cosine) = view.degrees.to_radians().sin_cos();
    let mut picture = Vec::with_capacity(size.0 * size.1);
    for (row, column) in (0..size.1).flat_map(|row| (0..size.0).map(move |column| (row, column))) {
        let mut sum = 0.0;
        for sample in 0..SAMPLES * SAMPLES {
            let x = column as f64 + (0.5 + (sample % SAMPLES) as f64) / SAMPLES as f64;
            let y = row as f64 + (0.5 + (sample / SAMPLES) as f64) / SAMPLES as f64;
            let dark = symbols.iter().find_map(|(symbol, middle)| {
                let (x, y) = ((x - middle.0) / view.module, (y - middle.1) / view.module);
                let turned = (cosine * x + sine * y, cosine * y - sine * x);
                symbol.at(turned.0 + symbol.columns as f64 / 2.0, turned.1 + symbol.rows as f64 / 2.0)
            });
            sum += match dark {
                Some(true) => 0.08,
                Some(false) => 1.0,
                None => 0.5,
            };
        }
        picture.push(sum / (SAMPLES * SAMPLES) as f64 * view.light * 255.0);
    }
    let picture = if view.blur > 0.0 { blurred(&picture, size, view.blur) } else { picture };
    let mut chance = seed;
    picture.iter().map(|value| (value + view.noise * normal(&mut chance)).round().clamp(0.0, 255.0) as u8).collect()
}

/// The next of a repeatable row of numbers (splitmix64).
pub fn next(chance: &mut u64) -> u64 {
    *chance = chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *chance;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// About normally distributed: the sum of twelve even ones.
fn normal(chance: &mut u64) -> f64 {
    (0..12).map(|_| (next(chance) >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
}

/// Blurred with a Gaussian, edge pixels going on beyond the edge.
fn blurred(picture: &[f64], size: (usize, usize), deviation: f64) -> Vec<f64> {
    let reach = (3.0 * deviation).ceil() as i64;
    let weights: Vec<f64> = (-reach..=reach).map(|at| (-0.5 * (at as f64 / deviation).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let along = |from: &[f64], step: (i64, i64)| -> Vec<f64> {
        let pixels = (0..size.1 as i64).flat_map(|y| (0..size.0 as i64).map(move |x| (x, y)));
        pixels
            .map(|(x, y)| {
                let terms = weights.iter().zip(-reach..=reach).map(|(weight, at)| {
                    let x = (x + at * step.0).clamp(0, size.0 as i64 - 1) as usize;
                    let y = (y + at * step.1).clamp(0, size.1 as i64 - 1) as usize;
                    weight * from[y * size.0 + x]
                });
                terms.sum::<f64>() / sum
            })
            .collect()
    };
    along(&along(picture, (1, 0)), (0, 1))
}
