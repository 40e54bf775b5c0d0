//! Points, turns, seeded chance and smooth noise: the arithmetic that the small world stands on.
//!
//! Lengths are metres, z points up, the basket's floor lies at z = 0. Nothing here knows a product.

use std::ops::{Add, Mul, Sub};

/// A point or a direction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Vec3 {
    /// To the right of the picture.
    pub x: f32,
    /// To the top of the picture.
    pub y: f32,
    /// Up, towards the camera.
    pub z: f32,
}

/// A [`Vec3`] from its parts.
pub const fn vec3(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3 { x, y, z }
}

impl Vec3 {
    /// The scalar product.
    pub fn dot(self, other: Vec3) -> f32 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    /// The vector product.
    pub fn cross(self, other: Vec3) -> Vec3 {
        vec3(
            self.y * other.z - self.z * other.y,
            self.z * other.x - self.x * other.z,
            self.x * other.y - self.y * other.x,
        )
    }

    /// The length.
    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The same direction with length 1; up, where there is no direction.
    pub fn unit(self) -> Vec3 {
        let length = self.length();
        if length > 1e-12 { self * (1.0 / length) } else { vec3(0.0, 0.0, 1.0) }
    }

    /// The point this share of the way to `other`.
    pub fn towards(self, other: Vec3, share: f32) -> Vec3 {
        self + (other - self) * share
    }
}

impl Add for Vec3 {
    type Output = Vec3;
    fn add(self, other: Vec3) -> Vec3 {
        vec3(self.x + other.x, self.y + other.y, self.z + other.z)
    }
}

impl Sub for Vec3 {
    type Output = Vec3;
    fn sub(self, other: Vec3) -> Vec3 {
        vec3(self.x - other.x, self.y - other.y, self.z - other.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Vec3;
    fn mul(self, by: f32) -> Vec3 {
        vec3(self.x * by, self.y * by, self.z * by)
    }
}

/// A turn in space: the three rows of a rotation matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn(pub [Vec3; 3]);

impl Turn {
    /// No turn.
    pub const NONE: Turn = Turn([vec3(1.0, 0.0, 0.0), vec3(0.0, 1.0, 0.0), vec3(0.0, 0.0, 1.0)]);

    /// A turn about the x axis, in radians.
    pub fn about_x(angle: f32) -> Turn {
        let (s, c) = angle.sin_cos();
        Turn([vec3(1.0, 0.0, 0.0), vec3(0.0, c, -s), vec3(0.0, s, c)])
    }

    /// A turn about the y axis, in radians.
    pub fn about_y(angle: f32) -> Turn {
        let (s, c) = angle.sin_cos();
        Turn([vec3(c, 0.0, s), vec3(0.0, 1.0, 0.0), vec3(-s, 0.0, c)])
    }

    /// A turn about the z axis, in radians.
    pub fn about_z(angle: f32) -> Turn {
        let (s, c) = angle.sin_cos();
        Turn([vec3(c, -s, 0.0), vec3(s, c, 0.0), vec3(0.0, 0.0, 1.0)])
    }

    /// The turned direction.
    pub fn apply(&self, v: Vec3) -> Vec3 {
        vec3(self.0[0].dot(v), self.0[1].dot(v), self.0[2].dot(v))
    }

    /// This turn after `first`.
    pub fn after(&self, first: &Turn) -> Turn {
        let column = |i: usize| {
            let part = |row: Vec3| [row.x, row.y, row.z][i];
            self.apply(vec3(part(first.0[0]), part(first.0[1]), part(first.0[2])))
        };
        let (a, b, c) = (column(0), column(1), column(2));
        Turn([vec3(a.x, b.x, c.x), vec3(a.y, b.y, c.y), vec3(a.z, b.z, c.z)])
    }
}

/// Chance that replays from its seed (the SplitMix64 sequence).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chance(u64);

/// Mixes a number so that near numbers give unlike results.
pub fn mixed(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Chance {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Chance {
        Chance(mixed(seed))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let bits = mixed(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits
    }

    /// Evenly from 0 up to 1.
    pub fn share(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Evenly between two numbers.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.share()
    }

    /// A whole number below `count`; 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { (self.bits() % count as u64) as usize }
    }

    /// True in `share` of all cases.
    pub fn happens(&mut self, share: f32) -> bool {
        self.share() < share
    }

    /// From the normal distribution with mean 0 and deviation 1.
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * self.share().max(1e-7).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.share()).cos()
    }
}

fn lattice(x: i32, y: i32, z: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x85eb_ca6b)
        ^ (y as u32).wrapping_mul(0xc2b2_ae35)
        ^ (z as u32).wrapping_mul(0x27d4_eb2f)
        ^ seed.wrapping_mul(0x1656_67b1);
    h ^= h >> 15;
    h = h.wrapping_mul(0x2c1b_3c6d);
    h ^= h >> 12;
    h = h.wrapping_mul(0x297a_2d39);
    h ^= h >> 15;
    h as f32 / u32::MAX as f32 * 2.0 - 1.0
}

/// Smooth noise from -1 to 1 with one bump a unit.
pub fn noise(p: Vec3, seed: u32) -> f32 {
    // Not `floor`, which is a call where the processor is not known.
    let down = |x: f32| x as i32 - i32::from((x as i32) as f32 > x);
    let (x, y, z) = (down(p.x), down(p.y), down(p.z));
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty, tz) = (ease(p.x - x as f32), ease(p.y - y as f32), ease(p.z - z as f32));
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let row = |y, z| mix(lattice(x, y, z, seed), lattice(x + 1, y, z, seed), tx);
    mix(mix(row(y, z), row(y + 1, z), ty), mix(row(y, z + 1), row(y + 1, z + 1), ty), tz)
}

/// Noise with finer bumps on the coarse ones, about -1 to 1.
pub fn rough(p: Vec3, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut size, mut scale) = (0.0, 0.5, 1.0);
    for octave in 0..octaves {
        sum += size * noise(p * scale, seed.wrapping_add(octave * 101));
        size *= 0.5;
        scale *= 2.03;
    }
    sum * 1.3
}

/// Rises smoothly from 0 at `low` to 1 at `high`.
pub fn rise(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
