//! Pattern sheets: the flat pictures that cover bodies, with smaller copies for distant views, and the brush that
//! paints them in millimetres. Knows strokes, letters and bars, no products.

use crate::domain::units::Gtin;
use wide::f32x4;

/// Red, green and blue, 0 to 255.
pub type Rgb = [u8; 3];

/// A picture with its halved copies.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    levels: Vec<Level>,
}

/// One copy, with its last column once more before the first and its first behind the last, and its last row twice: what
/// lies between two points can be read without asking where the sheet ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    width: i32,
    height: i32,
    /// With a fourth part that means nothing: four are read and reckoned with at once.
    points: Vec<[u8; 4]>,
}

impl Level {
    fn new(width: usize, height: usize, point: impl Fn(usize, usize) -> [u8; 4]) -> Level {
        let columns = || std::iter::once(width - 1).chain(0..width).chain(std::iter::once(0));
        let rows = (0..height).chain(std::iter::once(height - 1));
        let points = rows.flat_map(|y| columns().map(move |x| (x, y))).map(|(x, y)| point(x, y)).collect();
        Level { width: width as i32, height: height as i32, points }
    }

    /// Where a point stands in `points`; `x` may be one before the first column.
    #[inline(always)]
    fn place(&self, x: i32, y: i32) -> usize {
        (y * (self.width + 2) + x + 1) as usize
    }

    /// The point at `place` and the one to its right.
    #[inline(always)]
    fn pair(&self, place: usize) -> [[u8; 4]; 2] {
        let pair = &self.points[place..place + 2];
        [pair[0], pair[1]]
    }

    fn point(&self, x: usize, y: usize) -> [u8; 4] {
        self.points[self.place(x as i32, y as i32)]
    }

    /// The colour at (`u`, `v`), 0 to 1, and a fourth part that means nothing; the sheet joins at left and right.
    #[inline]
    pub fn colour(&self, u: f32, v: f32) -> f32x4 {
        let (x, y) = (u * self.width as f32 - 0.5, (v * self.height as f32 - 0.5).max(0.0));
        // Not `floor`, which is a call where the processor is not known: `x` is hardly ever negative, `y` never.
        let left = (x as i32 - i32::from(x < 0.0)).clamp(-1, self.width - 1);
        let top = (y as i32).min(self.height - 1);
        let (tx, ty) = (x - left as f32, y - top as f32);
        let first = self.place(left, top);
        let below = first + self.width as usize + 2;
        let ([a, b], [c, d]) = (self.pair(first), self.pair(below));
        let [a, b, c, d] = [a, b, c, d].map(parts);
        let (above, below) = (a + (b - a) * tx, c + (d - c) * tx);
        above + (below - above) * ty
    }

    /// The point that (`u`, `v`) lies in, 0 to 1.
    #[inline]
    pub fn nearest(&self, u: f32, v: f32) -> f32x4 {
        // Cells are counted in 32 bits, which processors turn fractions into at once.
        let (x, y) = ((u * self.width as f32) as i32, (v * self.height as f32) as i32);
        parts(self.points[self.place(x.clamp(0, self.width - 1), y.clamp(0, self.height - 1))])
    }
}

impl Sheet {
    /// Keeps `rgb` (`width * height` points, at least one) and makes its smaller copies.
    pub fn new(width: usize, height: usize, rgb: &[Rgb]) -> Sheet {
        let mut levels = vec![Level::new(width, height, |x, y| {
            let [red, green, blue] = rgb[y * width + x];
            [red, green, blue, 0]
        })];
        while let Some(last) = levels.last().filter(|last| last.width > 2 && last.height > 2) {
            let half = Level::new(last.width as usize / 2, last.height as usize / 2, |x, y| {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| last.point(2 * x + i, 2 * y + j));
                [0, 1, 2, 3].map(|c| ((four.iter().map(|p| u16::from(p[c])).sum::<u16>() + 2) / 4) as u8)
            });
            levels.push(half);
        }
        Sheet { levels }
    }

    /// Width and height of the finest copy.
    pub fn size(&self) -> (usize, usize) {
        (self.levels[0].width as usize, self.levels[0].height as usize)
    }

    /// The points of the finest copy, row by row.
    pub fn points(&self) -> impl Iterator<Item = Rgb> {
        let (level, (width, height)) = (&self.levels[0], self.size());
        (0..height)
            .flat_map(move |y| (0..width).map(move |x| level.point(x, y)))
            .map(|[red, green, blue, _]| [red, green, blue])
    }

    /// The copy `level`, or the smallest where it has fewer.
    pub fn level(&self, level: usize) -> &Level {
        &self.levels[level.min(self.levels.len() - 1)]
    }
}

#[inline(always)]
fn parts(point: [u8; 4]) -> f32x4 {
    f32x4::new(point.map(f32::from))
}

/// A sheet being painted: everything in millimetres from the top left.
#[derive(Debug, Clone)]
pub struct Brush {
    width: usize,
    height: usize,
    per_mm: f32,
    rgb: Vec<Rgb>,
    /// Left, top, right and bottom of what may be painted.
    frame: [f32; 4],
}

/// The strokes of the letters: points as two digits (column 0 to 4, row 0 to 6), strokes parted by spaces.
fn strokes(letter: char) -> &'static str {
    match letter {
        'A' => "062046 1434",
        'B' => "06003041423303 33444536 0636",
        'C' => "4130100105163645",
        'D' => "00304145360600",
        'E' => "40000646 0333",
        'F' => "400006 0333",
        'G' => "41301001051636454323",
        'H' => "0006 4046 0343",
        'I' => "2026",
        'J' => "404536160504",
        'K' => "0006 400346",
        'L' => "000646",
        'M' => "0600234046",
        'N' => "06004640",
        'O' | '0' => "103041453616050110",
        'P' => "06003041423303",
        'Q' => "103041453616050110 3446",
        'R' => "06003041423303 2346",
        'S' | '5' => "413010010213334445361605",
        'T' => "0040 2026",
        'U' => "000516364540",
        'V' => "002640",
        'W' => "0016233640",
        'X' => "0046 4006",
        'Y' => "002340 2326",
        'Z' => "00400646",
        '1' => "112026 1636",
        '2' => "01103041420646",
        '3' => "0110304142332333444536 160536",
        '4' => "36300444",
        '6' => "413010010516364544330 3",
        '7' => "004016",
        '8' => "103041423313020110 133344453616050413",
        '9' => "0516364541301001021343",
        '.' => "2526",
        '-' => "1333",
        '%' => "4006 0111 3545",
        _ => "",
    }
}

impl Brush {
    /// An empty sheet of this size in millimetres, with so many points a millimetre.
    pub fn new(width_mm: f32, height_mm: f32, per_mm: f32, ground: Rgb) -> Brush {
        let (width, height) = ((width_mm * per_mm).round() as usize, (height_mm * per_mm).round() as usize);
        let (width, height) = (width.max(4), height.max(4));
        Brush { width, height, per_mm, rgb: vec![ground; width * height], frame: [0.0, 0.0, width_mm, height_mm] }
    }

    /// Finishes the sheet.
    pub fn done(self) -> Sheet {
        Sheet::new(self.width, self.height, &self.rgb)
    }

    /// Paints only inside this rectangle (left, top, width, height) from now on; its corner becomes the origin.
    pub fn within(&mut self, [left, top, width, height]: [f32; 4]) -> &mut Brush {
        self.frame = [left, top, left + width, top + height];
        self
    }

    /// Width and height of what may be painted.
    pub fn room(&self) -> (f32, f32) {
        (self.frame[2] - self.frame[0], self.frame[3] - self.frame[1])
    }

    /// Paints every point by a rule: given its place, its old colour; within the rectangle left, top, right, bottom.
    fn each(&mut self, [l, t, r, b]: [f32; 4], rule: impl Fn(f32, f32) -> Option<(Rgb, f32)>) {
        let [fl, ft, fr, fb] = self.frame;
        let (l, t, r, b) = ((l + fl).max(fl), (t + ft).max(ft), (r + fl).min(fr), (b + ft).min(fb));
        let cell = |mm: f32, most: usize| ((mm * self.per_mm).round().max(0.0) as usize).min(most);
        for y in cell(t, self.height)..cell(b, self.height) {
            for x in cell(l, self.width)..cell(r, self.width) {
                let place = ((x as f32 + 0.5) / self.per_mm - fl, (y as f32 + 0.5) / self.per_mm - ft);
                if let Some((colour, share)) = rule(place.0, place.1) {
                    let old = &mut self.rgb[y * self.width + x];
                    for c in 0..3 {
                        old[c] = (f32::from(old[c]) * (1.0 - share) + f32::from(colour[c]) * share).round() as u8;
                    }
                }
            }
        }
    }

    /// Paints the whole room by a rule of place (both 0 to 1).
    pub fn fill(&mut self, rule: impl Fn(f32, f32) -> Rgb) {
        let (w, h) = self.room();
        self.each([0.0, 0.0, w, h], |x, y| Some((rule(x / w, y / h), 1.0)));
    }

    /// Paints a rectangle: left, top, width, height.
    pub fn rect(&mut self, [l, t, w, h]: [f32; 4], colour: Rgb) {
        self.each([l, t, l + w, t + h], |_, _| Some((colour, 1.0)));
    }

    /// Paints an ellipse around (x, y).
    pub fn ellipse(&mut self, (x, y): (f32, f32), (rx, ry): (f32, f32), colour: Rgb) {
        let soft = self.per_mm * rx.min(ry);
        self.each([x - rx, y - ry, x + rx, y + ry], |px, py| {
            let d = (((px - x) / rx).powi(2) + ((py - y) / ry).powi(2)).sqrt();
            Some((colour, ((1.0 - d) * soft + 0.5).clamp(0.0, 1.0)))
        });
    }

    /// Paints a line with round ends.
    pub fn line(&mut self, from: (f32, f32), to: (f32, f32), thick: f32, colour: Rgb) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let (half, sharp) = (thick / 2.0, self.per_mm);
        let square = (dx * dx + dy * dy).max(1e-6);
        let (left, right) = (from.0.min(to.0) - thick, from.0.max(to.0) + thick);
        let (top, bottom) = (from.1.min(to.1) - thick, from.1.max(to.1) + thick);
        self.each([left, top, right, bottom], |px, py| {
            let t = (((px - from.0) * dx + (py - from.1) * dy) / square).clamp(0.0, 1.0);
            let d = ((px - from.0 - t * dx).powi(2) + (py - from.1 - t * dy).powi(2)).sqrt();
            let share = ((half - d) * sharp + 0.5).clamp(0.0, 1.0);
            (share > 0.0).then_some((colour, share))
        });
    }

    /// Writes capital letters, centred at `x`, their top at `y`, as wide as `width` at most; returns their height.
    pub fn text(&mut self, words: &str, (x, y): (f32, f32), height: f32, width: f32, bold: f32, colour: Rgb) -> f32 {
        let count = words.chars().count().max(1) as f32;
        let height = height.min(width / (count * 0.86 - 0.2) * 1.0);
        let (step, unit) = (height * 0.86, height / 6.0);
        let thick = height * bold;
        let mut left = x - (count * step - step * 0.22) / 2.0;
        for letter in words.chars() {
            for stroke in strokes(letter).split(' ') {
                let digits: Vec<f32> = stroke.bytes().map(|digit| f32::from(digit.saturating_sub(b'0'))).collect();
                let points: Vec<(f32, f32)> = digits
                    .chunks_exact(2)
                    .map(|p| (left + p[0] * unit, y + p[1] * (height - thick) / 6.0 + thick / 2.0))
                    .collect();
                for pair in points.windows(2) {
                    self.line(pair[0], pair[1], thick, colour);
                }
            }
            left += step;
        }
        height
    }

    /// Prints an EAN-13 with its quiet zones on white, `module` millimetres a module; upright, or turned a quarter so
    /// that its bars lie one above the other. Returns the width and height it took.
    pub fn code(&mut self, gtin: Gtin, (x, y): (f32, f32), module: f32, bar: f32, turned: bool) -> (f32, f32) {
        let modules = ean13_modules(gtin);
        // Bars must begin on whole points, or their widths would differ.
        let snap = |at: f32, origin: f32| ((at + origin) * self.per_mm).round() / self.per_mm - origin;
        let (x, y) = (snap(x, self.frame[0]), snap(y, self.frame[1]));
        let (long, short) = (113.0 * module, bar + 2.0 * module);
        let (w, h) = if turned { (short, long) } else { (long, short) };
        self.rect([x, y, w, h], [252, 252, 250]);
        for (index, dark) in modules.iter().enumerate() {
            if *dark {
                let at = (index as f32 + 11.0) * module;
                let area = if turned { [x + module, y + at, bar, module] } else { [x + at, y + module, module, bar] };
                self.rect(area, [18, 18, 20]);
            }
        }
        (w, h)
    }
}

/// The 95 modules of an EAN-13, dark ones true (GS1 General Specifications, section 5.2.1).
pub fn ean13_modules(gtin: Gtin) -> Vec<bool> {
    const LEFT_ODD: [u8; 10] = [0x0d, 0x19, 0x13, 0x3d, 0x23, 0x31, 0x2f, 0x3b, 0x37, 0x0b];
    // Which of the six left digits have even parity, by the first digit.
    const PARITY: [u8; 10] = [0x00, 0x0b, 0x0d, 0x0e, 0x13, 0x19, 0x1c, 0x15, 0x16, 0x1a];
    let digits: Vec<usize> = gtin.to_string().bytes().map(|digit| usize::from(digit - b'0')).collect();
    let mut modules = Vec::with_capacity(95);
    let mut push = |bits: u8, count: u32| modules.extend((0..count).rev().map(|i| bits >> i & 1 == 1));
    push(0b101, 3);
    for place in 1..=6 {
        let odd = LEFT_ODD[digits[place]];
        let even = PARITY[digits[0]] >> (6 - place) & 1 == 1;
        // An even-parity digit is the odd one inverted and read backwards.
        push(if even { (!odd & 0x7f).reverse_bits() >> 1 } else { odd }, 7);
    }
    push(0b01010, 5);
    for digit in &digits[7..13] {
        push(!LEFT_ODD[*digit] & 0x7f, 7);
    }
    push(0b101, 3);
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ean_13_has_the_modules_that_the_standard_gives_it() {
        // 4006381333931: first digit 4 gives the parities ABAABB for 0, 0, 6, 3, 8, 1; the right half is 333931.
        let gtin: Gtin = "4006381333931".parse().expect("valid");
        let text: String = ean13_modules(gtin).iter().map(|dark| if *dark { '1' } else { '0' }).collect();
        let left = "0001101 0100111 0101111 0111101 0001001 0110011".replace(' ', "");
        let right = "1000010 1000010 1000010 1110100 1000010 1100110".replace(' ', "");
        assert_eq!(text, format!("101{left}01010{right}101"));
    }

    #[test]
    fn a_smaller_copy_keeps_the_mean() {
        let points: Vec<Rgb> = (0..64).map(|i| if i % 2 == 0 { [200, 0, 100] } else { [0, 200, 100] }).collect();
        let sheet = Sheet::new(8, 8, &points);
        assert_eq!(sheet.level(1).colour(0.5, 0.5).to_array()[..3], [100.0, 100.0, 100.0]);
    }
}
