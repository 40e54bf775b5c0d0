//! What lies in the basket, as bodies with a place: how things rest on each other, and how light falls among them.
//!
//! Knows geometry only: no product, no mass, no time.

use super::shapes::Mesh;
use super::sheet::Sheet;
use super::space::{Turn, Vec3, vec3};
use std::sync::Arc;

/// Half of the basket's floor along x and y, in metres.
pub const FLOOR_HALF: (f32, f32) = (0.26, 0.18);
/// How deep the basket is.
pub const DEPTH: f32 = 0.30;

/// A visible body: its mesh and what covers it.
#[derive(Debug, Clone)]
pub struct Body {
    /// Its surface, around its own middle.
    pub mesh: Arc<Mesh>,
    /// Its pattern.
    pub sheet: Arc<Sheet>,
    /// How much it shines, 0 to 1.
    pub gloss: f32,
    /// What its colours are multiplied with.
    pub tint: [f32; 3],
}

/// A body in its place.
#[derive(Debug, Clone)]
pub struct Placed {
    /// Names it among the others; the camera uses it to see what changed.
    pub id: u64,
    /// What it is.
    pub body: Arc<Body>,
    /// Where its middle is.
    pub at: Vec3,
    /// How it is turned.
    pub turn: Turn,
}

impl Placed {
    /// A corner's place in the world.
    pub fn world(&self, corner: Vec3) -> Vec3 {
        self.turn.apply(corner) + self.at
    }

    /// Half of its extent along the world's axes.
    pub fn reach(&self) -> Vec3 {
        self.body.mesh.corners.iter().fold(Vec3::default(), |most, corner| {
            let at = self.turn.apply(corner.at);
            vec3(most.x.max(at.x.abs()), most.y.max(at.y.abs()), most.z.max(at.z.abs()))
        })
    }
}

/// Cells of the height grid, 4 mm each, with a border around the floor.
const CELL: f32 = 0.004;
const COLUMNS: usize = 144;
const ROWS: usize = 104;

fn cell(x: f32, y: f32) -> (f32, f32) {
    (x / CELL + COLUMNS as f32 / 2.0 - 0.5, y / CELL + ROWS as f32 / 2.0 - 0.5)
}

/// How high things reach over each point of the floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Heights(Vec<f32>);

impl Default for Heights {
    fn default() -> Heights {
        Heights(vec![0.0; COLUMNS * ROWS])
    }
}

impl Heights {
    /// Calls `visit` with each cell under the body, and the body's height there.
    fn cover(thing: &Placed, mut visit: impl FnMut(usize, f32)) {
        let points: Vec<Vec3> = thing.body.mesh.corners.iter().map(|corner| thing.world(corner.at)).collect();
        for triangle in &thing.body.mesh.triangles {
            let [a, b, c] = triangle.map(|i| points[i as usize]);
            let [(ax, ay), (bx, by), (cx, cy)] = [a, b, c].map(|p| cell(p.x, p.y));
            let area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
            if area.abs() < 1e-9 {
                continue;
            }
            let x0 = ax.min(bx).min(cx).ceil().max(0.0) as usize;
            let x1 = ax.max(bx).max(cx).floor().min(COLUMNS as f32 - 1.0);
            let y0 = ay.min(by).min(cy).ceil().max(0.0) as usize;
            let y1 = ay.max(by).max(cy).floor().min(ROWS as f32 - 1.0);
            if x1 < 0.0 || y1 < 0.0 {
                continue;
            }
            for y in y0..=y1 as usize {
                for x in x0..=x1 as usize {
                    let (px, py) = (x as f32, y as f32);
                    let wb = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) / area;
                    let wc = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) / area;
                    if wb >= -1e-4 && wc >= -1e-4 && wb + wc <= 1.0 + 1e-4 {
                        visit(y * COLUMNS + x, a.z + (b.z - a.z) * wb + (c.z - a.z) * wc);
                    }
                }
            }
        }
    }

    /// Counts a thing in.
    pub fn add(&mut self, thing: &Placed) {
        Heights::cover(thing, |index, z| self.0[index] = self.0[index].max(z));
    }

    /// The height at which the thing's middle comes to rest when it is let down where it is.
    pub fn rest(&self, thing: &Placed) -> f32 {
        let mut under = vec![f32::MAX; COLUMNS * ROWS];
        Heights::cover(thing, |index, z| under[index] = under[index].min(z));
        let gap = under.iter().zip(&self.0).filter(|(under, _)| **under < f32::MAX).map(|(under, top)| under - top);
        let drop = gap.fold(f32::MAX, f32::min);
        if drop < f32::MAX { thing.at.z - drop } else { thing.reach().z }
    }
}

/// Where the key light comes from.
pub const KEY: Vec3 = vec3(-0.42, 0.36, 0.833);

/// How much light reaches the floor and the tops of things, cell by cell, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Shade {
    floor: Vec<(f32, f32)>,
    top: Vec<(f32, f32)>,
}

impl Shade {
    /// Casts rays from every cell towards the key light through the heights.
    pub fn cast(heights: &Heights) -> Shade {
        let around = blurred(&heights.0, 6);
        let highest = heights.0.iter().copied().fold(0.0, f32::max).min(DEPTH);
        let lit = |x: usize, y: usize, z: f32| {
            let step = 1.0 / KEY.x.abs().max(KEY.y.abs());
            let (dx, dy, dz) = (KEY.x * step, KEY.y * step, KEY.z * step * CELL);
            let (mut px, mut py, mut pz) = (x as f32, y as f32, z);
            let mut light: f32 = 1.0;
            for i in 1..70 {
                px += dx;
                py += dy;
                pz += dz;
                if px < 0.0 || py < 0.0 || px >= COLUMNS as f32 - 1.0 || py >= ROWS as f32 - 1.0 || pz > highest {
                    break;
                }
                let above = heights.0[(py + 0.5) as usize * COLUMNS + (px + 0.5) as usize] - pz - 0.003;
                // The further the edge that stands in the light, the softer its shadow.
                light = light.min(1.0 - (above / (0.0035 + 0.0009 * i as f32)).clamp(0.0, 1.0));
            }
            light
        };
        let open = |index: usize, z: f32| 1.0 / (1.0 + 14.0 * (around[index] - z).max(0.0));
        let of = |x: usize, y: usize, z: f32| (lit(x, y, z), open(y * COLUMNS + x, z));
        let cells = || (0..ROWS).flat_map(|y| (0..COLUMNS).map(move |x| (x, y)));
        let floor = cells().map(|(x, y)| of(x, y, 0.0)).collect();
        let top = cells().map(|(x, y)| of(x, y, heights.0[y * COLUMNS + x])).collect();
        Shade { floor, top }
    }

    /// Direct and ambient light at a point that the camera sees.
    #[inline]
    pub fn at(&self, x: f32, y: f32, floor: bool) -> (f32, f32) {
        let map = if floor { &self.floor } else { &self.top };
        let (cx, cy) = cell(x, y);
        if cx < 0.0 || cy < 0.0 || cx >= COLUMNS as f32 - 1.0 || cy >= ROWS as f32 - 1.0 {
            return (1.0, 1.0);
        }
        let (ix, iy) = (cx as usize, cy as usize);
        let (tx, ty) = (cx - ix as f32, cy - iy as f32);
        let index = iy * COLUMNS + ix;
        let mix = |a: (f32, f32), b: (f32, f32), t: f32| (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t);
        mix(mix(map[index], map[index + 1], tx), mix(map[index + COLUMNS], map[index + COLUMNS + 1], tx), ty)
    }
}

/// The mean over a square of `2 * radius + 1` cells.
fn blurred(heights: &[f32], radius: usize) -> Vec<f32> {
    let pass = |from: &[f32], along: usize, across: usize, step: usize, jump: usize| {
        let mut to = vec![0.0; from.len()];
        for line in 0..across {
            let at = |i: usize| from[line * jump + i.min(along - 1) * step];
            let mut sum: f32 = (0..radius).map(at).sum::<f32>() + at(0) * radius as f32;
            for i in 0..along {
                sum += at(i + radius);
                if i > radius {
                    sum -= at(i - radius - 1);
                } else if i > 0 {
                    sum -= at(0);
                }
                to[line * jump + i * step] = sum / (2 * radius + 1) as f32;
            }
        }
        to
    };
    let rows = pass(heights, COLUMNS, ROWS, 1, COLUMNS);
    pass(&rows, ROWS, COLUMNS, COLUMNS, 1)
}
