//! Drawn scenes for the tests of sight: a basket, blocks with stripes, light, shadow and noise.

use crate::domain::units::Stamp;
use crate::ports::Frame;

/// Numbers that look random and are the same every time.
pub struct Noise {
    state: u64,
    table: Vec<f32>,
}

impl Noise {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Noise {
        let mut noise = Noise { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, table: Vec::new() };
        // The sum of four even numbers is about normal; 1.73 makes its standard deviation 1.
        noise.table = (0..1 << 14).map(|_| (0..4).map(|_| noise.even() - 0.5).sum::<f32>() * 1.73).collect();
        noise
    }

    fn even(&mut self) -> f32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 40) as f32 / (1 << 24) as f32
    }

    /// The noise of one pixel: about normal, mean 0, standard deviation 1.
    pub fn pixel(&mut self) -> [f32; 3] {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = |shift: u32| self.table[(self.state >> shift) as usize & ((1 << 14) - 1)];
        [place(50), place(36), place(22)]
    }
}

/// A striped block.
#[derive(Clone, Copy)]
pub struct Thing {
    left: i32,
    top: i32,
    side: i32,
    colour: [u8; 3],
}

/// A striped block with its middle at `x`, `y`.
pub fn thing(x: i32, y: i32, side: i32, colour: [u8; 3]) -> Thing {
    Thing { left: x - side / 2, top: y - side / 2, side, colour }
}

#[derive(Clone, Copy)]
struct Shadow {
    left: i32,
    top: i32,
    width: i32,
    height: i32,
    light: f32,
}

/// What a picture shows.
#[derive(Clone)]
pub struct Scene {
    things: Vec<Thing>,
    shadows: Vec<Shadow>,
    light: [f32; 3],
}

impl Scene {
    /// A wire basket, 640 x 480.
    pub fn basket() -> Scene {
        Scene { things: Vec::new(), shadows: Vec::new(), light: [1.0; 3] }
    }

    /// With one thing more, on top of the others.
    pub fn with(mut self, thing: Thing) -> Scene {
        self.things.push(thing);
        self
    }

    /// With brighter or darker exposure.
    pub fn gain(mut self, gain: f32) -> Scene {
        self.light = self.light.map(|light| light * gain);
        self
    }

    /// With coloured light.
    pub fn tint(mut self, tint: [f32; 3]) -> Scene {
        self.light = tint;
        self
    }

    /// With a soft shadow that lets `light` of the light through.
    pub fn shadow(mut self, left: i32, top: i32, width: i32, height: i32, light: f32) -> Scene {
        self.shadows.push(Shadow { left, top, width, height, light });
        self
    }

    /// The picture.
    pub fn draw(&self, at: Stamp, noise: &mut Noise) -> Frame {
        let (width, height) = (640i32, 480i32);
        let mut rgb = Vec::with_capacity((width * height * 3) as usize);
        for y in 0..height {
            for x in 0..width {
                let wire = x % 32 < 3 || y % 32 < 3;
                let mut colour: [f32; 3] = if wire { [150.0, 152.0, 155.0] } else { [88.0, 86.0, 84.0] };
                for thing in &self.things {
                    if x >= thing.left && x < thing.left + thing.side && y >= thing.top && y < thing.top + thing.side {
                        let stripe = if (x - thing.left) / 9 % 3 == 0 { 0.55 } else { 1.0 };
                        colour = thing.colour.map(|channel| f32::from(channel) * stripe);
                    }
                }
                let mut light = 1.0f32;
                for shadow in &self.shadows {
                    let inside = (x - shadow.left).min(shadow.left + shadow.width - x).min(y - shadow.top);
                    let inside = inside.min(shadow.top + shadow.height - y);
                    light *= 1.0 - (1.0 - shadow.light) * (inside as f32 / 20.0).clamp(0.0, 1.0);
                }
                let noise = noise.pixel();
                for channel in 0..3 {
                    let level = colour[channel] * light * self.light[channel] + 3.0 * noise[channel];
                    rgb.push(level.clamp(0.0, 255.0) as u8);
                }
            }
        }
        Frame { at, width: width as u32, height: height as u32, rgb }
    }
}
