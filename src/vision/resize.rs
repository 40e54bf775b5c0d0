//! Resizing with antialiasing, as the model was trained: every new pixel is the mean of those under a triangle around it,
//! which is as wide as two new pixels or two old ones, whichever are larger. First along the rows, then along the columns,
//! with bytes between, as Pillow's `BILINEAR` does, to the last bit but one. Nothing is allocated once the buffers have grown.

/// Shares are counted in 1/8192: a byte times all of them fits into [`LANE`] bits, rounding included.
const BITS: u32 = 13;
/// Three colours of so many bits lie in one number, and are multiplied at once.
const LANE: u32 = 21;

/// The part of a picture (RGB, a byte each) that is resized.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// The whole picture.
    pub rgb: &'a [u8],
    /// Columns of the whole picture.
    pub columns: usize,
    /// First column and row of the part.
    pub from: (usize, usize),
    /// Columns and rows of the part.
    pub size: (usize, usize),
}

/// Resizes; keeps its buffers between pictures.
#[derive(Debug, Default)]
pub struct Resizer {
    across: Taps,
    down: Taps,
    row: Vec<u64>,
    narrowed: Vec<u8>,
}

impl Resizer {
    /// Writes `part` as a square of `side` columns and rows into `out`.
    ///
    /// # Panics
    ///
    /// Where the part is empty or does not lie in its picture, or `out` does not hold `side * side * 3` bytes.
    pub fn square(&mut self, part: Part, side: usize, out: &mut [u8]) {
        let ((left, top), (width, height)) = (part.from, part.size);
        assert!(width > 0 && height > 0 && left + width <= part.columns, "a part of its picture");
        assert_eq!(out.len(), side * side * 3, "a square");
        self.across.set(width, side);
        self.down.set(height, side);
        self.narrowed.resize(height * side * 3, 0);
        for (row, narrowed) in self.narrowed.chunks_exact_mut(side * 3).enumerate() {
            let start = ((top + row) * part.columns + left) * 3;
            self.row.clear();
            self.row.extend(part.rgb[start..start + width * 3].as_chunks().0.iter().map(joined));
            self.across.along(&self.row, narrowed);
        }
        self.down.over(&self.narrowed, side * 3, out);
    }
}

/// Which old pixels make each new one, and how much of it.
#[derive(Debug, Default)]
struct Taps {
    old: usize,
    new: usize,
    /// How many old pixels each new one has.
    count: usize,
    /// The first of them.
    first: Vec<usize>,
    /// `count` shares for each new one.
    shares: Vec<u16>,
}

impl Taps {
    fn set(&mut self, old: usize, new: usize) {
        if (self.old, self.new) == (old, new) {
            return;
        }
        let scale = old as f64 / new as f64;
        let reach = scale.max(1.0);
        let count = ((2.0 * reach).ceil() as usize).min(old);
        (self.old, self.new, self.count) = (old, new, count);
        self.first.clear();
        self.shares.clear();
        for place in 0..new {
            let middle = (place as f64 + 0.5) * scale;
            let first = ((middle - reach + 0.5).floor().max(0.0) as usize).min(old - count);
            let height = |tap: usize| (1.0 - ((first + tap) as f64 + 0.5 - middle).abs() / reach).max(0.0);
            let whole: f64 = (0..count).map(height).sum();
            // What rounding leaves over goes into the next share, so that all of them make one.
            let (mut exact, mut given) = (0.0, 0);
            for tap in 0..count {
                exact += height(tap) / whole * f64::from(1 << BITS);
                let share = exact.round() as u16 - given;
                given += share;
                self.shares.push(share);
            }
            self.first.push(first);
        }
    }

    /// A row of new pixels from one of old ones.
    fn along(&self, old: &[u64], out: &mut [u8]) {
        // A known number of taps is unrolled: a picture that grows has 2, one that shrinks to a half has 4 at most.
        match self.count {
            2 => self.along_by::<2>(old, out),
            3 => self.along_by::<3>(old, out),
            4 => self.along_by::<4>(old, out),
            _ => {
                let shares = self.shares.chunks_exact(self.count);
                for ((pixel, &first), shares) in out.as_chunks_mut().0.iter_mut().zip(&self.first).zip(shares) {
                    *pixel = blend(&old[first..first + self.count], shares);
                }
            }
        }
    }

    fn along_by<const COUNT: usize>(&self, old: &[u64], out: &mut [u8]) {
        let shares = self.shares.as_chunks::<COUNT>().0;
        for ((pixel, &first), shares) in out.as_chunks_mut().0.iter_mut().zip(&self.first).zip(shares) {
            *pixel = blend(&old[first..first + COUNT], shares);
        }
    }

    /// The new rows of `length` bytes from the old ones.
    fn over(&self, old: &[u8], length: usize, out: &mut [u8]) {
        let shares = self.shares.chunks_exact(self.count);
        for ((out, &first), shares) in out.chunks_exact_mut(length).zip(&self.first).zip(shares) {
            let rows = old[first * length..].chunks_exact(length);
            let (blocks, rest) = out.as_chunks_mut::<32>();
            for (place, block) in blocks.iter_mut().enumerate() {
                *block = over_block(rows.clone().map(|row| &row.as_chunks().0[place]), shares);
            }
            for (place, byte) in (length - rest.len()..).zip(rest) {
                [*byte] = over_block(rows.clone().map(|row| row[place..].first_chunk().expect("a byte")), shares);
            }
        }
    }
}

/// Some bytes of a new row from those in the same place of old ones.
fn over_block<'a, const N: usize>(rows: impl Iterator<Item = &'a [u8; N]>, shares: &[u16]) -> [u8; N] {
    let mut sums = [1 << (BITS - 1); N];
    for (row, &share) in rows.zip(shares) {
        for (sum, &byte) in sums.iter_mut().zip(row) {
            // As a number with a sign it takes one instruction, and no share reaches that bit.
            *sum += i32::from(share as i16) * i32::from(byte);
        }
    }
    sums.map(|sum| (sum >> BITS) as u8)
}

/// The three colours of a pixel in one number.
fn joined(&[red, green, blue]: &[u8; 3]) -> u64 {
    u64::from(red) | u64::from(green) << LANE | u64::from(blue) << (2 * LANE)
}

fn blend(old: &[u64], shares: &[u16]) -> [u8; 3] {
    const HALF: u64 = 1 << (BITS - 1);
    let half = HALF | HALF << LANE | HALF << (2 * LANE);
    let sum = old.iter().zip(shares).map(|(&pixel, &share)| pixel * u64::from(share)).sum::<u64>() + half;
    [0, LANE, 2 * LANE].map(|lane| (sum >> (lane + BITS)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resized(width: usize, height: usize, pixels: &[u8], side: usize) -> Vec<u8> {
        let rgb: Vec<u8> = pixels.iter().flat_map(|&grey| [grey, grey, 255 - grey]).collect();
        let mut out = vec![0; side * side * 3];
        let part = Part { rgb: &rgb, columns: width, from: (0, 0), size: (width, height) };
        Resizer::default().square(part, side, &mut out);
        out
    }

    #[test]
    fn the_shares_of_each_pixel_make_one() {
        for (old, new) in [(1, 7), (2, 5), (3, 3), (97, 256), (256, 256), (257, 256), (480, 256), (4000, 32)] {
            let mut taps = Taps::default();
            taps.set(old, new);
            for (place, shares) in taps.shares.chunks(taps.count).enumerate() {
                let sum: u32 = shares.iter().map(|&share| u32::from(share)).sum();
                assert_eq!(sum, 1 << BITS, "{old} to {new}, pixel {place}: {shares:?}");
                assert!(taps.first[place] + taps.count <= old, "{old} to {new}, pixel {place}");
            }
        }
    }

    #[test]
    fn a_picture_of_its_size_stays_as_it_is() {
        let pixels: Vec<u8> = (0..64).map(|place| (place * 37 % 256) as u8).collect();
        let expected: Vec<u8> = pixels.iter().flat_map(|&grey| [grey, grey, 255 - grey]).collect();
        assert_eq!(resized(8, 8, &pixels, 8), expected);
    }

    #[test]
    fn small_pictures_agree_with_sums_by_hand() {
        // Half as wide: reach 2, so shares 1 3 3 1 of 8, at the edge 3 3 1 of 7.
        assert_eq!(resized(4, 1, &[0, 80, 160, 240], 2)[..6], [57, 57, 198, 183, 183, 72]);
        // Twice as wide: a quarter of the neighbour.
        assert_eq!(resized(2, 1, &[0, 200], 4)[..12], [0, 0, 255, 50, 50, 205, 150, 150, 105, 200, 200, 55]);
        // One pixel is all there is.
        assert!(resized(1, 1, &[9], 5).chunks(3).all(|pixel| pixel == [9, 9, 246]));
    }
}
