//! The lens and the drawing of lit bodies into a picture with depth. Knows no basket and no time.

use super::scene::{Body, KEY, Placed, Shade};
use super::sheet::Sheet;
use super::space::{Vec3, vec3};
use wide::bytemuck::cast;
use wide::{f32x4, i16x8, u8x16};

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

    /// The same of a corner of a thing.
    #[inline]
    fn seen(&self, thing: &Placed, corner: Vec3) -> [f32; 3] {
        let (x, y, near) = self.project(thing.world(corner));
        [x, y, near]
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
        let [mut left, mut top, mut right, mut bottom] = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for corner in &thing.body.mesh.corners {
            let (x, y, _) = self.project(thing.world(corner.at));
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x), bottom.max(y));
        }
        let next = |x: f32| (x.ceil() as i32).saturating_add(1);
        Area { left: left.floor() as i32, top: top.floor() as i32, right: next(right), bottom: next(bottom) }
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
    /// Red, green, blue and a one: four are written and added up at once, and a sum says of how many it is.
    pub colours: Vec<[u8; 4]>,
    /// Nearness of what is seen; 0 where nothing is.
    pub near: Vec<f32>,
}

impl Canvas {
    /// Clears it for `area`.
    pub fn reset(&mut self, area: Area) {
        let (width, height) = area.size();
        self.area = area;
        self.colours.clear();
        self.colours.resize(width * height, [0; 4]);
        self.near.clear();
        self.near.resize(width * height, 0.0);
    }

    /// Draws a thing where it is nearer than what is there, each pixel lit by itself; only pixels inside `scissors` change.
    pub fn draw(&mut self, lens: &Lens, thing: &Placed, light: &Light, shade: Option<&Shade>, scissors: Area) {
        let Body { mesh, sheet, .. } = &*thing.body;
        let glaze = Glaze::of(lens, thing, light);
        let corners: Vec<([f32; 3], Vec3, [f32; 2])> = mesh
            .corners
            .iter()
            .map(|corner| (lens.seen(thing, corner.at), thing.turn.apply(corner.normal), corner.sheet))
            .collect();
        for triangle in &mesh.triangles {
            let [(a, na, ta), (b, nb, tb), (c, nc, tc)] = triangle.map(|i| corners[i as usize]);
            let Some(facet) = Facet::of([a, b, c], scissors.common(&self.area)) else { continue };
            let level = sheet.level(facet.level(sheet, [ta, tb, tc]));
            let plain = (ta == tb && tb == tc).then(|| level.colour(ta[0], ta[1]));
            facet.fill(self, |x, y, near, [wa, wb, wc]| {
                let normal = (na * wa + nb * wb + nc * wc).unit();
                let (lit, open) = match shade {
                    Some(shade) => {
                        let at = lens.point(x as f32 + 0.5, y as f32 + 0.5, near);
                        shade.at(at.x, at.y, false)
                    }
                    None => (1.0, 1.0),
                };
                let colour = plain.unwrap_or_else(|| {
                    let (u, v) = (ta[0] * wa + tb[0] * wb + tc[0] * wc, ta[1] * wa + tb[1] * wb + tc[1] * wc);
                    level.colour(u, v)
                });
                glaze.colour(colour, glaze.light(normal, lit, open))
            });
        }
    }

    /// Draws a thing as [`Canvas::draw`] does, but lit at its corners alone and, unless `sharp`, with the sheet's nearest
    /// points: what moves is smeared anyway, and this takes a fraction of the time.
    pub fn sketch(&mut self, lens: &Lens, thing: &Placed, light: &Light, sharp: bool) {
        let Body { mesh, sheet, .. } = &*thing.body;
        let glaze = Glaze::of(lens, thing, light);
        let corners: Vec<([f32; 3], Tone, [f32; 2])> = mesh
            .corners
            .iter()
            .map(|corner| {
                let tone = glaze.tone(glaze.light(thing.turn.apply(corner.normal), 1.0, 1.0));
                (lens.seen(thing, corner.at), tone, corner.sheet)
            })
            .collect();
        // Bodies without a print have few colours, and neighbours the same.
        let mut last = ([f32::NAN; 2], f32x4::ZERO);
        for triangle in &mesh.triangles {
            let at = triangle.map(|i| corners[i as usize]);
            let Some(facet) = Facet::of(at.map(|(place, ..)| place), self.area) else { continue };
            let [ta, tb, tc] = at.map(|(.., sheet)| sheet);
            if ta == tb && tb == tc {
                if last.0 != ta {
                    last = (ta, sheet.level(0).colour(ta[0], ta[1]));
                }
                let colours = at.map(|([.., near], tone, _)| {
                    let [red, green, blue, _] = tone.of(last.1).to_array();
                    [f32x4::new([red, green, blue, near])]
                });
                facet.sweep(self, colours, |_, _, [colour]| colour);
            } else {
                let level = sheet.level(facet.level(sheet, [ta, tb, tc]));
                // A place on the sheet, by nearness, changes evenly over the picture.
                let places = at.map(|([.., near], Tone { times, plus }, [u, v])| {
                    [f32x4::new([u * near, v * near, 0.0, near]), times, plus]
                });
                facet.sweep(self, places, |_, _, [place, times, plus]| {
                    let [u, v, _, near] = place.to_array();
                    let (u, v) = (u / near, v / near);
                    let own = if sharp { level.colour(u, v) } else { level.nearest(u, v) };
                    Tone { times, plus }.of(own)
                });
            }
        }
    }
}

/// What light makes of a surface's own colour, as a straight line: so it can be mixed from corner to corner.
#[derive(Debug, Clone, Copy)]
struct Tone {
    times: f32x4,
    plus: f32x4,
}

impl Tone {
    #[inline(always)]
    fn of(&self, own: f32x4) -> f32x4 {
        own * self.times + self.plus
    }
}

/// How a body answers to light. Colours have a fourth part that means nothing: four are reckoned with at once.
struct Glaze {
    key: f32x4,
    /// What its own colours are multiplied with, in the key light and in that from all around.
    direct: f32x4,
    around: f32x4,
    gloss: f32,
    /// Half-way between the key light and the lens.
    half: Vec3,
}

impl Glaze {
    fn of(lens: &Lens, thing: &Placed, light: &Light) -> Glaze {
        let [tint, key, ambient] =
            [thing.body.tint, light.key, light.ambient].map(|[r, g, b]| f32x4::new([r, g, b, 0.0]));
        let half = (KEY + (lens.eye - thing.at).unit()).unit();
        Glaze { key, direct: tint * key, around: tint * ambient, gloss: thing.body.gloss, half }
    }

    /// The light that a surface sends back as its own colour, and that which it mirrors.
    #[inline(always)]
    fn light(&self, normal: Vec3, lit: f32, open: f32) -> [f32x4; 2] {
        let direct = (normal.dot(KEY) * 0.92 + 0.08).max(0.0) * lit;
        let around = (0.62 + 0.38 * normal.z) * open;
        let shine = normal.dot(self.half).max(0.0);
        let shine = shine * shine;
        let shine = shine * shine * shine;
        let shine = shine * shine * shine * shine;
        let mirrored = self.gloss * (shine * shine * 0.85 + shine * 0.15) * lit;
        [self.direct * direct + self.around * around, self.key * mirrored]
    }

    /// [`Glaze::colour`] as a straight line through what it says of a dark and of a bright surface: right where nothing is
    /// mirrored.
    fn tone(&self, light: [f32x4; 2]) -> Tone {
        const DARK: f32 = 50.0;
        const BRIGHT: f32 = 200.0;
        let [dark, bright] = [DARK, BRIGHT].map(|own| self.colour(f32x4::splat(own), light));
        let times = (bright - dark) * (1.0 / (BRIGHT - DARK));
        Tone { times, plus: dark - times * DARK }
    }

    /// What the camera makes of it, 255 where it is white.
    #[inline(always)]
    fn colour(&self, own: f32x4, [light, mirrored]: [f32x4; 2]) -> f32x4 {
        let albedo = own * (1.0 / 255.0);
        (albedo * albedo * light + mirrored).sqrt() * 255.0
    }
}

/// A triangle that looks at the camera, as it lies in the picture.
struct Facet {
    /// Column, row and nearness of its corners.
    corners: [[f32; 3]; 3],
    /// Twice its area, negative: rows count downwards.
    area: f32,
    /// By how much the shares of its corners grow from column to column, and one over that.
    across: [(f32, f32); 3],
    bounds: Area,
}

impl Facet {
    /// `None` where it looks away or no pixel's middle inside `clip` can lie in it.
    #[inline]
    fn of(corners: [[f32; 3]; 3], clip: Area) -> Option<Facet> {
        let [a, b, c] = corners;
        let area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);
        let bounds = Area {
            left: up(a[0].min(b[0]).min(c[0]) - 0.5).max(clip.left),
            top: up(a[1].min(b[1]).min(c[1]) - 0.5).max(clip.top),
            right: up(a[0].max(b[0]).max(c[0]) + 0.5).min(clip.right),
            bottom: up(a[1].max(b[1]).max(c[1]) + 0.5).min(clip.bottom),
        };
        if area > -1e-6 || bounds.is_empty() {
            return None;
        }
        let inverse = 1.0 / area;
        let (by_b, by_c) = ((c[1] - a[1]) * inverse, -(b[1] - a[1]) * inverse);
        let across = [-by_b - by_c, by_b, by_c].map(|step| (step, 1.0 / step));
        Some(Facet { corners, area, across, bounds })
    }

    /// Which copy of the sheet has about as many points as this has pixels.
    fn level(&self, sheet: &Sheet, [a, b, c]: [[f32; 2]; 3]) -> usize {
        let (width, height) = sheet.size();
        let span = ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])).abs() * (width * height) as f32;
        ((span / -self.area).max(1e-6).log2() * 0.5 + 0.25).max(0.0) as usize
    }

    /// Gives each of its pixels that is nearer than what the canvas holds the colour that `colour` says for column, row,
    /// nearness and the corners' shares of the surface there.
    #[inline(always)]
    fn fill(&self, canvas: &mut Canvas, mut colour: impl FnMut(i32, i32, f32, [f32; 3]) -> f32x4) {
        let [a, b, c] = self.corners.map(|[.., near]| near);
        // A corner's share of the surface, by nearness, changes evenly over the picture.
        let shares = [[a, 0.0, 0.0, a], [0.0, b, 0.0, b], [0.0, 0.0, c, c]].map(|shares| [f32x4::new(shares)]);
        self.sweep(canvas, shares, |x, y, [shares]| {
            let [wa, wb, wc, near] = shares.to_array();
            let far = 1.0 / near;
            colour(x, y, near, [wa * far, wb * far, wc * far])
        });
    }

    /// Gives its pixels the colour that `colour` says for column, row and values that are mixed evenly over the picture from
    /// those given for its corners. The fourth part of the first is the nearness.
    #[inline(always)]
    fn sweep<const N: usize>(
        &self,
        canvas: &mut Canvas,
        [a, b, c]: [[f32x4; N]; 3],
        mut colour: impl FnMut(i32, i32, [f32x4; N]) -> f32x4,
    ) {
        let mixed =
            |[wa, wb, wc]: [f32; 3]| -> [f32x4; N] { std::array::from_fn(|i| a[i] * wa + b[i] * wb + c[i] * wc) };
        let more = mixed(self.across.map(|(step, _)| step));
        let wide = canvas.area.size().0;
        for y in self.bounds.top..self.bounds.bottom {
            let (columns, shares) = self.row(y);
            let first = mixed(shares);
            let row = (y - canvas.area.top) as usize * wide + (self.bounds.left - canvas.area.left) as usize;
            for step in columns {
                let here: [f32x4; N] = std::array::from_fn(|i| first[i] + more[i] * step as f32);
                let index = row + step as usize;
                let near = here[0].to_array()[3];
                if near > canvas.near[index] {
                    canvas.near[index] = near;
                    canvas.colours[index] = bytes(colour(self.bounds.left + step, y, here));
                }
            }
        }
    }

    /// The columns of a row that lie in it, counted from the left of its bounds, and the corners' shares at that left.
    #[inline(always)]
    fn row(&self, y: i32) -> (std::ops::Range<i32>, [f32; 3]) {
        let [a, b, c] = self.corners;
        let inverse = 1.0 / self.area;
        let Area { left, right, .. } = self.bounds;
        let (px, py) = (left as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]);
        let wb = (px * (c[1] - a[1]) - (c[0] - a[0]) * py) * inverse;
        let wc = ((b[0] - a[0]) * py - px * (b[1] - a[1])) * inverse;
        let shares = [1.0 - wb - wc, wb, wc];
        // No corner's share may be negative: that says where in the row it begins and ends.
        let (mut first, mut behind) = (0, right - left);
        for (share, (step, inverse)) in shares.into_iter().zip(self.across) {
            let zero = (-1e-5 - share) * inverse;
            if step > 0.0 {
                first = first.max(up(zero));
            } else if step < 0.0 {
                behind = behind.min(up(zero));
            } else if share < -1e-5 {
                behind = first;
            }
        }
        (first..behind, shares)
    }
}

/// A colour, 0 to 255, as a canvas holds it; what is brighter is white.
#[inline(always)]
pub fn bytes(colour: f32x4) -> [u8; 4] {
    let whole = colour.fast_trunc_int();
    let short = i16x8::from_i32x8_saturate(cast([whole, whole]));
    let [[red, green, blue, _], ..]: [[u8; 4]; 4] = cast(u8x16::narrow_i16x8(short, short));
    [red, green, blue, 1]
}

/// The next whole number; not `ceil`, which is a call where the processor is not known.
#[inline(always)]
fn up(x: f32) -> i32 {
    let whole = x as i32;
    whole.saturating_add(i32::from((whole as f32) < x))
}
