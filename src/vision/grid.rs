//! A picture as a coarse grid of cells: small enough to compare with every new picture, averaged so that noise fades.

use super::crop::{Rectangle, is_whole};
use crate::ports::Frame;

/// Cells along the longer side of a picture.
const LONGER_SIDE: u32 = 160;
/// Larger pictures are none: up to this, a cell has at most 256 rows, whose sum a `u16` holds.
const LARGEST_SIDE: u32 = 128 * LONGER_SIDE;

/// The mean colour of every cell of a picture.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// Columns of cells.
    pub width: usize,
    /// Rows of cells.
    pub height: usize,
    /// Mean red, green and blue of each cell, 0 to 255.
    pub rgb: Vec<[f32; 3]>,
    /// Mean brightness of each cell, 0 to 255.
    pub luma: Vec<f32>,
    frame_width: u32,
    frame_height: u32,
    /// The columns at which cells begin, and the end of the last.
    edges: Vec<usize>,
    sums: Vec<u16>,
}

impl Grid {
    /// Fills the grid from a picture. Returns `false`, and leaves it, where the picture is not whole, or larger than any
    /// camera's.
    pub fn fill(&mut self, frame: &Frame) -> bool {
        let longer = frame.width.max(frame.height);
        if !is_whole(frame) || longer > LARGEST_SIDE {
            return false;
        }
        let cells = |length: u32| (length * LONGER_SIDE.min(longer) / longer).max(1) as usize;
        (self.width, self.height) = (cells(frame.width), cells(frame.height));
        (self.frame_width, self.frame_height) = (frame.width, frame.height);
        self.rgb.resize(self.width * self.height, [0.0; 3]);
        self.luma.resize(self.width * self.height, 0.0);
        let (columns, rows) = (frame.width as usize, frame.height as usize);
        self.edges.clear();
        self.edges.extend((0..=self.width).map(|cell| cell * columns / self.width));
        for cell_row in 0..self.height {
            let first = cell_row * rows / self.height;
            let last = (cell_row + 1) * rows / self.height;
            // Whole rows first: sums that all go the same way are done many at a time, the more the shorter the numbers.
            self.sums.clear();
            self.sums.resize(columns * 3, 0);
            let lines = &frame.rgb[first * columns * 3..last * columns * 3];
            // Four rows at once, as most cells have: their sums are written down once.
            let mut fours = lines.chunks_exact(columns * 12);
            for four in &mut fours {
                let [a, b, c, d] = std::array::from_fn(|i| &four[i * columns * 3..(i + 1) * columns * 3]);
                for ((((sum, a), b), c), d) in self.sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *sum += u16::from(*a) + u16::from(*b) + u16::from(*c) + u16::from(*d);
                }
            }
            for line in fours.remainder().chunks_exact(columns * 3) {
                for (sum, part) in self.sums.iter_mut().zip(line) {
                    *sum += u16::from(*part);
                }
            }
            let share = |columns: usize| 1.0 / (columns * (last - first)).max(1) as f32;
            let share_of_four = share(4);
            let cells = cell_row * self.width..(cell_row + 1) * self.width;
            let cells = self.rgb[cells.clone()].iter_mut().zip(&mut self.luma[cells]);
            for ((rgb, luma), edges) in cells.zip(self.edges.windows(2)) {
                let (from, to) = (edges[0], edges[1]);
                let columns = &self.sums[from * 3..to * 3];
                let (sum, share): ([u32; 3], f32) = match <&[u16; 12]>::try_from(columns) {
                    // Four columns, as in most pictures, are added up without a loop: that takes 4 of 10 parts off the whole.
                    Ok(four) => {
                        let sum = |i: usize| [0, 3, 6, 9].iter().map(|at| u32::from(four[at + i])).sum();
                        (std::array::from_fn(sum), share_of_four)
                    }
                    Err(_) => {
                        let add =
                            |sum: [u32; 3], column: &[u16; 3]| std::array::from_fn(|i| sum[i] + u32::from(column[i]));
                        (columns.as_chunks::<3>().0.iter().fold([0; 3], add), share(to - from))
                    }
                };
                *rgb = sum.map(|sum| sum as f32 * share);
                *luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
            }
        }
        true
    }

    /// How many cells there are.
    pub fn cells(&self) -> usize {
        self.luma.len()
    }

    /// Whether two grids can be compared cell by cell.
    pub fn fits(&self, other: &Grid) -> bool {
        (self.width, self.height, self.frame_width, self.frame_height)
            == (other.width, other.height, other.frame_width, other.frame_height)
    }

    /// Takes over another grid's cells, keeping this one's buffers.
    pub fn copy_from(&mut self, other: &Grid) {
        (self.width, self.height) = (other.width, other.height);
        (self.frame_width, self.frame_height) = (other.frame_width, other.frame_height);
        self.rgb.clone_from(&other.rgb);
        self.luma.clone_from(&other.luma);
    }

    /// The pixels that the cells from `left`, `top` to `right`, `bottom` (inclusive) cover.
    pub fn pixels(&self, left: usize, top: usize, right: usize, bottom: usize) -> Rectangle {
        let column = |cell: usize| (cell * self.frame_width as usize / self.width.max(1)) as u32;
        let row = |cell: usize| (cell * self.frame_height as usize / self.height.max(1)) as u32;
        Rectangle {
            left: column(left),
            top: row(top),
            width: column(right + 1) - column(left),
            height: row(bottom + 1) - row(top),
        }
    }
}

/// By how much the whole of `now` is brighter than the whole of `then`: the median ratio of their cells, so that what
/// moved through less than half of the view does not count. Automatic exposure shows here.
pub fn gain(then: &Grid, now: &Grid) -> f32 {
    const BINS: usize = 512;
    const LARGEST: f32 = 4.0;
    const STEP: usize = 64;
    let half = then.luma.len() as u32 / 2;
    // Within a bin the median lies about where the rest of the count does.
    let median = |bin: usize, count: u32, sum: u32| {
        let within = 1.0 - (sum - half) as f32 / count.max(1) as f32;
        (bin as f32 + within.clamp(0.0, 1.0)) / BINS as f32 * LARGEST
    };
    // The sum keeps the ratio of two dark cells from being noise.
    let place = |(then, now): (&f32, &f32)| (now + 8.0) / (then + 8.0) * (BINS as f32 / LARGEST);
    // In most pictures nothing changed as a whole: the median lies just below or above one, which is told without sorting.
    const ONE: usize = BINS / LARGEST as usize;
    let below =
        then.luma.iter().zip(&now.luma).map(place).fold([0u32; 3], |below, place| {
            std::array::from_fn(|i| below[i] + u32::from(place < (ONE + i) as f32 - 1.0))
        });
    for (i, bin) in [ONE - 1, ONE].into_iter().enumerate() {
        if below[i] <= half && half < below[i + 1] {
            return median(bin, below[i + 1] - below[i], below[i + 1]);
        }
    }
    // Many cells fall into the same bin; counting in four places in turn, none waits for the one before.
    let mut counts = [[0u32; 4]; BINS];
    for (then, now) in then.luma.chunks(STEP).zip(now.luma.chunks(STEP)) {
        // First the bins of many, which is reckoned for several at once.
        let mut bins = [0i32; STEP];
        for (bin, pair) in bins.iter_mut().zip(then.iter().zip(now)) {
            *bin = place(pair).min(BINS as f32 - 1.0) as i32;
        }
        for (place, bin) in bins[..then.len()].iter().enumerate() {
            counts[*bin as usize % BINS][place % 4] += 1;
        }
    }
    let mut sum = 0;
    for (bin, count) in counts.iter().map(|counts| counts.iter().sum::<u32>()).enumerate() {
        sum += count;
        if sum > half {
            return median(bin, count, sum);
        }
    }
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Stamp;

    #[test]
    fn cells_hold_the_mean_of_their_pixels_and_know_where_they_lie() {
        for (width, height, columns, rows) in [(640, 480, 160, 120), (333, 250, 160, 120), (16, 8, 16, 8), (1, 1, 1, 1)]
        {
            let rgb =
                (0..width * height).flat_map(|place| if place % width < width / 2 { [10, 20, 30] } else { [90; 3] });
            let frame = Frame { at: Stamp(0), width, height, rgb: rgb.collect() };
            let mut grid = Grid::default();
            assert!(grid.fill(&frame));
            assert_eq!((grid.width, grid.height), (columns, rows), "{width} x {height}");
            assert_eq!(grid.pixels(0, 0, columns - 1, rows - 1), Rectangle::whole(&frame));
            if width > 1 {
                assert_eq!(grid.rgb[0].map(f32::round), [10.0, 20.0, 30.0]);
                assert_eq!(grid.luma[columns - 1].round(), 90.0);
            }
        }
        assert!(!Grid::default().fill(&Frame::default()));
    }

    #[test]
    fn gain_follows_the_exposure_and_not_what_moved() {
        let filled = |level: &dyn Fn(usize) -> f32| Grid {
            width: 20,
            height: 20,
            luma: (0..400).map(level).collect(),
            ..Grid::default()
        };
        let then = filled(&|cell| 40.0 + (cell % 100) as f32);
        let now = filled(&|cell| if cell < 120 { 250.0 } else { (40.0 + (cell % 100) as f32 + 8.0) * 1.3 - 8.0 });
        assert!((gain(&then, &now) - 1.3).abs() < 0.02, "{}", gain(&then, &now));
        assert!((gain(&then, &then) - 1.0).abs() < 0.02);
    }
}
