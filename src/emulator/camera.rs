//! The camera over the basket: keeps a picture of what lies still, redraws only what changed, lays moving things over
//! it, and adds what a real sensor adds. It gives pixels and a time stamp, nothing else.

use super::basket::{BasketView, Make};
use super::raster::{Area, Canvas, Lens, Light};
use super::scene::{Heights, Placed, Shade};
use super::space::{Chance, Vec3, mixed, vec3};
use crate::domain::units::Stamp;
use crate::ports::Frame;

/// Columns of a picture.
pub const WIDTH: usize = 640;
/// Rows of a picture.
pub const HEIGHT: usize = 480;
/// Height of the lens above the basket's floor, in metres.
pub const EYE: f32 = 0.60;
/// Focal length in pixels: the whole floor and a strip of the walls are in view.
pub const FOCAL: f32 = 640.0;

/// Things that move together, and how far they move while the shutter is open.
#[derive(Debug, Clone, Default)]
pub struct Moving {
    /// The bodies.
    pub parts: Vec<Placed>,
    /// Their way during the exposure, in metres.
    pub smear: Vec3,
}

/// What differs from camera to camera and from shop to shop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// The basket.
    pub make: Make,
    /// The light.
    pub light: Light,
    /// Deviation of a pixel's noise, in steps of 255.
    pub grain: f32,
    /// Where the lens is.
    pub eye: Vec3,
    /// Fixes noise and scuffs.
    pub seed: u64,
    /// The pixels that are drawn; the others stay black.
    pub window: Area,
}

impl Setting {
    /// The lens of such a camera.
    pub fn lens(&self) -> Lens {
        Lens { eye: self.eye, focal: FOCAL, width: WIDTH, height: HEIGHT }
    }
}

impl Default for Setting {
    fn default() -> Setting {
        let window = Area { left: 0, top: 0, right: WIDTH as i32, bottom: HEIGHT as i32 };
        Setting {
            make: Make::default(),
            light: Light::default(),
            grain: 2.2,
            eye: vec3(0.0, 0.0, EYE),
            seed: 1,
            window,
        }
    }
}

/// The camera.
#[derive(Debug)]
pub struct Camera {
    setting: Setting,
    lens: Lens,
    fine: Lens,
    basket: BasketView,
    /// What was drawn into the still picture.
    drawn: Vec<Placed>,
    heights: Heights,
    shade: Shade,
    still: Canvas,
    picture: Vec<u8>,
    near: Vec<f32>,
    vignette: Vec<u8>,
    /// What a pixel's noise adds to a part of it, and what it takes away: one of both is zero.
    grain: (Vec<u8>, Vec<u8>),
    /// A picture with what moves, before the noise.
    laid: Vec<u8>,
    sprite: Canvas,
    smeared: Vec<u64>,
}

const GRAINS: usize = 1 << 16;
/// A smear is made of so many copies at most.
const COPIES: i32 = 5;

fn doubled(area: Area) -> Area {
    Area { left: area.left * 2, top: area.top * 2, right: area.right * 2, bottom: area.bottom * 2 }
}

impl Camera {
    /// A camera over an empty basket.
    pub fn new(setting: Setting) -> Camera {
        let lens = setting.lens();
        let fine = lens.doubled();
        let mut chance = Chance::new(setting.seed ^ 0xca3e_7a00);
        let grain = || (chance.normal() * setting.grain).round().clamp(-60.0, 60.0);
        let grain = std::iter::repeat_with(grain).take(GRAINS).map(|grain| (grain as u8, -grain as u8)).unzip();
        let vignette = (0..WIDTH * HEIGHT)
            .map(|i| {
                let (x, y) = ((i % WIDTH) as f32 - WIDTH as f32 / 2.0, (i / WIDTH) as f32 - HEIGHT as f32 / 2.0);
                (255.0 * (1.0 - 0.24 * (x * x + y * y) / (400.0 * 400.0))) as u8
            })
            .collect();
        let mut camera = Camera {
            setting,
            lens,
            fine,
            basket: BasketView::cast(&fine, setting.make, setting.seed as u32, doubled(setting.window)),
            drawn: Vec::new(),
            heights: Heights::default(),
            shade: Shade::cast(&Heights::default()),
            still: Canvas::default(),
            picture: vec![0; WIDTH * HEIGHT * 3],
            near: vec![0.0; WIDTH * HEIGHT],
            vignette,
            grain,
            laid: Vec::new(),
            sprite: Canvas::default(),
            smeared: Vec::new(),
        };
        camera.still.reset(Area { left: 0, top: 0, right: fine.width as i32, bottom: fine.height as i32 });
        camera.redraw(setting.window);
        camera
    }

    /// The lens.
    pub fn lens(&self) -> &Lens {
        &self.lens
    }

    /// Takes a picture of these things; a covered lens sees almost nothing.
    pub fn take(&mut self, resting: &[Placed], moving: &[Moving], covered: bool, at: Stamp, frame: &mut Frame) {
        frame.at = at;
        frame.width = WIDTH as u32;
        frame.height = HEIGHT as u32;
        frame.rgb.resize(WIDTH * HEIGHT * 3, 0);
        if !covered {
            self.settle(resting);
        }
        let mut laid = std::mem::take(&mut self.laid);
        let seen = match (covered, moving) {
            (true, _) => {
                laid.clear();
                laid.resize(WIDTH * HEIGHT * 3, 5);
                &laid
            }
            (false, []) => &self.picture,
            (false, groups) => {
                laid.clone_from(&self.picture);
                for group in groups {
                    self.lay_over(group, &mut laid);
                }
                &laid
            }
        };
        self.with_grain(at, seen, &mut frame.rgb);
        self.laid = laid;
    }

    /// Brings the still picture up to date with what rests now.
    pub fn settle(&mut self, resting: &[Placed]) {
        let same = |a: &Placed, b: &Placed| a.id == b.id && a.at == b.at && a.turn == b.turn;
        let gone = self.drawn.iter().filter(|old| !resting.iter().any(|new| same(old, new)));
        let come = resting.iter().filter(|new| !self.drawn.iter().any(|old| same(old, new)));
        // A thing dims its surroundings, and its shadow falls to the lower right: 80 pixels hold that of 15 cm.
        let reach = |area: Area| Area { right: area.right + 80, bottom: area.bottom + 80, ..area.grown(28) };
        let changed = gone.chain(come).map(|thing| reach(self.lens.bounds(thing))).reduce(|a, b| a.joined(&b));
        let Some(area) = changed else { return };
        // Where nothing was taken away, what is new only has to be added.
        let kept = self.drawn.len() <= resting.len() && self.drawn.iter().zip(resting).all(|(old, new)| same(old, new));
        let first = if kept { self.drawn.len() } else { 0 };
        if !kept {
            self.heights = Heights::default();
        }
        for thing in &resting[first..] {
            self.heights.add(thing);
        }
        self.drawn = resting.to_vec();
        self.shade = Shade::cast(&self.heights);
        self.redraw(area);
    }

    fn redraw(&mut self, area: Area) {
        let area = area.common(&self.setting.window).clipped(WIDTH, HEIGHT);
        if area.is_empty() {
            return;
        }
        let light = self.setting.light;
        let fine = doubled(area);
        for row in fine.top as usize..fine.bottom as usize {
            let row = row * self.fine.width;
            self.still.near[row + fine.left as usize..row + fine.right as usize].fill(0.0);
        }
        // What lies on top came last, and hides others: drawn first, it spares their pixels.
        for thing in self.drawn.iter().rev() {
            if self.fine.bounds(thing).meets(&fine) {
                self.still.draw(&self.fine, thing, &light, Some(&self.shade), fine);
            }
        }
        // The basket is lit only where nothing hides it.
        for row in fine.top as usize..fine.bottom as usize {
            for column in fine.left as usize..fine.right as usize {
                let index = row * self.fine.width + column;
                if self.still.near[index] == 0.0 {
                    self.still.colours[index] = self.basket.lit(&self.fine, column, row, &light, &self.shade);
                    self.still.near[index] = self.basket.near[index];
                }
            }
        }
        let wide = self.fine.width;
        for row in area.top as usize..area.bottom as usize {
            for column in area.left as usize..area.right as usize {
                let first = 2 * row * wide + 2 * column;
                let four = [first, first + 1, first + wide, first + wide + 1].map(|i| self.still.colours[i]);
                let index = row * WIDTH + column;
                let gain = u32::from(self.vignette[index]);
                for i in 0..3 {
                    let sum: u32 = four.iter().map(|point| u32::from(point[i])).sum();
                    self.picture[index * 3 + i] = (sum * gain / 1020) as u8;
                }
                self.near[index] = self.still.near[first];
            }
        }
    }

    /// Lays a moving group over the picture, nearer things hiding farther ones, smeared along its way.
    fn lay_over(&mut self, group: &Moving, rgb: &mut [u8]) {
        let bounds = group.parts.iter().map(|part| self.lens.bounds(part)).reduce(|a, b| a.joined(&b));
        let Some(bounds) = bounds.map(|bounds| bounds.grown(1).clipped(WIDTH, HEIGHT)).filter(|area| !area.is_empty())
        else {
            return;
        };
        let middle = group.parts[0].at;
        let (from, to) = (self.lens.project(middle - group.smear * 0.5), self.lens.project(middle + group.smear * 0.5));
        let (way_x, way_y) = (to.0 - from.0, to.1 - from.1);
        let long = way_x.abs().max(way_y.abs());
        let copies = ((long / 1.5) as i32 + 1).clamp(1, COPIES);
        let mut sprite = std::mem::take(&mut self.sprite);
        sprite.reset(bounds);
        for part in &group.parts {
            // A code that moves little, or along its bars, can be read.
            sprite.sketch(&self.lens, part, &self.setting.light, copies < COPIES);
        }
        let width = bounds.size().0;
        if copies == 1 {
            for row in bounds.top as usize..bounds.bottom as usize {
                let first = (row - bounds.top as usize) * width;
                for column in bounds.left as usize..bounds.right as usize {
                    let (index, at) = (first + column - bounds.left as usize, row * WIDTH + column);
                    if sprite.near[index] > self.near[at] {
                        let gain = u16::from(self.vignette[at]);
                        for (under, part) in rgb[at * 3..at * 3 + 3].iter_mut().zip(sprite.colours[index]) {
                            *under = (u16::from(part) * gain / 255) as u8;
                        }
                    }
                }
            }
            self.sprite = sprite;
            return;
        }
        let reach = (long / 2.0).ceil() as i32 + 1;
        let area = bounds.grown(reach).clipped(WIDTH, HEIGHT);
        let (area_width, area_height) = area.size();
        self.smeared.clear();
        self.smeared.resize(area_width * area_height, 0);
        for copy in 0..copies {
            let share = copy as f32 / (copies - 1) as f32 - 0.5;
            let (dx, dy) = ((way_x * share).round() as i32, (way_y * share).round() as i32);
            let moved = Area {
                left: bounds.left + dx,
                top: bounds.top + dy,
                right: bounds.right + dx,
                bottom: bounds.bottom + dy,
            };
            let shown = moved.common(&area);
            if shown.is_empty() {
                continue;
            }
            let wide = shown.size().0;
            for row in shown.top..shown.bottom {
                let from = (row - moved.top) as usize * width + (shown.left - moved.left) as usize;
                let to = (row - area.top) as usize * area_width + (shown.left - area.left) as usize;
                let under = row as usize * WIDTH + shown.left as usize;
                let points = sprite.near[from..from + wide].iter().zip(&sprite.colours[from..from + wide]);
                let sums = self.smeared[to..to + wide].iter_mut().zip(&self.near[under..under + wide]);
                for ((near, point), (sum, under)) in points.zip(sums) {
                    if near > under {
                        *sum += spread(*point);
                    }
                }
            }
        }
        let weight = 1.0 / copies as f32;
        for (row, sums) in self.smeared.chunks_exact(area_width).enumerate() {
            let first = (row + area.top as usize) * WIDTH + area.left as usize;
            for (column, sum) in sums.iter().copied().enumerate().filter(|(_, sum)| *sum > 0) {
                let [red, green, blue, count] = [0, 16, 32, 48].map(|bits| (sum >> bits) as u16);
                let at = first + column;
                let gain = f32::from(self.vignette[at]) * (1.0 / 255.0);
                let times = 1.0 - f32::from(count) * weight;
                for (under, sum) in rgb[at * 3..at * 3 + 3].iter_mut().zip([red, green, blue]) {
                    *under = (f32::from(*under) * times + f32::from(sum) * (gain * weight)) as u8;
                }
            }
        }
        self.sprite = sprite;
    }

    /// `picture` with a sensor's noise.
    fn with_grain(&self, at: Stamp, picture: &[u8], noisy: &mut [u8]) {
        let mut place = mixed(self.setting.seed ^ at.0);
        for (row, noisy) in picture.chunks_exact(WIDTH * 3).zip(noisy.chunks_exact_mut(WIDTH * 3)) {
            place = mixed(place);
            let first = place as usize % (GRAINS - WIDTH * 3);
            let (more, less) = (&self.grain.0[first..], &self.grain.1[first..]);
            for ((noisy, part), (more, less)) in noisy.iter_mut().zip(row).zip(more.iter().zip(less)) {
                *noisy = part.saturating_add(*more).saturating_sub(*less);
            }
        }
    }
}

/// The four numbers of a point in 16 bits each: many such sums are one.
fn spread(point: [u8; 4]) -> u64 {
    let pairs = u64::from(u32::from_le_bytes(point));
    let pairs = (pairs | pairs << 16) & 0x0000_ffff_0000_ffff;
    (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff
}
