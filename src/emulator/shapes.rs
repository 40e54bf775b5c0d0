//! Bodies of products: triangle meshes over a pattern sheet. Knows lengths and seeds, no colours and no products.
//!
//! A long or flat body lies along x and y as it would lie in a basket; round produce has its stem at +z.

use super::space::{Turn, Vec3, noise, vec3};
use std::f32::consts::{PI, TAU};

/// What a thing's body is, in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A round fruit: half-widths, and how its outline leaves the ellipsoid.
    Round {
        /// Half-widths along x, y and z.
        radii: [f32; 3],
        /// How it leaves the ellipsoid.
        form: Form,
    },
    /// A bent tube with pointed ends.
    Bent {
        /// Length along the bend.
        length: f32,
        /// Largest radius.
        radius: f32,
        /// Angle of the bend, in radians.
        bend: f32,
    },
    /// A body turned about the x axis: radius and position along the axis, from its bottom.
    Turned {
        /// The outline.
        outline: &'static [(f32, f32)],
        /// Unevenness of a grown thing, 0 for a made one.
        uneven: f32,
    },
    /// A box lying on its back: width, height, depth; its front looks up.
    Box {
        /// Width, height, depth.
        size: [f32; 3],
    },
    /// A filled bag lying on its back: width, height, thickness in the middle.
    Pouch {
        /// Width, height, thickness.
        size: [f32; 3],
    },
    /// A flat card.
    Card {
        /// Width and height.
        size: [f32; 2],
    },
}

/// How a round fruit leaves the ellipsoid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// Nearly an ellipsoid, with small dents.
    Even,
    /// Hollows at stem and blossom, wider above.
    Apple,
    /// A neck towards the stem.
    Pear,
    /// Points at both ends.
    Lemon,
    /// Three or four lobes and a hollow at the stem.
    Pepper,
    /// Irregular bulges.
    Tuber,
    /// A pointed top.
    Onion,
}

/// One corner of a mesh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corner {
    /// Where.
    pub at: Vec3,
    /// The direction of the surface there.
    pub normal: Vec3,
    /// Where on the pattern sheet, 0 to 1.
    pub sheet: [f32; 2],
}

/// A body as triangles, anticlockwise seen from outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mesh {
    /// The corners.
    pub corners: Vec<Corner>,
    /// Three corners each.
    pub triangles: Vec<[u32; 3]>,
}

impl Mesh {
    /// Adds a grid of `columns` by `rows` quads, with normals taken from the grid itself.
    ///
    /// `place` gives position and sheet coordinates for shares 0..=1 of both directions; the surface looks towards
    /// `d/ds x d/dt`. `closed` joins the normals of the first and the last column.
    fn grid(&mut self, columns: usize, rows: usize, closed: bool, place: impl Fn(f32, f32) -> (Vec3, [f32; 2])) {
        let first = self.corners.len();
        let points: Vec<(Vec3, [f32; 2])> = (0..=rows)
            .flat_map(|t| (0..=columns).map(move |s| (s, t)))
            .map(|(s, t)| place(s as f32 / columns as f32, t as f32 / rows as f32))
            .collect();
        let at = |s: usize, t: usize| points[t * (columns + 1) + s].0;
        let normal_at = |s: usize, t: usize| {
            let (before, behind) = match (s, closed) {
                (0, true) => (at(columns - 1, t), at(1, t)),
                (s, true) if s == columns => (at(columns - 1, t), at(1, t)),
                _ => (at(s.saturating_sub(1), t), at((s + 1).min(columns), t)),
            };
            let (below, above) = (at(s, t.saturating_sub(1)), at(s, (t + 1).min(rows)));
            (behind - before).cross(above - below)
        };
        for t in 0..=rows {
            for s in 0..=columns {
                let mut normal = normal_at(s, t);
                if normal.length() < 1e-8 {
                    // At a pole all columns meet: its direction is the mean of the ring beside it.
                    let ring = if t == 0 { 1 } else { rows - 1 };
                    normal = (0..columns).fold(Vec3::default(), |sum, s| sum + normal_at(s, ring));
                }
                let (position, sheet) = points[t * (columns + 1) + s];
                self.corners.push(Corner { at: position, normal: normal.unit(), sheet });
            }
        }
        let corner = |s: usize, t: usize| (first + t * (columns + 1) + s) as u32;
        for t in 0..rows {
            for s in 0..columns {
                self.triangles.push([corner(s, t), corner(s + 1, t), corner(s + 1, t + 1)]);
                self.triangles.push([corner(s, t), corner(s + 1, t + 1), corner(s, t + 1)]);
            }
        }
    }

    /// Adds an ellipsoid of one colour: the sheet's point at `sheet`.
    pub fn ellipsoid(&mut self, middle: Vec3, radii: [f32; 3], turn: &Turn, sheet: [f32; 2]) {
        // Of a finger, 20 to 40 pixels wide, twelve sides leave the outline less than a pixel off.
        let (columns, rows) = if radii.into_iter().all(|radius| radius < 0.04) { (12, 8) } else { (18, 12) };
        self.grid(columns, rows, true, |s, t| {
            let ((sin, cos), (up, out)) = ((s * TAU).sin_cos(), ((t - 0.5) * PI).sin_cos());
            let at = vec3(out * cos * radii[0], out * sin * radii[1], up * radii[2]);
            (middle + turn.apply(at), sheet)
        });
    }

    /// Half of the extent along each axis, measured from the middle at 0.
    pub fn reach(&self) -> Vec3 {
        self.corners.iter().fold(Vec3::default(), |most, corner| {
            vec3(most.x.max(corner.at.x.abs()), most.y.max(corner.at.y.abs()), most.z.max(corner.at.z.abs()))
        })
    }
}

impl Shape {
    /// The body of one piece; `seed` makes grown things differ.
    pub fn mesh(&self, seed: u32) -> Mesh {
        let mut mesh = Mesh::default();
        match *self {
            Shape::Round { radii, form } => round(&mut mesh, radii, form, seed),
            Shape::Bent { length, radius, bend } => bent(&mut mesh, length, radius, bend, seed),
            Shape::Turned { outline, uneven } => turned(&mut mesh, outline, uneven, seed),
            Shape::Box { size } => boxed(&mut mesh, size),
            Shape::Pouch { size } => pouch(&mut mesh, size, seed),
            Shape::Card { size: [w, h] } => {
                mesh.grid(1, 1, false, |s, t| (vec3((s - 0.5) * w, (t - 0.5) * h, 0.002), [s, 1.0 - t]));
                mesh.grid(1, 1, false, |s, t| (vec3((0.5 - s) * w, (t - 0.5) * h, 0.0), [s, 1.0 - t]));
            }
        }
        mesh
    }

    /// Width and height in millimetres of the pattern sheet that covers the body.
    pub fn sheet_mm(&self) -> (f32, f32) {
        match *self {
            Shape::Round { radii, .. } => (TAU * radii[0] * 1000.0, PI * radii[2] * 1000.0),
            Shape::Bent { length, radius, .. } => (TAU * radius * 1000.0, length * 1000.0),
            Shape::Turned { outline, .. } => {
                let widest = outline.iter().fold(0.0f32, |most, point| most.max(point.0));
                (TAU * widest * 1000.0, along(outline).last().copied().unwrap_or(0.0) * 1000.0)
            }
            Shape::Box { size: [w, h, d] } => ((2.0 * w + 2.0 * d) * 1000.0, (h + d) * 1000.0),
            Shape::Pouch { size: [w, h, _] } => (2.0 * w * 1000.0, h * 1000.0),
            Shape::Card { size: [w, h] } => (w * 1000.0, h * 1000.0),
        }
    }
}

/// Lengths along an outline from its first point.
pub fn along(outline: &[(f32, f32)]) -> Vec<f32> {
    let mut sum = 0.0;
    let mut lengths = vec![0.0];
    for pair in outline.windows(2) {
        sum += ((pair[1].0 - pair[0].0).powi(2) + (pair[1].1 - pair[0].1).powi(2)).sqrt();
        lengths.push(sum);
    }
    lengths
}

fn round(mesh: &mut Mesh, radii: [f32; 3], form: Form, seed: u32) {
    let individual = noise(vec3(seed as f32 * 0.37, 1.5, 2.5), 7);
    mesh.grid(44, 30, true, |s, t| {
        let (sin_lon, cos_lon) = (s * TAU).sin_cos();
        let lat = (t - 0.5) * PI;
        let (up, out) = lat.sin_cos();
        let direction = vec3(out * cos_lon, out * sin_lon, up);
        let lump = |scale: f32, salt: u32| noise(direction * scale + vec3(3.1, 7.7, 1.3), seed.wrapping_add(salt));
        let (mut wide, mut high) = (1.0 + 0.03 * lump(1.3, 1), up);
        match form {
            Form::Even => {}
            Form::Apple => {
                wide += 0.09 * up + 0.02 * (5.0 * s * TAU).cos() * (0.2 - up).max(0.0);
                high = up * 1.04
                    - 0.48 * (1.0 - (out / 0.62).min(1.0)).powi(2) * up.signum() * if up > 0.0 { 1.0 } else { 0.5 };
            }
            Form::Pear => {
                let neck = ((up + 0.15) / 1.15).clamp(0.0, 1.0);
                wide *= 1.0 - (0.42 + 0.06 * individual) * neck * neck * (3.0 - 2.0 * neck) * 0.95;
                wide += 0.08 * (1.0 - neck);
            }
            Form::Lemon => {
                high = up + 0.20 * up.signum() * up.abs().powi(14);
                wide *= 1.0 - 0.05 * up.abs();
            }
            Form::Pepper => {
                let lobes = if seed.is_multiple_of(2) { 3.0 } else { 4.0 };
                wide *= 0.95 + 0.10 * (lobes * s * TAU + individual * 3.0).cos() * (0.35 + 0.65 * out);
                wide *= 1.0 + 0.16 * up;
                high = up - 0.35 * (1.0 - (out / 0.5).min(1.0)).powi(2) * up.signum();
            }
            Form::Tuber => {
                wide *= 1.0 + 0.13 * lump(1.6, 2) + 0.05 * lump(3.5, 3);
                high *= 1.0 + 0.12 * lump(1.1, 4);
            }
            Form::Onion => {
                high = up + 0.34 * up.max(0.0).powi(16) - 0.05 * (-up).max(0.0).powi(8);
                wide *= 1.0 + 0.02 * lump(2.0, 5);
            }
        }
        let at = vec3(direction.x * wide * radii[0], direction.y * wide * radii[1], high * radii[2]);
        (at, [s, 1.0 - t])
    });
}

fn bent(mesh: &mut Mesh, length: f32, radius: f32, bend: f32, seed: u32) {
    let bend = bend * (1.0 + 0.2 * noise(vec3(seed as f32 * 0.71, 0.5, 0.5), 3));
    let curve = length / bend;
    mesh.grid(20, 40, true, |s, t| {
        let angle = (t - 0.5) * bend;
        // The ends: a blunt blossom end, and a stalk that is a fifth as thick as the fruit.
        let body = (1.0 - ((0.5 - t).abs() * 2.0).powi(4) * 0.75).max(0.0);
        let stalk = if t > 0.90 { 0.24 + 0.3 * (1.0 - (t - 0.90) / 0.10).powi(2) } else { 1.0 };
        let cap = if t == 0.0 || t == 1.0 { 0.0 } else { 1.0 };
        let ridges = 1.0 + 0.055 * (5.0 * s * TAU).cos();
        let r = radius * body.min(stalk * 1.02) * ridges * cap;
        let around = s * TAU;
        let out = vec3(angle.sin(), angle.cos(), 0.0);
        let centre = out * curve - vec3(0.0, curve * (bend * 0.25).cos(), 0.0);
        (centre + out * (r * around.cos()) + vec3(0.0, 0.0, r * around.sin()), [s, t])
    });
}

fn turned(mesh: &mut Mesh, outline: &'static [(f32, f32)], uneven: f32, seed: u32) {
    let lengths = along(outline);
    let whole = lengths.last().copied().unwrap_or(1.0);
    let (low, high) = outline.iter().fold((f32::MAX, f32::MIN), |(low, high), p| (low.min(p.1), high.max(p.1)));
    let middle = (low + high) / 2.0;
    // One strip for each stretch of the outline keeps the edges of caps sharp.
    for (index, pair) in outline.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        let rows = if uneven > 0.0 { 4 } else { 1 };
        mesh.grid(40, rows, true, |s, t| {
            let (sin, cos) = (s * TAU).sin_cos();
            let axis = from.1 + (to.1 - from.1) * t;
            let lump = 1.0 + uneven * noise(vec3(cos * 0.8 + 9.0, sin * 0.8, axis * 30.0), seed);
            let bow = uneven * 0.12 * noise(vec3(axis * 8.0, 4.0, 0.0), seed.wrapping_add(9));
            let r = (from.0 + (to.0 - from.0) * t) * lump;
            let v = (lengths[index] + (lengths[index + 1] - lengths[index]) * t) / whole;
            (vec3(axis - middle, bow - r * sin, r * cos), [s, 1.0 - v])
        });
    }
    if uneven > 0.0 {
        smooth_joints(mesh, outline.len() - 1, 40, 4);
    }
}

/// Gives the shared edges of the strips of a grown body one normal, so that no seam shows.
fn smooth_joints(mesh: &mut Mesh, strips: usize, columns: usize, rows: usize) {
    let strip = (columns + 1) * (rows + 1);
    for index in 1..strips {
        for s in 0..=columns {
            let (above, below) = ((index - 1) * strip + rows * (columns + 1) + s, index * strip + s);
            let normal = (mesh.corners[above].normal + mesh.corners[below].normal).unit();
            mesh.corners[above].normal = normal;
            mesh.corners[below].normal = normal;
        }
    }
}

/// Where the faces of a box lie on its sheet: front, right, back, left in a row, then top and bottom below.
pub fn box_faces(size_mm: [f32; 3]) -> [[f32; 4]; 6] {
    let [w, h, d] = size_mm;
    [[0.0, 0.0, w, h], [w, 0.0, d, h], [w + d, 0.0, w, h], [2.0 * w + d, 0.0, d, h], [0.0, h, w, d], [w, h, w, d]]
}

fn boxed(mesh: &mut Mesh, size: [f32; 3]) {
    let [w, h, d] = size;
    let (sheet_w, sheet_h) = (2.0 * w + 2.0 * d, h + d);
    let faces = box_faces(size);
    let (x, y, z) = (vec3(w / 2.0, 0.0, 0.0), vec3(0.0, h / 2.0, 0.0), vec3(0.0, 0.0, d / 2.0));
    let minus = |v: Vec3| v * -1.0;
    // Outward, to the right and up for each face, seen from outside with its print upright.
    let sides =
        [(z, x, y), (x, minus(z), y), (minus(z), minus(x), y), (minus(x), z, y), (y, x, minus(z)), (minus(y), x, z)];
    for ([left, top, width, height], (out, right, up)) in faces.into_iter().zip(sides) {
        mesh.grid(1, 1, false, |s, t| {
            let at = out + right * (2.0 * s - 1.0) + up * (2.0 * t - 1.0);
            (at, [(left + s * width) / sheet_w, (top + (1.0 - t) * height) / sheet_h])
        });
    }
}

fn pouch(mesh: &mut Mesh, size: [f32; 3], seed: u32) {
    let [w, h, thick] = size;
    for side in [1.0f32, -1.0] {
        mesh.grid(24, 28, false, |s, t| {
            let (x, y) = (2.0 * s - 1.0, 2.0 * t - 1.0);
            let x = x * side;
            let seam = ((1.0 - x * x) * (1.0 - (y * 1.04).powi(4)).max(0.0)).max(0.0).powf(0.55);
            let crease = 1.0 + 0.10 * noise(vec3(x * 3.0, y * 3.0, side * 5.0), seed) * (1.0 - seam * 0.5);
            let waist = 1.0 - 0.05 * seam;
            let at = vec3(x * w / 2.0 * waist, y * h / 2.0, side * thick / 2.0 * seam * crease);
            let column = if side > 0.0 { s * 0.5 } else { 0.5 + s * 0.5 };
            (at, [column, 1.0 - t])
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_looks_outwards() {
        let bodies = [
            Shape::Round { radii: [0.04, 0.04, 0.035], form: Form::Apple },
            Shape::Round { radii: [0.04, 0.04, 0.05], form: Form::Pear },
            Shape::Bent { length: 0.19, radius: 0.019, bend: 1.2 },
            Shape::Turned { outline: &[(0.0, 0.0), (0.03, 0.0), (0.03, 0.1), (0.0, 0.1)], uneven: 0.0 },
            Shape::Box { size: [0.1, 0.2, 0.05] },
            Shape::Pouch { size: [0.2, 0.28, 0.07] },
        ];
        for body in bodies {
            let mesh = body.mesh(5);
            // By the divergence theorem the volume is positive only when the triangles look outwards.
            let volume: f32 = mesh
                .triangles
                .iter()
                .map(|t| {
                    let [a, b, c] = t.map(|i| mesh.corners[i as usize].at);
                    a.dot(b.cross(c)) / 6.0
                })
                .sum();
            assert!(volume > 1e-5, "{body:?} has volume {volume}");
            let inward = mesh.corners.iter().filter(|c| !c.normal.length().is_finite()).count();
            assert_eq!(inward, 0, "{body:?}");
        }
    }
}
