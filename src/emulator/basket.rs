//! The empty basket as the camera sees it: moulded floor and walls, found by one ray for each pixel.

use super::raster::{Area, Lens, Light, bytes};
use super::scene::{DEPTH, FLOOR_HALF, KEY, Shade};
use super::space::{Vec3, noise, rise, vec3};
use wide::f32x4;

/// What a basket is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Make {
    #[default]
    GreyPlastic,
    BluePlastic,
    DarkPlastic,
    GreenPlastic,
    Wire,
}

impl Make {
    /// Every make.
    pub const ALL: [Make; 5] =
        [Make::GreyPlastic, Make::BluePlastic, Make::DarkPlastic, Make::GreenPlastic, Make::Wire];

    fn colour(self) -> [f32; 3] {
        match self {
            Make::GreyPlastic => [146.0, 150.0, 154.0],
            Make::BluePlastic => [52.0, 82.0, 132.0],
            Make::DarkPlastic => [70.0, 72.0, 76.0],
            Make::GreenPlastic => [58.0, 116.0, 88.0],
            Make::Wire => [176.0, 180.0, 184.0],
        }
    }
}

/// The basket's own colours and depth, pixel by pixel.
#[derive(Debug, Clone)]
pub struct BasketView {
    width: usize,
    /// Nearness of the basket at each pixel.
    pub near: Vec<f32>,
    albedo: Vec<[u8; 3]>,
    normal: Vec<u8>,
}

const NORMALS: [Vec3; 5] =
    [vec3(0.0, 0.0, 1.0), vec3(1.0, 0.0, 0.1), vec3(-1.0, 0.0, 0.1), vec3(0.0, 1.0, 0.1), vec3(0.0, -1.0, 0.1)];

impl BasketView {
    /// Casts the rays of the pixels in `window`.
    pub fn cast(lens: &Lens, make: Make, seed: u32, window: Area) -> BasketView {
        let count = lens.width * lens.height;
        let mut view = BasketView {
            width: lens.width,
            near: vec![0.0; count],
            albedo: vec![[0; 3]; count],
            normal: vec![0; count],
        };
        // The walls lean outwards a little, as nested baskets do.
        let (half_x, half_y, lean) = (FLOOR_HALF.0 - 0.008, FLOOR_HALF.1 - 0.008, 0.08);
        let wall = |direction: f32, eye: f32, half: f32| {
            let sign = if direction < 0.0 { -1.0 } else { 1.0 };
            let speed = direction.abs();
            // Height at which the ray meets the wall on the side that it leans to.
            (sign * eye + speed * lens.eye.z - half) / (speed + lean)
        };
        let window = window.clipped(lens.width, lens.height);
        for row in window.top as usize..window.bottom as usize {
            for column in window.left as usize..window.right as usize {
                let dx = (column as f32 + 0.5 - lens.width as f32 / 2.0) / lens.focal;
                let dy = -(row as f32 + 0.5 - lens.height as f32 / 2.0) / lens.focal;
                let (zx, zy) = (wall(dx, lens.eye.x, half_x), wall(dy, lens.eye.y, half_y));
                let z = zx.max(zy).clamp(0.0, DEPTH);
                let far = lens.eye.z - z;
                let (x, y) = (lens.eye.x + dx * far, lens.eye.y + dy * far);
                let face = match (z > 0.0, zx > zy) {
                    (false, _) => 0,
                    (true, true) => 1 + u8::from(dx > 0.0),
                    (true, false) => 3 + u8::from(dy > 0.0),
                };
                let colour = if face == 0 { floor(make, x, y, seed) } else { side(make, x, y, z, face, seed) };
                let index = row * lens.width + column;
                view.near[index] = 1.0 / far;
                view.albedo[index] = colour.map(|part| part.clamp(0.0, 255.0) as u8);
                view.normal[index] = face;
            }
        }
        view
    }

    /// The colour at a pixel under this light, as a canvas holds it.
    #[inline]
    pub fn lit(&self, lens: &Lens, column: usize, row: usize, light: &Light, shade: &Shade) -> [u8; 4] {
        let index = row * self.width + column;
        let face = self.normal[index] as usize;
        let at = lens.point(column as f32 + 0.5, row as f32 + 0.5, self.near[index]);
        let (lit, open) = shade.at(at.x, at.y, true);
        let normal = NORMALS[face];
        let direct = (normal.dot(KEY) * 0.92 + 0.08).max(0.0) * lit;
        let around = (0.62 + 0.38 * normal.z) * open;
        let [key, ambient] = [light.key, light.ambient].map(|[red, green, blue]| f32x4::new([red, green, blue, 0.0]));
        let [red, green, blue] = self.albedo[index].map(f32::from);
        let albedo = f32x4::new([red, green, blue, 0.0]) * (1.0 / 255.0);
        bytes((albedo * albedo * (key * direct + ambient * around)).sqrt() * 255.0)
    }
}

fn floor(make: Make, x: f32, y: f32, seed: u32) -> [f32; 3] {
    let scuffs =
        1.0 + 0.05 * noise(vec3(x * 90.0, y * 14.0, 0.0), seed) + 0.05 * noise(vec3(x * 7.0, y * 7.0, 3.0), seed);
    let (pitch, open) = if make == Make::Wire { (0.026, 0.445) } else { (0.017, 0.30) };
    let (fx, fy) = ((x / pitch).rem_euclid(1.0) - 0.5, (y / pitch).rem_euclid(1.0) - 0.5);
    let out = fx.abs().max(fy.abs()) + 0.25 * (fx.abs().min(fy.abs()) - open * 0.7).max(0.0);
    let hole = rise(open + 0.03, open - 0.03, out);
    // Each hole shows its far wall in the light, and the dark below.
    let edge = 0.75 + 0.25 * rise(-0.2, 0.3, fx - fy);
    let below = if make == Make::Wire { [52.0, 50.0, 48.0] } else { [30.0, 31.0, 33.0] };
    let colour = make.colour().map(|part| part * scuffs);
    [0, 1, 2].map(|i| colour[i] * (1.0 - hole) * (0.94 + 0.06 * edge) + below[i] * hole * edge * scuffs)
}

fn side(make: Make, x: f32, y: f32, z: f32, face: u8, seed: u32) -> [f32; 3] {
    let along = if face <= 2 { y } else { x };
    let pitch = if make == Make::Wire { 0.026 } else { 0.022 };
    let slat = (along / pitch).rem_euclid(1.0) - 0.5;
    let ring = (z / 0.05).rem_euclid(1.0) - 0.5;
    let gap = rise(0.36, 0.30, slat.abs()) * rise(0.42, 0.36, ring.abs()) * rise(0.01, 0.016, z);
    let scuffs = 1.0 + 0.06 * noise(vec3(along * 30.0, z * 30.0, f32::from(face)), seed);
    let colour = make.colour().map(|part| part * scuffs * 0.95);
    let behind = if make == Make::Wire { [60.0, 58.0, 55.0] } else { [40.0, 41.0, 44.0] };
    [0, 1, 2].map(|i| colour[i] * (1.0 - gap) + behind[i] * gap)
}
