//! Skins of fruit and vegetables: colour by direction from the core, or by place along a long body.

use super::shapes::Shape;
use super::sheet::{Rgb, Sheet};
use super::space::{Vec3, noise, rise, rough, vec3};
use std::f32::consts::{PI, TAU};

/// The skins of the shelf's produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Skin {
    RedApple,
    StripedApple,
    GreenApple,
    Pear,
    Banana,
    Orange,
    Lemon,
    Lime,
    Kiwi,
    Avocado,
    Tomato,
    Cucumber,
    Carrot,
    Potato,
    Onion,
    RedOnion,
    RedPepper,
    YellowPepper,
    Aubergine,
}

type Colour = [f32; 3];

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    let share = share.clamp(0.0, 1.0);
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * share)
}

fn scaled(a: Colour, by: f32) -> Colour {
    a.map(|part| part * by)
}

/// A place on a skin: direction from the core (stem up), share around and share along (1 at the stem).
struct Place {
    d: Vec3,
    around: f32,
    along: f32,
    seed: u32,
}

impl Place {
    fn noise(&self, scale: f32, salt: u32) -> f32 {
        noise(self.d * scale + vec3(11.0, 5.0, 3.0), self.seed.wrapping_add(salt))
    }

    fn rough(&self, scale: f32, salt: u32) -> f32 {
        rough(self.d * scale + vec3(2.0, 8.0, 5.0), 3, self.seed.wrapping_add(salt))
    }

    /// Streaks from pole to pole, joined around the body.
    fn streaks(&self, count: f32, salt: u32) -> f32 {
        let (sin, cos) = (self.around * TAU).sin_cos();
        noise(vec3(cos * count, sin * count, self.along * 3.0), self.seed.wrapping_add(salt))
    }

    /// 1 in a star of `points` leaves around the stem, 0 elsewhere.
    fn star(&self, points: f32, reach: f32) -> f32 {
        let wave = 0.62 + 0.38 * (points * self.around * TAU + 0.4 * self.noise(3.0, 77)).cos();
        let out = (1.0 - self.along).max(0.0);
        rise(0.0, 0.012, reach * wave - out)
    }
}

impl Skin {
    /// Paints the skin of one piece.
    pub fn sheet(self, shape: &Shape, seed: u32) -> Sheet {
        let (width_mm, height_mm) = shape.sheet_mm();
        let per_mm = 1.3;
        let (width, height) = ((width_mm * per_mm) as usize, (height_mm * per_mm) as usize);
        let long = !matches!(shape, Shape::Round { .. });
        let mut rgb = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let (around, down) = ((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
                let (sin, cos) = (around * TAU).sin_cos();
                let along = if long && matches!(shape, Shape::Bent { .. }) { down } else { 1.0 - down };
                let d = if long {
                    vec3(cos * 0.5, sin * 0.5, along * height_mm / width_mm * PI)
                } else {
                    let (up, out) = ((0.5 - down) * PI).sin_cos();
                    vec3(out * cos, out * sin, up)
                };
                let colour = self.colour(&Place { d, around, along, seed });
                rgb.push(colour.map(|part| part.clamp(0.0, 255.0) as u8) as Rgb);
            }
        }
        Sheet::new(width, height, &rgb)
    }

    /// How much the skin shines, 0 to 1.
    pub fn gloss(self) -> f32 {
        match self {
            Skin::Potato | Skin::Kiwi => 0.03,
            Skin::Onion | Skin::RedOnion | Skin::Carrot | Skin::Avocado => 0.18,
            Skin::Banana | Skin::Pear | Skin::Cucumber => 0.22,
            Skin::Tomato | Skin::RedPepper | Skin::YellowPepper | Skin::Aubergine => 0.75,
            _ => 0.45,
        }
    }

    fn colour(self, p: &Place) -> Colour {
        let dots = |scale: f32, sharp: f32| rise(sharp, sharp + 0.12, p.noise(scale, 31));
        let pores = 1.0 - 0.10 * rise(0.25, 0.6, p.noise(34.0, 41));
        let stem_hollow = rise(0.90, 0.99, p.along);
        let blossom = rise(0.04, 0.0, p.along);
        match self {
            Skin::RedApple => {
                let base = mix([142.0, 18.0, 30.0], [184.0, 38.0, 40.0], 0.5 + 0.7 * p.streaks(5.0, 1));
                let base = mix(base, [222.0, 140.0, 120.0], 0.55 * dots(21.0, 0.62));
                let base = mix(base, [150.0, 120.0, 55.0], 0.8 * stem_hollow);
                mix(base, [70.0, 45.0, 25.0], blossom)
            }
            Skin::StripedApple => {
                let blush = rise(-0.35, 0.5, p.noise(0.9, 2) + 0.25 * p.noise(3.0, 3));
                let stripes = rise(-0.25, 0.35, p.streaks(11.0, 4) + 0.3 * p.noise(8.0, 5));
                let base = mix([222.0, 190.0, 84.0], [206.0, 74.0, 44.0], blush * (0.45 + 0.55 * stripes));
                let base = mix(base, [160.0, 165.0, 70.0], 0.8 * stem_hollow);
                let base = mix(base, [240.0, 215.0, 140.0], 0.4 * dots(18.0, 0.6));
                mix(base, [80.0, 60.0, 35.0], blossom)
            }
            Skin::GreenApple => {
                let base = mix([120.0, 168.0, 42.0], [158.0, 196.0, 70.0], 0.5 + 0.6 * p.rough(1.5, 6));
                let base = mix(base, [214.0, 228.0, 150.0], 0.65 * dots(17.0, 0.56));
                let base = mix(base, [130.0, 120.0, 60.0], 0.7 * stem_hollow);
                mix(base, [75.0, 65.0, 35.0], blossom)
            }
            Skin::Pear => {
                let base = mix([172.0, 180.0, 62.0], [206.0, 196.0, 90.0], 0.5 + 0.8 * p.rough(1.4, 7));
                let russet =
                    rise(0.1, 0.7, p.rough(3.0, 8) + 0.9 * rise(0.25, 0.0, p.along) + rise(0.86, 1.0, p.along));
                let base = mix(base, [158.0, 122.0, 62.0], 0.75 * russet);
                let base = mix(base, [124.0, 102.0, 48.0], 0.55 * dots(24.0, 0.55));
                mix(base, [84.0, 58.0, 30.0], rise(0.97, 0.985, p.along))
            }
            Skin::Banana => {
                let base = mix([238.0, 200.0, 58.0], [246.0, 214.0, 92.0], 0.5 + 0.6 * p.rough(1.2, 9));
                let edge = (5.0 * p.around * TAU).cos();
                let base = mix(base, [206.0, 164.0, 48.0], 0.5 * rise(0.80, 1.0, edge));
                let green = rise(0.80, 0.95, p.along) + rise(0.10, 0.02, p.along) * 0.7;
                let base = mix(base, [156.0, 172.0, 62.0], 0.75 * green);
                let spots = rise(0.50, 0.66, p.noise(9.0, 10)) * (0.4 + 0.6 * rise(-0.3, 0.5, p.noise(1.3, 11)));
                let base = mix(base, [104.0, 66.0, 30.0], 0.85 * spots);
                mix(base, [58.0, 42.0, 26.0], rise(0.035, 0.015, p.along) + 0.7 * rise(0.975, 0.995, p.along))
            }
            Skin::Orange => {
                let base = mix([236.0, 122.0, 16.0], [246.0, 150.0, 36.0], 0.5 + 0.6 * p.rough(1.2, 12));
                let base = scaled(base, pores);
                let base = mix(base, [120.0, 130.0, 50.0], rise(0.972, 0.985, p.along));
                mix(base, [190.0, 120.0, 40.0], blossom)
            }
            Skin::Lemon => {
                let base = mix([240.0, 206.0, 44.0], [250.0, 224.0, 84.0], 0.5 + 0.6 * p.rough(1.3, 13));
                let ends = rise(0.93, 1.0, p.along) + rise(0.05, 0.0, p.along);
                mix(scaled(base, pores), [176.0, 178.0, 60.0], 0.7 * ends)
            }
            Skin::Lime => {
                let base = mix([82.0, 134.0, 34.0], [124.0, 172.0, 58.0], 0.5 + 0.7 * p.rough(1.4, 14));
                mix(scaled(base, pores), [190.0, 188.0, 90.0], 0.8 * (blossom + rise(0.95, 1.0, p.along)))
            }
            Skin::Kiwi => {
                let hair = p.streaks(26.0, 15) * 0.5 + p.noise(30.0, 16) * 0.5;
                let base = mix([104.0, 78.0, 42.0], [146.0, 116.0, 66.0], 0.5 + 0.9 * hair);
                mix(base, [86.0, 60.0, 34.0], 0.9 * (blossom + rise(0.96, 0.98, p.along)))
            }
            Skin::Avocado => {
                let bumps = p.noise(15.0, 17) * 0.6 + p.noise(30.0, 18) * 0.4;
                let base = mix([30.0, 38.0, 22.0], [74.0, 88.0, 44.0], 0.4 + 0.9 * bumps);
                mix(base, [110.0, 92.0, 50.0], rise(0.97, 0.985, p.along))
            }
            Skin::Tomato => {
                let base = mix([196.0, 28.0, 18.0], [226.0, 60.0, 30.0], 0.5 + 0.7 * p.rough(1.0, 19));
                let base = mix(base, [214.0, 110.0, 46.0], 0.5 * rise(0.82, 0.95, p.along));
                mix(base, [64.0, 104.0, 36.0], p.star(5.0, 0.26))
            }
            Skin::Cucumber => {
                let stripes = rise(-0.2, 0.5, p.streaks(6.0, 20));
                let base = mix([28.0, 70.0, 26.0], [58.0, 108.0, 40.0], stripes * 0.8 + 0.3 * p.noise(9.0, 21));
                let base = mix(base, [150.0, 160.0, 80.0], 0.5 * dots(13.0, 0.6));
                mix(base, [128.0, 146.0, 66.0], 0.7 * (rise(0.10, 0.02, p.along) + rise(0.96, 1.0, p.along)))
            }
            Skin::Carrot => {
                let rings = rise(0.45, 0.7, noise(vec3(p.along * 46.0, p.around * 4.0, 0.0), p.seed));
                let base = mix([234.0, 112.0, 26.0], [244.0, 140.0, 48.0], 0.5 + 0.6 * p.rough(2.0, 22));
                let base = mix(base, [176.0, 84.0, 28.0], 0.5 * rings);
                mix(base, [110.0, 128.0, 46.0], rise(0.945, 0.965, p.along))
            }
            Skin::Potato => {
                let base = mix([186.0, 146.0, 86.0], [212.0, 178.0, 116.0], 0.5 + 0.8 * p.rough(2.2, 23));
                let base = mix(base, [128.0, 94.0, 56.0], 0.6 * rise(0.15, 0.7, p.rough(4.5, 24)));
                mix(base, [92.0, 66.0, 40.0], 0.8 * dots(6.5, 0.66))
            }
            Skin::Onion | Skin::RedOnion => {
                let (dark, light, tip) = if self == Skin::Onion {
                    ([176.0, 104.0, 40.0], [222.0, 160.0, 82.0], [150.0, 118.0, 70.0])
                } else {
                    ([98.0, 22.0, 58.0], [158.0, 62.0, 104.0], [164.0, 120.0, 110.0])
                };
                let lines = p.streaks(13.0, 25) * 0.7 + p.noise(3.0, 26) * 0.4;
                let base = mix(dark, light, 0.5 + 0.9 * lines);
                let base = mix(base, tip, 0.9 * rise(0.84, 0.97, p.along));
                mix(base, [206.0, 190.0, 150.0], rise(0.05, 0.02, p.along))
            }
            Skin::RedPepper | Skin::YellowPepper => {
                let (dark, light) = if self == Skin::RedPepper {
                    ([172.0, 18.0, 16.0], [212.0, 40.0, 30.0])
                } else {
                    ([232.0, 170.0, 16.0], [248.0, 200.0, 50.0])
                };
                let base = mix(dark, light, 0.5 + 0.7 * p.rough(1.2, 27));
                mix(base, [84.0, 128.0, 44.0], p.star(4.0, 0.17).max(rise(0.93, 0.95, p.along)))
            }
            Skin::Aubergine => {
                let base = mix([40.0, 16.0, 46.0], [68.0, 28.0, 72.0], 0.5 + 0.7 * p.rough(0.8, 28));
                mix(base, [92.0, 122.0, 52.0], p.star(5.0, 0.30).max(rise(0.87, 0.89, p.along)))
            }
        }
    }
}
