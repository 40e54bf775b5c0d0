//! What differs between two pictures of the same view: one region, or none that can be relied on.
//!
//! Colour and texture count, brightness alone hardly: a shadow changes only that. Things that moved by a cell or two do
//! not count at all, so a neighbour that was nudged does not widen the region.

use super::grid::{Grid, gain};

/// What the comparison of two pictures says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Difference {
    /// They show the same.
    Nothing,
    /// They differ, but not in one place that could be called the thing that came or went; at best it is here.
    Unclear(Option<CellRegion>),
    /// They differ here.
    Region(CellRegion),
}

/// A region in cells, its edges inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellRegion {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Last column.
    pub right: usize,
    /// Last row.
    pub bottom: usize,
    /// Share of the view whose cells differ, 0 to 1.
    pub area: f32,
}

/// Smallest region, as a share of the view, that is worth looking at.
const SMALLEST_AREA: f32 = 0.0012;
/// A place counts with at least this share of all that changed.
const LEAST_PLACE: f32 = 0.15;
/// With more of the view changed than this, the cart moved or the light was switched.
const LARGEST_AREA: f32 = 0.6;
/// The region must hold at least this share of all that changed.
const LEAST_SHARE: f32 = 0.35;
/// A thing that moved by so many cells has not changed.
const NUDGE: usize = 2;
/// A cell is hot from this score on.
const HOT: f32 = 1.0;
/// No single cell may count for more than this.
const MOST: f32 = 4.0;
/// Share of the region's weight that is cut off at each of its four sides: thin tails of shadow.
const TAIL: f32 = 0.012;

#[derive(Debug, Clone, Copy, Default)]
struct Features {
    /// Log ratios of red and blue to green: colour whatever the light's strength.
    colour: [f32; 2],
    /// Steps of log brightness to the next cells: texture whatever the light's strength.
    texture: [f32; 2],
    /// Log brightness.
    light: f32,
    /// One standard deviation of the noise of `light`.
    noise: f32,
}

/// Compares pictures; keeps its buffers between calls.
#[derive(Debug, Default)]
pub struct Comparer {
    before: Vec<Features>,
    after: Vec<Features>,
    scores: Vec<f32>,
    smooth: Vec<f32>,
    labels: Vec<u16>,
    queue: Vec<usize>,
    histogram: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    mass: f32,
    cells: usize,
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Comparer {
    /// Finds what differs between two pictures of the same view; `noise` is one standard deviation of a cell.
    pub fn compare(&mut self, before: &Grid, after: &Grid, noise: f32) -> Difference {
        if !before.fits(after) || before.width < 3 || before.height < 3 {
            return Difference::Unclear(None);
        }
        describe(before, noise, &mut self.before);
        describe(after, noise, &mut self.after);
        self.balance();
        self.score(before.width, before.height);
        self.select(before.width, before.height)
    }

    /// The largest connected part in which `now` is brighter or darker than `then`: quick, for things in motion.
    pub fn moving(&mut self, then: &Grid, now: &Grid, noise: f32) -> Option<CellRegion> {
        if !then.fits(now) || then.cells() == 0 {
            return None;
        }
        let ratio = gain(then, now);
        self.smooth.clear();
        self.smooth.extend(then.luma.iter().zip(&now.luma).map(|(then, now)| {
            let difference = (now - ((then + 8.0) * ratio - 8.0)).abs();
            if difference > (5.0 * noise).max(14.0) { 1.0 } else { 0.0 }
        }));
        let parts = self.parts(then.width, then.height, 1);
        let largest = parts.iter().max_by(|a, b| a.mass.total_cmp(&b.mass))?;
        let area = largest.cells as f32 / then.cells() as f32;
        (area >= SMALLEST_AREA).then_some(CellRegion {
            left: largest.left,
            top: largest.top,
            right: largest.right,
            bottom: largest.bottom,
            area,
        })
    }

    /// In how many places, well apart, the last comparison found a difference worth a look. `grid` is one of the two that
    /// were compared.
    pub fn places(&mut self, grid: &Grid) -> u32 {
        let parts = self.parts(grid.width, grid.height, 1);
        let total: f32 = parts.iter().map(|part| part.mass).sum();
        let least_cells = SMALLEST_AREA * grid.cells() as f32;
        let is_worth = |part: &&Part| part.mass >= LEAST_PLACE * total && part.cells as f32 >= least_cells;
        parts.iter().filter(is_worth).count() as u32
    }

    /// Copies which cells differed in the last comparison.
    pub fn keep_hot(&self, hot: &mut Vec<bool>) {
        hot.clear();
        hot.extend(self.smooth.iter().map(|score| *score > 0.0));
    }

    /// Whether at least half of the cells that differed in the last comparison are among `hot`.
    pub fn is_mostly_in(&self, hot: &[bool]) -> bool {
        let differs = || self.smooth.iter().zip(hot).filter(|(score, _)| **score > 0.0);
        let shared = differs().filter(|(_, hot)| **hot).count();
        shared * 2 >= differs().count()
    }

    /// Takes out what changed everywhere alike: exposure and white balance.
    fn balance(&mut self) {
        let read: [fn(&Features) -> f32; 3] = [|f| f.light, |f| f.colour[0], |f| f.colour[1]];
        let [light, red, blue] = read.map(|read| {
            self.histogram.clear();
            self.histogram.extend(self.before.iter().zip(&self.after).map(|(then, now)| read(now) - read(then)));
            let middle = self.histogram.len() / 2;
            *self.histogram.select_nth_unstable_by(middle, f32::total_cmp).1
        });
        for now in &mut self.after {
            now.light -= light;
            now.colour[0] -= red;
            now.colour[1] -= blue;
        }
    }

    fn score(&mut self, width: usize, height: usize) {
        self.scores.clear();
        self.scores.resize(width * height, 0.0);
        for row in 1..height - 1 {
            for column in 1..width - 1 {
                let now = &self.after[row * width + column];
                // Most cells are as they were, so the cell itself is tried first.
                let mut least = unlike(&self.before[row * width + column], now);
                let (first, last) = (column.saturating_sub(NUDGE).max(1), (column + NUDGE).min(width - 2));
                for other_row in row.saturating_sub(NUDGE).max(1)..=(row + NUDGE).min(height - 2) {
                    if least <= 0.0 {
                        break;
                    }
                    for then in &self.before[other_row * width + first..=other_row * width + last] {
                        least = least.min(unlike(then, now));
                    }
                }
                self.scores[row * width + column] = least.min(MOST);
            }
        }
        // The mean over 3 x 3 cells: a lone hot cell is noise, a thin line is the edge of a shadow.
        self.smooth.clear();
        self.smooth.resize(width * height, 0.0);
        for row in 1..height - 1 {
            for column in 1..width - 1 {
                let sum: f32 = (row - 1..=row + 1)
                    .map(|row| self.scores[row * width + column - 1..=row * width + column + 1].iter().sum::<f32>())
                    .sum();
                let mean = sum / 9.0;
                self.smooth[row * width + column] = if mean > HOT { mean } else { 0.0 };
            }
        }
    }

    fn select(&mut self, width: usize, height: usize) -> Difference {
        let cells = (width * height) as f32;
        let parts = self.parts(width, height, 2);
        let hot: usize = parts.iter().map(|part| part.cells).sum();
        if (hot as f32) < SMALLEST_AREA * cells {
            return Difference::Nothing;
        }
        let total: f32 = parts.iter().map(|part| part.mass).sum();
        let largest = parts.iter().enumerate().max_by(|a, b| a.1.mass.total_cmp(&b.1.mass));
        let Some((chosen, main)) = largest.map(|(place, part)| (place, *part)) else { return Difference::Nothing };
        // A thing that another one lies across shows as two parts: a large one close by belongs to it.
        let near = |part: &Part| {
            let across = part.left.saturating_sub(main.right).max(main.left.saturating_sub(part.right));
            let down = part.top.saturating_sub(main.bottom).max(main.top.saturating_sub(part.bottom));
            across.max(down) <= 6
        };
        let taken: Vec<bool> = parts
            .iter()
            .enumerate()
            .map(|(place, part)| place == chosen || (part.mass >= 0.4 * main.mass && near(part)))
            .collect();
        let mass: f32 = parts.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(part, _)| part.mass).sum();
        let count: usize = parts.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(part, _)| part.cells).sum();
        let area = count as f32 / cells;
        if !(SMALLEST_AREA..=LARGEST_AREA).contains(&area) {
            return Difference::Unclear(None);
        }
        let is_one = hot as f32 <= LARGEST_AREA * cells && mass >= LEAST_SHARE * total;
        let (left, right) = self.trimmed(width, height, &taken, mass, |column, _| column, width);
        let (top, bottom) = self.trimmed(width, height, &taken, mass, |_, row| row, height);
        let region = CellRegion { left, top, right, bottom, area };
        if is_one { Difference::Region(region) } else { Difference::Unclear(Some(region)) }
    }

    /// First and last column (or row) of the taken parts, without their tails.
    fn trimmed(
        &mut self,
        width: usize,
        height: usize,
        taken: &[bool],
        mass: f32,
        axis: impl Fn(usize, usize) -> usize,
        length: usize,
    ) -> (usize, usize) {
        self.histogram.clear();
        self.histogram.resize(length, 0.0);
        for row in 0..height {
            for column in 0..width {
                let label = self.labels[row * width + column];
                if label > 0 && taken[usize::from(label) - 1] {
                    self.histogram[axis(column, row)] += self.smooth[row * width + column];
                }
            }
        }
        let tail = TAIL * mass;
        let histogram = &self.histogram;
        let first = first_beyond(0..length, histogram, tail).unwrap_or(0);
        (first, first_beyond((0..length).rev(), histogram, tail).unwrap_or(length - 1))
    }

    /// The connected parts of the hot cells in `smooth`; gaps of up to `2 * reach` cells are bridged. `labels` then
    /// holds for each hot cell the number of its part, from 1.
    fn parts(&mut self, width: usize, height: usize, reach: usize) -> Vec<Part> {
        self.labels.clear();
        self.labels.resize(width * height, 0);
        let mut parts: Vec<Part> = Vec::new();
        for start in 0..width * height {
            if self.smooth[start] <= 0.0 || self.labels[start] != 0 || parts.len() >= usize::from(u16::MAX) - 1 {
                continue;
            }
            let label = parts.len() as u16 + 1;
            let mut part = Part { mass: 0.0, cells: 0, left: width, top: height, right: 0, bottom: 0 };
            self.labels[start] = label;
            self.queue.clear();
            self.queue.push(start);
            while let Some(cell) = self.queue.pop() {
                let (column, row) = (cell % width, cell / width);
                part.mass += self.smooth[cell];
                part.cells += 1;
                part.left = part.left.min(column);
                part.right = part.right.max(column);
                part.top = part.top.min(row);
                part.bottom = part.bottom.max(row);
                let span = 2 * reach;
                for row in row.saturating_sub(span)..=(row + span).min(height - 1) {
                    for column in column.saturating_sub(span)..=(column + span).min(width - 1) {
                        let other = row * width + column;
                        if self.smooth[other] > 0.0 && self.labels[other] == 0 {
                            self.labels[other] = label;
                            self.queue.push(other);
                        }
                    }
                }
            }
            parts.push(part);
        }
        parts
    }
}

/// The first of `places` at which the weights up to it sum to more than `tail`.
fn first_beyond(mut places: impl Iterator<Item = usize>, weights: &[f32], tail: f32) -> Option<usize> {
    let mut sum = 0.0;
    places.find(|place| {
        sum += weights[*place];
        sum > tail
    })
}

/// How unlike two cells are: 0 for the same, from [`HOT`] on surely something else.
fn unlike(then: &Features, now: &Features) -> f32 {
    let noise = then.noise.max(now.noise);
    let beyond = |difference: f32, deviations: f32| (difference - deviations * noise).max(0.0);
    let colour = (now.colour[0] - then.colour[0]).abs().max((now.colour[1] - then.colour[1]).abs());
    let [across, down] = [0, 1].map(|i| now.texture[i] - then.texture[i]);
    // Not `hypot`, which guards against sums that cannot come up here and is a call.
    let texture = (across * across + down * down).sqrt();
    let light = (now.light - then.light).abs();
    // A difference of two means each with this noise: 1.4 times it; three of those are left out. Colour is a difference
    // of two channels, each noisier than the brightness.
    beyond(colour, 7.0) / 0.14 + beyond(texture, 5.0) / 0.28 + beyond(light, 4.2) / 0.75
}

fn describe(grid: &Grid, noise: f32, features: &mut Vec<Features>) {
    features.clear();
    features.extend(grid.rgb.iter().zip(&grid.luma).map(|([red, green, blue], luma)| Features {
        // The sums keep dark cells, which are mostly noise, from having a colour.
        colour: [((red + 16.0) / (green + 16.0)).ln(), ((blue + 16.0) / (green + 16.0)).ln()],
        texture: [0.0; 2],
        light: (luma + 10.0).ln(),
        noise: noise / (luma + 10.0),
    }));
    let (width, height) = (grid.width, grid.height);
    for row in 1..height - 1 {
        for column in 1..width - 1 {
            let at = row * width + column;
            let texture = [
                features[at + 1].light - features[at - 1].light,
                features[at + width].light - features[at - width].light,
            ];
            features[at].texture = texture;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::units::Stamp;
    use crate::ports::Frame;
    use crate::vision::crop::Rectangle;
    use crate::vision::testing::{Noise, Scene, thing};

    fn grid(frame: &Frame) -> Grid {
        let mut grid = Grid::default();
        assert!(grid.fill(frame));
        grid
    }

    fn compare(before: &Frame, after: &Frame) -> (Difference, Option<Rectangle>) {
        let (before, after) = (grid(before), grid(after));
        let difference = Comparer::default().compare(&before, &after, 1.0);
        let region = match difference {
            Difference::Region(cells) => Some(after.pixels(cells.left, cells.top, cells.right, cells.bottom)),
            _ => None,
        };
        (difference, region)
    }

    #[test]
    fn a_thing_that_came_is_found_where_it_lies_whatever_else_changed() {
        let basket = Scene::basket().with(thing(60, 300, 90, [180, 40, 30])).with(thing(450, 320, 110, [40, 120, 50]));
        let item = thing(300, 200, 100, [220, 190, 40]);
        let truth = Rectangle { left: 250, top: 150, width: 100, height: 100 };
        for (name, after) in [
            ("alone", basket.clone().with(item)),
            ("brighter exposure", basket.clone().with(item).gain(1.25)),
            ("darker exposure", basket.clone().with(item).gain(0.75)),
            ("warmer white balance", basket.clone().with(item).tint([1.06, 1.0, 0.93])),
            ("with a shadow beside it", basket.clone().with(item).shadow(350, 150, 120, 130, 0.65)),
            (
                "its neighbour nudged",
                Scene::basket()
                    .with(thing(62, 301, 90, [180, 40, 30]))
                    .with(thing(447, 322, 110, [40, 120, 50]))
                    .with(item),
            ),
        ] {
            let (difference, region) =
                compare(&basket.draw(Stamp(0), &mut Noise::new(1)), &after.draw(Stamp(1), &mut Noise::new(2)));
            let region = region.unwrap_or_else(|| panic!("{name}: {difference:?}"));
            assert!(region.overlap(&truth) > 0.6, "{name}: {region:?} overlaps by {:.2}", region.overlap(&truth));
        }
    }

    #[test]
    fn light_shadow_and_noise_alone_are_nothing() {
        let basket = Scene::basket().with(thing(200, 200, 90, [180, 40, 30]));
        for (name, after) in [
            ("the same", basket.clone()),
            ("brighter", basket.clone().gain(1.3)),
            ("a soft shadow", basket.clone().shadow(100, 100, 300, 200, 0.75)),
        ] {
            let (difference, _) =
                compare(&basket.draw(Stamp(0), &mut Noise::new(3)), &after.draw(Stamp(1), &mut Noise::new(4)));
            assert_eq!(difference, Difference::Nothing, "{name}");
        }
    }

    #[test]
    fn things_that_came_apart_are_in_two_places_and_a_speck_is_in_none() {
        let basket = Scene::basket().with(thing(60, 300, 90, [180, 40, 30]));
        let large = thing(200, 200, 100, [220, 190, 40]);
        for (other, places) in [(thing(450, 260, 70, [40, 120, 50]), 2), (thing(560, 100, 20, [40, 120, 50]), 1)] {
            let scene = basket.clone().with(large).with(other);
            let grids = [&basket, &scene].map(|scene| grid(&scene.draw(Stamp(0), &mut Noise::new(8))));
            let mut comparer = Comparer::default();
            comparer.compare(&grids[0], &grids[1], 1.0);
            assert_eq!(comparer.places(&grids[1]), places);
        }
    }

    #[test]
    fn a_wholly_new_view_is_unclear_and_no_guess() {
        let before = Scene::basket().draw(Stamp(0), &mut Noise::new(5));
        let mut after = before.clone();
        let width = after.width as usize;
        for (place, pixel) in after.rgb.chunks_exact_mut(3).enumerate() {
            let (column, row) = (place % width / 40, place / width / 40);
            pixel.copy_from_slice(&[
                (column * 61 % 200) as u8 + 30,
                (row * 83 % 200) as u8 + 30,
                ((column + row) * 37 % 200) as u8,
            ]);
        }
        assert!(matches!(compare(&before, &after).0, Difference::Unclear(_)));
    }

    #[test]
    fn pictures_of_two_sizes_are_unclear() {
        let before = Scene::basket().draw(Stamp(0), &mut Noise::new(5));
        let small = Frame { at: Stamp(0), width: 2, height: 2, rgb: vec![9; 12] };
        assert!(matches!(compare(&before, &small).0, Difference::Unclear(_)));
        assert!(matches!(compare(&small, &small).0, Difference::Unclear(_)));
    }
}
