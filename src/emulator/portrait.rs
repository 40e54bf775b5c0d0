//! Pictures of single products: as the cart's crops show them, for training, and clean ones for screen and store.

use super::basket::Make;
use super::camera::{Camera, EYE, HEIGHT, Moving, Setting, WIDTH};
use super::hand::hand;
use super::raster::{Area, Canvas, Lens, Light};
use super::scene::{Body, Heights, Placed};
use super::shapes::{Corner, Shape};
use super::shelf::{Good, Look, Shelf};
use super::space::{Chance, Turn, Vec3, vec3};
use super::stock::{Piece, Stock, StockError};
use crate::domain::units::{Sku, Stamp};
use crate::ports::Frame;
use std::f32::consts::{FRAC_PI_2, PI, TAU};
use std::sync::Arc;

/// A square or oblong picture without a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The pixels, three bytes each.
    pub rgb: Vec<u8>,
}

/// The visible body of one piece that weighs `share` of the mean.
pub fn piece(good: &Good, seed: u32, share: f32) -> Body {
    let mut mesh = good.shape.mesh(seed);
    let mut tint = [1.0; 3];
    if let Look::Grown(_) = good.look {
        let scale = share.clamp(0.3, 3.0).cbrt();
        mesh.corners.iter_mut().for_each(|corner| corner.at = corner.at * scale);
        let mut chance = Chance::new(u64::from(seed) ^ 0x7147);
        let bright = chance.between(0.90, 1.08);
        tint = tint.map(|_| bright * chance.between(0.96, 1.04));
    }
    Body { mesh: Arc::new(mesh), sheet: good.sheet(seed), gloss: good.gloss(), tint }
}

/// Which side of a thing looks up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// As it happens to lie.
    Any,
    /// The side with the printed code.
    Code,
    /// The side with the picture.
    Front,
}

/// How a piece of this shape comes to lie.
pub fn lying(shape: &Shape, side: Side, chance: &mut Chance) -> Turn {
    let yaw = Turn::about_z(chance.between(0.0, TAU));
    let mut lean = |most: f32| {
        let tilt = Turn::about_x(chance.between(-most, most));
        Turn::about_y(chance.between(-most, most)).after(&tilt)
    };
    match shape {
        Shape::Round { radii, .. } => {
            let long = radii[2] > radii[0] * 1.15;
            let lean = lean(0.35);
            let spin = Turn::about_z(chance.between(0.0, TAU));
            let tip = match (long, chance.below(10)) {
                (true, _) => FRAC_PI_2,
                (false, 0..=3) => chance.between(0.0, 0.5),
                (false, 4) => PI - chance.between(0.0, 0.5),
                (false, _) => chance.between(0.5, 2.2),
            };
            yaw.after(&lean.after(&Turn::about_y(tip).after(&spin)))
        }
        Shape::Bent { .. } => {
            let flip = Turn::about_x(if chance.happens(0.5) { PI } else { 0.0 });
            let lean = Turn::about_x(chance.between(-0.3, 0.3));
            yaw.after(&lean.after(&flip))
        }
        Shape::Turned { outline, uneven } => {
            let roll = match side {
                Side::Code => -0.77 * TAU,
                Side::Front => -0.29 * TAU,
                Side::Any => chance.between(0.0, TAU),
            } + chance.between(-0.12, 0.12);
            let tall = outline.iter().fold(0.0f32, |most, point| most.max(point.1));
            let stands = *uneven == 0.0 && side == Side::Any && tall < 0.13 && chance.happens(0.2);
            let rolled = Turn::about_x(roll);
            if stands { yaw.after(&Turn::about_y(-FRAC_PI_2).after(&rolled)) } else { yaw.after(&rolled) }
        }
        Shape::Box { .. } | Shape::Pouch { .. } | Shape::Card { .. } => {
            let lean = lean(0.04);
            let thick = matches!(shape, Shape::Box { size } if size[2] > 0.5 * size[0]);
            let flip = match (side, chance.below(10)) {
                (Side::Front, _) | (Side::Any, 0..=5) => 0.0,
                (Side::Code, _) | (Side::Any, 6 | 7) => PI,
                _ if matches!(shape, Shape::Card { .. }) => 0.0,
                _ if thick => {
                    if chance.happens(0.5) {
                        FRAC_PI_2
                    } else {
                        -FRAC_PI_2
                    }
                }
                _ => 0.0,
            };
            let flip = if matches!(shape, Shape::Card { .. }) { 0.0 } else { flip };
            yaw.after(&lean.after(&Turn::about_y(flip)))
        }
    }
}

/// A place for a thing among what lies there already: of a few tried, the one where it lies lowest.
pub fn free_place(heights: &Heights, thing: &mut Placed, tries: usize, chance: &mut Chance) {
    let (room_x, room_y) = room(thing);
    lowest(heights, thing, tries, || (chance.between(-room_x, room_x), chance.between(-room_y, room_y)));
}

/// A place for a thing that left the same hand as the one at `first`: beside it, touching it or nearly so.
pub fn place_beside(heights: &Heights, thing: &mut Placed, first: &Placed, chance: &mut Chance) {
    let (room_x, room_y) = room(thing);
    let (reach, other) = (thing.reach(), first.reach());
    lowest(heights, thing, 20, || {
        let (angle, away) = (chance.between(0.0, TAU), chance.between(0.8, 1.3));
        let x = first.at.x + away * (reach.x + other.x) * angle.cos();
        let y = first.at.y + away * (reach.y + other.y) * angle.sin();
        (x.clamp(-room_x, room_x), y.clamp(-room_y, room_y))
    });
}

/// How far from the middle of the basket a thing's own middle can lie.
fn room(thing: &Placed) -> (f32, f32) {
    let reach = thing.reach();
    ((0.235 - reach.x).max(0.01), (0.155 - reach.y).max(0.01))
}

/// Of so many places, the one where the thing lies lowest.
fn lowest(heights: &Heights, thing: &mut Placed, tries: usize, mut place: impl FnMut() -> (f32, f32)) {
    let mut best = (f32::MAX, Vec3::default());
    for _ in 0..tries.max(1) {
        let (x, y) = place();
        thing.at = vec3(x, y, 0.4);
        thing.at.z = heights.rest(thing);
        if thing.at.z < best.0 - 0.002 {
            best = (thing.at.z, thing.at);
        }
    }
    thing.at = best.1;
}

/// Draws one product as a crop of a camera picture: among other things, partly hidden, in a hand, in any light.
///
/// The crop holds the product's outline and 10 to 25 % more; it is `size` pixels square. In a fifth of the crops two to
/// four pieces lie together. What lies around is of `around`.
///
/// # Errors
/// [`StockError`] when the shelf cannot show the product, or one of those around it.
pub fn render_product(
    stock: &dyn Stock,
    sku: &Sku,
    around: &[Sku],
    seed: u64,
    size: usize,
) -> Result<Picture, StockError> {
    let mut chance = Chance::new(seed);
    let setting = any_setting(&mut chance);
    let lens = setting.lens();
    // A product that is mostly hidden would teach the wrong thing: compose again.
    let mut view = View::compose(stock, sku, around, &mut chance)?;
    for _ in 0..6 {
        if view.visible_share(&lens) > 0.5 {
            break;
        }
        view = View::compose(stock, sku, around, &mut chance)?;
    }
    let whole = view.beside.iter().fold(lens.bounds(&view.target), |whole, piece| whole.joined(&lens.bounds(piece)));
    let bounds = whole.clipped(WIDTH, HEIGHT);
    let (width, height) = bounds.size();
    // Only what the crop shows has to be drawn.
    let window = bounds.grown(width.max(height) as i32);
    let mut camera = Camera::new(Setting { window, ..setting });
    let mut frame = Frame::default();
    camera.take(&view.resting, &view.moving, false, Stamp(seed & 0xffff_ffff), &mut frame);
    Ok(crop(&frame, bounds, chance.between(1.10, 1.25), size))
}

/// One product among others, lying or in a hand.
struct View {
    resting: Vec<Placed>,
    moving: Vec<Moving>,
    target: Placed,
    /// More pieces of it, that came with it.
    beside: Vec<Placed>,
}

impl View {
    fn compose(stock: &dyn Stock, sku: &Sku, around: &[Sku], chance: &mut Chance) -> Result<View, StockError> {
        let mut crowd = Crowd::default();
        let any = |chance: &mut Chance| match around {
            [] => stock.take(sku, Side::Any, chance),
            _ => stock.take(&around[chance.below(around.len())], Side::Any, chance),
        };
        for _ in 0..chance.below(8) {
            let other = any(chance)?;
            crowd.put(other, chance);
        }
        let piece = stock.take(sku, Side::Any, chance)?;
        if chance.happens(0.3) {
            let held = held(piece, chance);
            let target = held.parts[0].clone();
            return Ok(View { resting: crowd.things, moving: vec![held], target, beside: Vec::new() });
        }
        let target = crowd.put(piece, chance);
        let (mut moving, mut beside) = (Vec::new(), Vec::new());
        if chance.happens(0.3) {
            for _ in 0..1 + chance.below(3) {
                let piece = stock.take(sku, Side::Any, chance)?;
                beside.push(crowd.put_beside(piece, &target, chance));
            }
        }
        if chance.happens(0.25) {
            let other = any(chance)?;
            crowd.put_near(other, target.at, chance);
        }
        if chance.happens(0.12) {
            let mut leaving = held(any(chance)?, chance);
            leaving.parts.remove(0);
            moving.push(leaving);
        }
        Ok(View { resting: crowd.things, moving, target, beside })
    }

    /// How much of the target's whole outline the camera sees.
    fn visible_share(&self, lens: &Lens) -> f32 {
        let bounds = lens.bounds(&self.target);
        let area = bounds.clipped(lens.width, lens.height);
        let light = Light::default();
        let (mut alone, mut others) = (Canvas::default(), Canvas::default());
        alone.reset(bounds);
        alone.draw(lens, &self.target, &light, None, bounds);
        others.reset(bounds);
        let hiding = self.resting.iter().chain(self.moving.iter().flat_map(|group| &group.parts));
        for thing in hiding.filter(|thing| thing.id != self.target.id) {
            others.draw(lens, thing, &light, None, area);
        }
        let (mut whole, mut seen) = (0, 0);
        for (index, (own, other)) in alone.near.iter().zip(&others.near).enumerate() {
            let (x, y) = (index as i32 % bounds.size().0 as i32, index as i32 / bounds.size().0 as i32);
            let at = Area {
                left: bounds.left + x,
                top: bounds.top + y,
                right: bounds.left + x + 1,
                bottom: bounds.top + y + 1,
            };
            whole += i32::from(*own > 0.0);
            seen += i32::from(own > other && at.meets(&area));
        }
        seen as f32 / whole.max(1) as f32
    }
}

/// Draws one product alone on a light ground, its best side up, for people to look at.
pub fn picture(sku: &Sku, size: usize) -> Option<Picture> {
    let shelf = Shelf::own();
    let good = shelf.good(sku)?;
    let turn = match good.shape {
        Shape::Round { radii, .. } if radii[2] > radii[0] * 1.15 => Turn::about_z(1.2).after(&Turn::about_x(-1.35)),
        Shape::Round { .. } => Turn::about_x(-0.75),
        Shape::Bent { .. } => Turn::about_z(0.35),
        Shape::Turned { uneven, .. } if uneven > 0.0 => Turn::about_z(0.6),
        Shape::Turned { .. } => Turn::about_z(FRAC_PI_2).after(&Turn::about_x(-0.29 * TAU)),
        _ => Turn::about_x(-0.22).after(&Turn::about_y(0.2)),
    };
    let body = Arc::new(piece(good, 3, 1.0));
    let thing = Placed { id: 1, body, at: Vec3::default(), turn };
    let reach = thing.reach();
    let most = reach.x.max(reach.y) * 1.16;
    let side = size * 2;
    let eye = vec3(0.0, 0.0, 0.9);
    let lens = Lens { eye, focal: side as f32 / 2.0 * (eye.z - reach.z * 0.6) / most, width: side, height: side };
    let area = Area { left: 0, top: 0, right: side as i32, bottom: side as i32 };
    let mut canvas = Canvas::default();
    canvas.reset(area);
    let light = Light { key: [0.92, 0.90, 0.87], ambient: [0.42, 0.42, 0.43] };
    canvas.draw(&lens, &thing, &light, None, area);
    let shadow = soft_shadow(&canvas, side);
    let mut rgb = Vec::with_capacity(size * size * 3);
    for y in 0..size {
        for x in 0..size {
            let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(i, j)| (2 * y + j) * side + 2 * x + i);
            for i in 0..3 {
                let sum: f32 = four
                    .iter()
                    .map(|at| {
                        if canvas.near[*at] > 0.0 {
                            f32::from(canvas.colours[*at][i])
                        } else {
                            246.0 - 70.0 * shadow[*at]
                        }
                    })
                    .sum();
                rgb.push((sum / 4.0) as u8);
            }
        }
    }
    Some(Picture { width: size, height: size, rgb })
}

/// The outline moved away from the light and blurred.
fn soft_shadow(canvas: &Canvas, side: usize) -> Vec<f32> {
    let shift = side / 40;
    let radius = side / 40;
    let outline: Vec<f32> = (0..side * side)
        .map(|i| {
            let (x, y) = (i % side, i / side);
            let inside = x >= shift && y >= shift && canvas.near[(y - shift) * side + x - shift] > 0.0;
            f32::from(u8::from(inside))
        })
        .collect();
    let blur = |from: &[f32], step: usize, jump: usize| {
        let mut to = vec![0.0; from.len()];
        for line in 0..side {
            let mut sum = 0.0;
            for i in 0..side + radius {
                if i < side {
                    sum += from[line * jump + i * step];
                }
                if i > 2 * radius {
                    sum -= from[line * jump + (i - 2 * radius - 1) * step];
                }
                if i >= radius {
                    to[line * jump + (i - radius) * step] = sum / (2 * radius + 1) as f32;
                }
            }
        }
        to
    };
    let mut soft = outline;
    for _ in 0..2 {
        soft = blur(&blur(&soft, 1, side), side, 1);
    }
    soft
}

fn any_setting(chance: &mut Chance) -> Setting {
    let make = if chance.happens(0.5) { Make::default() } else { Make::ALL[chance.below(Make::ALL.len())] };
    let mut light = Light::default();
    let (bright, soft) = (chance.between(0.75, 1.25), chance.between(0.8, 1.3));
    for i in 0..3 {
        light.key[i] *= bright * chance.between(0.94, 1.06);
        light.ambient[i] *= bright * soft * chance.between(0.95, 1.05);
    }
    let eye = vec3(chance.between(-0.02, 0.02), chance.between(-0.02, 0.02), EYE + chance.between(-0.03, 0.03));
    let grain = chance.between(1.5, 3.5);
    Setting { make, light, grain, eye, seed: chance.bits(), ..Setting::default() }
}

/// Things put into a basket one after the other.
#[derive(Default)]
struct Crowd {
    things: Vec<Placed>,
    heights: Heights,
}

impl Crowd {
    fn thing(&self, piece: Piece) -> Placed {
        Placed { id: self.things.len() as u64 + 1, body: piece.body, at: Vec3::default(), turn: piece.turn }
    }

    fn put(&mut self, piece: Piece, chance: &mut Chance) -> Placed {
        let mut thing = self.thing(piece);
        free_place(&self.heights, &mut thing, 4, chance);
        self.keep(thing)
    }

    fn put_beside(&mut self, piece: Piece, first: &Placed, chance: &mut Chance) -> Placed {
        let mut thing = self.thing(piece);
        place_beside(&self.heights, &mut thing, first, chance);
        self.keep(thing)
    }

    fn put_near(&mut self, piece: Piece, at: Vec3, chance: &mut Chance) {
        let mut thing = self.thing(piece);
        let away = chance.between(0.05, 0.09);
        let angle = chance.between(0.0, TAU);
        thing.at = vec3(at.x + away * angle.cos(), at.y + away * angle.sin(), 0.5);
        thing.at.z = self.heights.rest(&thing);
        self.keep(thing);
    }

    fn keep(&mut self, thing: Placed) -> Placed {
        self.heights.add(&thing);
        self.things.push(thing.clone());
        thing
    }
}

/// A product in a hand over the basket.
fn held(piece: Piece, chance: &mut Chance) -> Moving {
    let mut thing = Placed { id: 0, body: piece.body, at: Vec3::default(), turn: piece.turn };
    let tilt = Turn::about_x(chance.between(-0.4, 0.4)).after(&Turn::about_y(chance.between(-0.4, 0.4)));
    thing.turn = tilt.after(&thing.turn);
    thing.at = vec3(chance.between(-0.08, 0.08), chance.between(-0.04, 0.06), chance.between(0.10, 0.26));
    let grip = grip(&thing, chance.between(-0.6, 0.6), Arc::new(hand(chance.bits())), u64::MAX);
    let smear = vec3(chance.between(-0.006, 0.006), chance.between(-0.006, 0.006), chance.between(-0.01, 0.0));
    Moving { parts: vec![thing, grip], smear }
}

/// A hand that holds the thing at its edge; `angle` turns the arm from pointing at the shopper.
pub fn grip(thing: &Placed, angle: f32, hand: Arc<Body>, id: u64) -> Placed {
    let turn = Turn::about_z(angle);
    let back = turn.apply(vec3(0.0, -1.0, 0.0));
    // How far the thing reaches towards the palm, and how high it is there.
    let along = |c: &Corner| thing.turn.apply(c.at).dot(back);
    let edge = thing.body.mesh.corners.iter().map(along).fold(0.0, f32::max);
    let top = thing.reach().z;
    // The fingers reach 10 cm beyond the palm's middle, and cover less of a small thing than of a large one.
    let covered = (edge * 0.9).min(0.038);
    let at = thing.at + back * (edge + 0.10 - covered) + vec3(0.0, 0.0, (top * 0.6 + 0.014).min(0.05));
    Placed { id, body: hand, at, turn }
}

/// Cuts a square around `bounds`, `margin` times as wide as the longer side, to `size` pixels by area means.
pub fn crop(frame: &Frame, bounds: Area, margin: f32, size: usize) -> Picture {
    let (width, height) = bounds.size();
    let side = (width.max(height).max(8) as f32 * margin).min(frame.height as f32);
    // A crop at the picture's edge is moved inwards where it fits.
    let start = |middle: i32, whole: u32| (middle as f32 / 2.0 - side / 2.0).min(whole as f32 - side).max(0.0);
    let left = start(bounds.left + bounds.right, frame.width);
    let top = start(bounds.top + bounds.bottom, frame.height);
    let scale = side / size as f32;
    let taps = (scale.ceil() as usize).max(2);
    let mut rgb = Vec::with_capacity(size * size * 3);
    for y in 0..size {
        for x in 0..size {
            let mut sum = [0u32; 3];
            for j in 0..taps {
                for i in 0..taps {
                    let column = left + (x as f32 + (i as f32 + 0.5) / taps as f32) * scale;
                    let row = top + (y as f32 + (j as f32 + 0.5) / taps as f32) * scale;
                    // Beyond the picture's edge its last pixels go on.
                    let column = (column.max(0.0) as usize).min(frame.width as usize - 1);
                    let row = (row.max(0.0) as usize).min(frame.height as usize - 1);
                    let at = (row * frame.width as usize + column) * 3;
                    for (c, sum) in sum.iter_mut().enumerate() {
                        *sum += u32::from(frame.rgb[at + c]);
                    }
                }
            }
            rgb.extend(sum.map(|sum| (sum / (taps * taps) as u32) as u8));
        }
    }
    Picture { width: size, height: size, rgb }
}
