//! The lens and the drawing of lit bodies into a picture with depth. Knows no basket and no time.

use super::scene::{KEY, Placed, Shade};
use super::space::{Vec3, vec3};

/// A pinhole that looks straight down; `focal` is in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lens {
    /// Where the pinhole is.
    pub eye: Vec3,
    /// Its focal length in pixels.
    pub focal: f32,
    /// Columns of the picture.
    pub width: usize,
    /// Rows of the picture.
    pub height: usize,
}

impl Lens {
    /// The same view with twice the pixels.
    pub fn doubled(&self) -> Lens {
        Lens { focal: self.focal * 2.0, width: self.width * 2, height: self.height * 2, ..*self }
    }

    /// Column, row and nearness (one over the distance along the view) of a point.
    #[inline]
    pub fn project(&self, p: Vec3) -> (f32, f32, f32) {
        let near = 1.0 / (self.eye.z - p.z).max(0.02);
        (
            self.width as f32 / 2.0 + self.focal * (p.x - self.eye.x) * near,
            self.height as f32 / 2.0 - self.focal * (p.y - self.eye.y) * near,
            near,
        )
    }

    /// The point seen at a pixel at the given nearness.
    #[inline]
    pub fn point(&self, column: f32, row: f32, near: f32) -> Vec3 {
        let scale = 1.0 / (near * self.focal);
        vec3(
            self.eye.x + (column - self.width as f32 / 2.0) * scale,
            self.eye.y - (row - self.height as f32 / 2.0) * scale,
            self.eye.z - 1.0 / near,
        )
    }

    /// The pixels that a thing may cover.
    pub fn bounds(&self, thing: &Placed) -> Area {
        let mut area = Area { left: i32::MAX, top: i32::MAX, right: i32::MIN, bottom: i32::MIN };
        for corner in &thing.body.mesh.corners {
            let (x, y, _) = self.project(thing.world(corner.at));
            area.left = area.left.min(x.floor() as i32);
            area.top = area.top.min(y.floor() as i32);
            area.right = area.right.max(x.ceil() as i32 + 1);
            area.bottom = area.bottom.max(y.ceil() as i32 + 1);
        }
        area
    }
}

/// A rectangle of pixels; right and bottom are outside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Area {
    /// First column.
    pub left: i32,
    /// First row.
    pub top: i32,
    /// First column behind it.
    pub right: i32,
    /// First row behind it.
    pub bottom: i32,
}

impl Area {
    /// The part inside a picture of this size.
    pub fn clipped(&self, width: usize, height: usize) -> Area {
        Area {
            left: self.left.clamp(0, width as i32),
            top: self.top.clamp(0, height as i32),
            right: self.right.clamp(0, width as i32),
            bottom: self.bottom.clamp(0, height as i32),
        }
    }

    /// Wider on every side.
    pub fn grown(&self, by: i32) -> Area {
        Area { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    /// The smallest area that holds both.
    pub fn joined(&self, other: &Area) -> Area {
        Area {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// What they share.
    pub fn common(&self, other: &Area) -> Area {
        Area {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }

    /// Whether they share a pixel.
    pub fn meets(&self, other: &Area) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        ((self.right - self.left).max(0) as usize, (self.bottom - self.top).max(0) as usize)
    }

    /// Whether it holds no pixel.
    pub fn is_empty(&self) -> bool {
        self.right <= self.left || self.bottom <= self.top
    }
}

/// Colour and brightness of the light.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// The key light.
    pub key: [f32; 3],
    /// Light from all around.
    pub ambient: [f32; 3],
}

impl Default for Light {
    fn default() -> Light {
        Light { key: [0.86, 0.82, 0.76], ambient: [0.34, 0.36, 0.39] }
    }
}

/// A picture with depth, or a cut-out of one: `area` says which pixels it holds.
#[derive(Debug, Clone, Default)]
pub struct Canvas {
    /// The pixels it holds.
    pub area: Area,
    /// Colours.
    pub rgb: Vec<[u8; 3]>,
    /// Nearness of what is seen; 0 where nothing is.
    pub near: Vec<f32>,
}

impl Canvas {
    /// Clears it for `area`.
    pub fn reset(&mut self, area: Area) {
        let (width, height) = area.size();
        self.area = area;
        self.rgb.clear();
        self.rgb.resize(width * height, [0; 3]);
        self.near.clear();
        self.near.resize(width * height, 0.0);
    }

    /// Draws a thing where it is nearer than what is there; only pixels inside `scissors` change.
    pub fn draw(&mut self, lens: &Lens, thing: &Placed, light: &Light, shade: Option<&Shade>, scissors: Area) {
        let mesh = &thing.body.mesh;
        let sheet = &thing.body.sheet;
        let (sheet_w, sheet_h) = sheet.size();
        let texels = (sheet_w * sheet_h) as f32;
        let width = self.area.size().0;
        let (clip_l, clip_t) = (scissors.left.max(self.area.left), scissors.top.max(self.area.top));
        let (clip_r, clip_b) = (scissors.right.min(self.area.right), scissors.bottom.min(self.area.bottom));
        let view = (lens.eye - thing.at).unit();
        let half = (KEY + view).unit();
        // A fourth part that means nothing: four are reckoned with at once.
        let [tint, key, ambient] = [thing.body.tint, light.key, light.ambient].map(|[r, g, b]| [r, g, b, 0.0]);
        let corners: Vec<([f32; 3], Vec3, [f32; 2])> = mesh
            .corners
            .iter()
            .map(|corner| {
                let (x, y, near) = lens.project(thing.world(corner.at));
                ([x, y, near], thing.turn.apply(corner.normal), corner.sheet)
            })
            .collect();
        for triangle in &mesh.triangles {
            let [(a, na, ta), (b, nb, tb), (c, nc, tc)] = triangle.map(|i| corners[i as usize]);
            // Rows count downwards, so what looks at the camera has a negative area here.
            let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
            if area > -1e-6 {
                continue;
            }
            let x0 = ((a[0].min(b[0]).min(c[0]) - 0.5).ceil() as i32).max(clip_l);
            let x1 = ((a[0].max(b[0]).max(c[0]) - 0.5).floor() as i32).min(clip_r - 1);
            let y0 = ((a[1].min(b[1]).min(c[1]) - 0.5).ceil() as i32).max(clip_t);
            let y1 = ((a[1].max(b[1]).max(c[1]) - 0.5).floor() as i32).min(clip_b - 1);
            if x0 > x1 || y0 > y1 {
                continue;
            }
            let inverse = 1.0 / area;
            let span = ((tb[0] - ta[0]) * (tc[1] - ta[1]) - (tc[0] - ta[0]) * (tb[1] - ta[1])).abs() * texels;
            let level = ((span / -area).max(1e-6).log2() * 0.5 + 0.25).max(0.0) as usize;
            let (wb_x, wc_x) = ((c[1] - a[1]) * inverse, -(b[1] - a[1]) * inverse);
            let plain = (ta == tb && tb == tc).then(|| sheet.colour(ta[0], ta[1], level));
            for y in y0..=y1 {
                let (px, py) = (x0 as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]);
                let mut wb = (px * (c[1] - a[1]) - (c[0] - a[0]) * py) * inverse;
                let mut wc = ((b[0] - a[0]) * py - px * (b[1] - a[1])) * inverse;
                let row = (y - self.area.top) as usize * width;
                for x in x0..=x1 {
                    let (b_share, c_share) = (wb, wc);
                    wb += wb_x;
                    wc += wc_x;
                    let a_share = 1.0 - b_share - c_share;
                    if a_share < -1e-5 || b_share < -1e-5 || c_share < -1e-5 {
                        continue;
                    }
                    let near = a[2] * a_share + b[2] * b_share + c[2] * c_share;
                    let index = row + (x - self.area.left) as usize;
                    if near <= self.near[index] {
                        continue;
                    }
                    self.near[index] = near;
                    let far = 1.0 / near;
                    let (wa, wb, wc) = (a[2] * a_share * far, b[2] * b_share * far, c[2] * c_share * far);
                    let normal = (na * wa + nb * wb + nc * wc).unit();
                    let (lit, open) = match shade {
                        Some(shade) => {
                            let at = lens.point(x as f32 + 0.5, y as f32 + 0.5, near);
                            shade.at(at.x, at.y, false)
                        }
                        None => (1.0, 1.0),
                    };
                    let direct = (normal.dot(KEY) * 0.92 + 0.08).max(0.0) * lit;
                    let around = (0.62 + 0.38 * normal.z) * open;
                    let shine = normal.dot(half).max(0.0);
                    let shine = shine * shine;
                    let shine = shine * shine * shine;
                    let shine = shine * shine * shine * shine;
                    let glint = thing.body.gloss * (shine * shine * 0.85 + shine * 0.15) * lit;
                    let colour = plain.unwrap_or_else(|| {
                        let u = ta[0] * wa + tb[0] * wb + tc[0] * wc;
                        let v = ta[1] * wa + tb[1] * wb + tc[1] * wc;
                        sheet.colour(u, v, level)
                    });
                    let point = &mut self.rgb[index];
                    let out: [f32; 4] = std::array::from_fn(|i| {
                        let albedo = colour[i] * (1.0 / 255.0);
                        let out = albedo * albedo * tint[i] * (key[i] * direct + ambient[i] * around) + glint * key[i];
                        (out.sqrt() * 255.0).min(255.0)
                    });
                    *point = [out[0] as u8, out[1] as u8, out[2] as u8];
                }
            }
        }
    }
}
