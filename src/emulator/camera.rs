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
    grain: Vec<i8>,
    sprite: Canvas,
    mixed_in: Vec<[f32; 4]>,
}

const GRAINS: usize = 1 << 16;

fn doubled(area: Area) -> Area {
    Area { left: area.left * 2, top: area.top * 2, right: area.right * 2, bottom: area.bottom * 2 }
}

impl Camera {
    /// A camera over an empty basket.
    pub fn new(setting: Setting) -> Camera {
        let lens = setting.lens();
        let fine = lens.doubled();
        let mut chance = Chance::new(setting.seed ^ 0xca3e_7a00);
        let grain = (0..GRAINS).map(|_| (chance.normal() * setting.grain).round().clamp(-60.0, 60.0) as i8).collect();
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
            sprite: Canvas::default(),
            mixed_in: Vec::new(),
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
        if covered {
            frame.rgb.clear();
            frame.rgb.resize(WIDTH * HEIGHT * 3, 5);
        } else {
            self.settle(resting);
            frame.rgb.clear();
            frame.rgb.extend_from_slice(&self.picture);
            for group in moving {
                self.lay_over(group, &mut frame.rgb);
            }
        }
        self.add_grain(at, &mut frame.rgb);
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
        for thing in &self.drawn {
            if self.fine.bounds(thing).meets(&fine) {
                self.still.draw(&self.fine, thing, &light, Some(&self.shade), fine);
            }
        }
        // The basket is lit only where nothing hides it.
        for row in fine.top as usize..fine.bottom as usize {
            for column in fine.left as usize..fine.right as usize {
                let index = row * self.fine.width + column;
                if self.still.near[index] == 0.0 {
                    self.still.rgb[index] = self.basket.lit(&self.fine, column, row, &light, &self.shade);
                    self.still.near[index] = self.basket.near[index];
                }
            }
        }
        let wide = self.fine.width;
        for row in area.top as usize..area.bottom as usize {
            for column in area.left as usize..area.right as usize {
                let first = 2 * row * wide + 2 * column;
                let four = [first, first + 1, first + wide, first + wide + 1].map(|i| self.still.rgb[i]);
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
        let mut sprite = std::mem::take(&mut self.sprite);
        sprite.reset(bounds);
        for part in &group.parts {
            sprite.draw(&self.lens, part, &self.setting.light, None, bounds);
        }
        let middle = group.parts[0].at;
        let (from, to) = (self.lens.project(middle - group.smear * 0.5), self.lens.project(middle + group.smear * 0.5));
        let (way_x, way_y) = (to.0 - from.0, to.1 - from.1);
        let long = way_x.abs().max(way_y.abs());
        let copies = ((long / 1.5) as i32 + 1).clamp(1, 5);
        let width = bounds.size().0;
        if copies == 1 {
            for row in bounds.top as usize..bounds.bottom as usize {
                let first = (row - bounds.top as usize) * width;
                for column in bounds.left as usize..bounds.right as usize {
                    let (index, at) = (first + column - bounds.left as usize, row * WIDTH + column);
                    if sprite.near[index] > self.near[at] {
                        let gain = u16::from(self.vignette[at]);
                        for (i, part) in sprite.rgb[index].into_iter().enumerate() {
                            rgb[at * 3 + i] = (u16::from(part) * gain / 255) as u8;
                        }
                    }
                }
            }
            self.sprite = sprite;
            return;
        }
        self.mixed_in.clear();
        let reach = (long / 2.0).ceil() as i32 + 1;
        let area = bounds.grown(reach).clipped(WIDTH, HEIGHT);
        let (area_width, area_height) = area.size();
        self.mixed_in.resize(area_width * area_height, [0.0; 4]);
        let weight = 1.0 / copies as f32;
        for copy in 0..copies {
            let share = if copies == 1 { 0.0 } else { copy as f32 / (copies - 1) as f32 - 0.5 };
            let (dx, dy) = ((way_x * share).round() as i32, (way_y * share).round() as i32);
            for row in bounds.top.max(area.top - dy)..bounds.bottom.min(area.bottom - dy) {
                for column in bounds.left.max(area.left - dx)..bounds.right.min(area.right - dx) {
                    let index = (row - bounds.top) as usize * width + (column - bounds.left) as usize;
                    let (x, y) = (column + dx, row + dy);
                    if sprite.near[index] > self.near[y as usize * WIDTH + x as usize] {
                        let sum = &mut self.mixed_in[(y - area.top) as usize * area_width + (x - area.left) as usize];
                        for (sum, part) in sum.iter_mut().zip(sprite.rgb[index]) {
                            *sum += f32::from(part) * weight;
                        }
                        sum[3] += weight;
                    }
                }
            }
        }
        for row in 0..area_height {
            for column in 0..area_width {
                let sum = self.mixed_in[row * area_width + column];
                if sum[3] > 0.0 {
                    let at = (row + area.top as usize) * WIDTH + column + area.left as usize;
                    let gain = f32::from(self.vignette[at]) * (1.0 / 255.0);
                    for i in 0..3 {
                        let under = f32::from(rgb[at * 3 + i]);
                        rgb[at * 3 + i] = (under * (1.0 - sum[3]) + sum[i] * gain).clamp(0.0, 255.0) as u8;
                    }
                }
            }
        }
        self.sprite = sprite;
    }

    fn add_grain(&self, at: Stamp, rgb: &mut [u8]) {
        let mut place = mixed(self.setting.seed ^ at.0);
        for row in rgb.chunks_mut(WIDTH * 3) {
            place = mixed(place);
            let first = place as usize % (GRAINS - WIDTH * 3);
            for (point, grain) in row.iter_mut().zip(&self.grain[first..]) {
                *point = (i16::from(*point) + i16::from(*grain)).clamp(0, 255) as u8;
            }
        }
    }
}
