//! The world of one trip: what lies in the basket, what hands do, what pulls on the cell. It holds the truth that only
//! tests and the simulator may ask for.
//!
//! Time is an argument and must not go back; the same seed and the same calls give the same world.

use super::camera::{Camera, Moving};
use super::forces::{BASKET, Force, Forces, GRAVITY};
use super::hand::hand;
use super::motion::{Direction, Flight, Motion, outside};
use super::portrait::{Side, free_place, place_beside};
use super::scene::{Body, Heights, Placed};
use super::space::{Chance, Turn, Vec3, vec3};
use super::stock::{OwnThing, Piece, Stock, StockError};
use crate::domain::units::{Grams, Sku, Stamp};
use crate::ports::Frame;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names one piece in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId(pub u64);

/// A piece in the basket, as it truly is.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its name.
    pub id: ItemId,
    /// The product; `None` for the shopper's own thing.
    pub sku: Option<Sku>,
    /// What it weighs.
    pub mass: Grams,
}

/// Whether the scale can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScaleState {
    /// As it should be.
    #[default]
    Working,
    /// It gives the same reading again and again.
    Frozen,
    /// It does not answer.
    Disconnected,
}

/// How the shopper puts something in. [`Default`] is one piece, anywhere, as it happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Put {
    /// Pieces in one hand.
    pub pieces: u32,
    /// Which side looks up.
    pub side: Side,
    /// Where, in metres from the middle; `None` for a free place.
    pub spot: Option<(f32, f32)>,
    /// The height of the drop in metres: 0 sets it down; `None` as it happens.
    pub drop: Option<f32>,
}

impl Default for Put {
    fn default() -> Put {
        Put { pieces: 1, side: Side::Any, spot: None, drop: None }
    }
}

/// What was set in motion, and when it will be over.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The pieces.
    pub items: Vec<ItemId>,
    /// When the first of them touches the basket, or leaves it.
    pub changes: Stamp,
    /// When the hand is gone and all is still.
    pub over: Stamp,
}

/// The world.
#[derive(Debug)]
pub struct World {
    stock: Arc<dyn Stock>,
    chance: Chance,
    items: BTreeMap<u64, (Item, Arc<Body>)>,
    resting: Vec<Placed>,
    motions: Vec<Motion>,
    forces: Forces,
    /// What the panel's slider lays on the scale.
    by_hand: Grams,
    hand: Arc<Body>,
    next_id: u64,
    /// Something was taken out while something else was on its way in.
    disturbed: bool,
    covered: bool,
    unplugged: bool,
    scale: ScaleState,
    now: Stamp,
}

fn stamp(seconds: f64) -> Stamp {
    Stamp((seconds * 1e6).round() as u64)
}

impl World {
    /// An empty basket beside a shelf.
    pub fn new(stock: Arc<dyn Stock>, seed: u64) -> World {
        World {
            stock,
            chance: Chance::new(seed ^ 0x0003_0a1d),
            items: BTreeMap::new(),
            resting: Vec::new(),
            motions: Vec::new(),
            by_hand: Grams(0.0),
            forces: Forces::default(),
            hand: Arc::new(hand(seed)),
            next_id: 1,
            disturbed: false,
            covered: false,
            unplugged: false,
            scale: ScaleState::Working,
            now: Stamp::default(),
        }
    }

    /// The shelf.
    pub fn stock(&self) -> &Arc<dyn Stock> {
        &self.stock
    }

    /// Lets time pass up to `at`: what has landed lies still, what was taken out is gone.
    pub fn advance(&mut self, at: Stamp) {
        self.now = self.now.max(at);
        let t = self.now.seconds();
        for motion in std::mem::take(&mut self.motions) {
            match motion.direction {
                Direction::In => {
                    for flight in motion.flights.iter().filter(|flight| flight.still <= t) {
                        if !self.resting.iter().any(|thing| thing.id == flight.rest.id) {
                            self.resting.push(flight.rest.clone());
                            if self.disturbed {
                                self.sink();
                            }
                        }
                    }
                }
                Direction::Out => {
                    let leaving: Vec<u64> =
                        motion.flights.iter().filter(|flight| flight.loose <= t).map(|f| f.rest.id).collect();
                    if self.resting.iter().any(|thing| leaving.contains(&thing.id)) {
                        self.resting.retain(|thing| !leaving.contains(&thing.id));
                        self.sink();
                        self.disturbed = true;
                    }
                }
            }
            if motion.over() > t {
                self.motions.push(motion);
            }
        }
        self.disturbed &= !self.motions.is_empty();
        self.forces.fold(self.now);
    }

    /// Lets things that lost what they lay on come down, those that came first before those that lie on them.
    fn sink(&mut self) {
        let mut heights = Heights::default();
        for thing in &mut self.resting {
            let z = heights.rest(thing);
            if (z - thing.at.z).abs() > 0.002 {
                thing.at.z = z;
            }
            heights.add(thing);
        }
    }

    /// The pile as it will be when all that is under way has landed.
    fn pile(&self) -> Heights {
        let leaving = |id: u64| {
            let out = self.motions.iter().filter(|motion| motion.direction == Direction::Out);
            out.flat_map(|motion| &motion.flights).any(|flight| flight.rest.id == id)
        };
        let mut heights = Heights::default();
        let coming = self.motions.iter().filter(|motion| motion.direction == Direction::In);
        let coming = coming.flat_map(|motion| motion.flights.iter().map(|flight| &flight.rest));
        let lying = self.resting.iter();
        for thing in lying.chain(coming).filter(|thing| !leaving(thing.id)) {
            heights.add(thing);
        }
        heights
    }

    /// A hand puts pieces of a product in, beginning at `at`.
    ///
    /// # Errors
    /// [`StockError`] when the shelf cannot give the product; the world is unchanged then.
    pub fn put(&mut self, at: Stamp, sku: &Sku, how: Put) -> Result<Done, StockError> {
        self.put_now(|| at, sku, how)
    }

    /// The same, beginning when the pieces have been drawn, which may take a slow board seconds.
    ///
    /// # Errors
    /// As [`World::put`].
    pub fn put_now(&mut self, now: impl FnOnce() -> Stamp, sku: &Sku, how: Put) -> Result<Done, StockError> {
        let mut pieces = Vec::new();
        for _ in 0..how.pieces.max(1) {
            pieces.push(self.stock.take(sku, how.side, &mut self.chance)?);
        }
        Ok(self.put_pieces(now(), pieces, how))
    }

    /// The shopper puts something of their own in.
    pub fn put_own(&mut self, at: Stamp, thing: OwnThing) -> Done {
        let piece = thing.piece(&mut self.chance);
        self.put_pieces(at, vec![piece], Put { drop: Some(0.0), ..Put::default() })
    }

    fn put_pieces(&mut self, at: Stamp, pieces: Vec<Piece>, how: Put) -> Done {
        self.advance(at);
        let chance = &mut self.chance.clone();
        let begin = at.seconds();
        let angle = chance.between(-0.5, 0.5);
        // A third of all things is set down by hand, the others are dropped from 2 to 20 cm (estimates).
        let drop = how.drop.unwrap_or_else(|| if chance.happens(0.3) { 0.0 } else { chance.between(0.02, 0.16) });
        let mut heights = self.pile();
        let mut rests: Vec<(Placed, &Piece)> = Vec::new();
        for piece in &pieces {
            let mut turn = piece.turn;
            if piece.module.is_some() && !is_card(&piece.body) {
                // Who shows a code turns it away from the fingers.
                turn = Turn::about_z(chance.between(-0.5, 0.5)).after(&upside_down(&turn));
            }
            let mut rest = Placed { id: self.next_id, body: Arc::clone(&piece.body), at: Vec3::default(), turn };
            self.next_id += 1;
            match how.spot {
                Some((x, y)) => {
                    rest.at = vec3(x, y, 0.5);
                    rest.at.z = heights.rest(&rest);
                }
                None => match rests.first() {
                    // One hand opens at one place.
                    Some((first, _)) => place_beside(&heights, &mut rest, first, chance),
                    None => free_place(&heights, &mut rest, 20, chance),
                },
            }
            heights.add(&rest);
            rests.push((rest, piece));
        }
        let first = rests[0].0.clone();
        let reach = first.reach();
        let module = pieces[0].module;
        // A code is held so near that a module is two pixels wide; everything else at about a quarter of a metre.
        let hold = module
            .map_or(chance.between(0.20, 0.27), |m| super::camera::EYE - super::camera::FOCAL * m / 2.1 - reach.z);
        let hold = hold.max(first.at.z + drop.max(0.01)).min(0.42);
        let shown = match module {
            Some(_) => vec3(chance.between(-0.02, 0.02), chance.between(-0.01, 0.03), hold),
            None => vec3(first.at.x, first.at.y, hold),
        };
        let arrive = begin + f64::from(chance.between(0.35, 0.5));
        let held =
            arrive + f64::from(if module.is_some() { chance.between(0.4, 0.7) } else { chance.between(0.08, 0.25) });
        let loose = held + f64::from(chance.between(0.18, 0.32) + (hold - first.at.z - drop).max(0.0) * 0.6);
        let release = vec3(first.at.x, first.at.y, first.at.z + drop);
        let leave = loose + f64::from(chance.between(0.02, 0.10));
        let end = leave + f64::from(chance.between(0.32, 0.45));
        let from = outside(shown, angle, chance);
        let path = vec![
            (begin, from),
            (arrive, shown),
            (held, shown),
            (loose, release),
            (leave, release + vec3(0.0, -0.01, 0.01)),
            (end, outside(release, angle, chance) + vec3(0.0, -0.08, 0.0)),
        ];
        let mut flights = Vec::new();
        let mut changes = f64::MAX;
        let count = rests.len();
        for (index, (rest, piece)) in rests.into_iter().enumerate() {
            let aside = (index as f32 - (count as f32 - 1.0) / 2.0) * 1.7 * reach.x.min(reach.y);
            let offset = if count == 1 { Vec3::default() } else { vec3(aside, 0.0, 0.0) };
            let height = (release.z - rest.at.z).max(0.0);
            let loose = loose + if count == 1 { 0.0 } else { index as f64 * f64::from(chance.between(0.01, 0.06)) };
            let lands = loose + f64::from((2.0 * height / 9.81).sqrt());
            let mut touch = rest.at;
            let mut still = lands + 0.02;
            if piece.rolls && height > 0.01 {
                let (angle, way) = (chance.between(0.0, std::f32::consts::TAU), chance.between(0.0, 0.012));
                touch = touch + vec3(way * angle.cos(), way * angle.sin(), 0.0);
                still = lands + f64::from(chance.between(0.15, 0.5));
            }
            let felt = corner(rest.at);
            self.load((piece.mass.0, felt), f64::from(height), loose, lands, piece.rolls, chance);
            changes = changes.min(lands);
            let lean =
                if module.is_some() { [0.03, 0.03] } else { [chance.between(-0.3, 0.3), chance.between(-0.3, 0.3)] };
            let item = Item { id: ItemId(rest.id), sku: piece.sku.clone(), mass: piece.mass };
            self.items.insert(rest.id, (item, Arc::clone(&piece.body)));
            flights.push(Flight { rest, offset, lean, touch, loose, lands, still });
        }
        let items = flights.iter().map(|flight| ItemId(flight.rest.id)).collect();
        let motion =
            Motion { direction: Direction::In, flights, hand: Arc::clone(&self.hand), angle, begin, path, end };
        let over = stamp(motion.over());
        self.motions.push(motion);
        self.chance = chance.clone();
        Done { items, changes: stamp(changes), over }
    }

    /// What the cell feels when a thing lands: its mass, its momentum, perhaps a rebound and a pressing hand.
    fn load(
        &mut self,
        (grams, felt): (f64, f64),
        height: f64,
        loose: f64,
        lands: f64,
        hard: bool,
        chance: &mut Chance,
    ) {
        if height < 0.005 {
            // Set down: the hand gives the weight over bit by bit.
            let long = f64::from(chance.between(0.15, 0.6));
            self.forces.push(Force::Mass { from: lands - long, to: lands, grams, felt });
        } else {
            let contact = f64::from(if hard { chance.between(0.005, 0.012) } else { chance.between(0.015, 0.05) });
            let speed = (2.0 * GRAVITY * height).sqrt();
            let impact = |speed: f64| grams * speed / GRAVITY;
            if hard && chance.happens(0.4) {
                let back = f64::from(chance.between(0.1, 0.3)) * speed;
                let aloft = 2.0 * back / GRAVITY;
                self.forces.push(Force::Impact { at: lands, seconds: contact, gram_seconds: impact(speed + back) });
                let again = lands + contact + aloft;
                self.forces.push(Force::Impact { at: again, seconds: contact, gram_seconds: impact(back) });
                self.forces.push(Force::Mass { from: again, to: again + contact, grams, felt });
            } else {
                self.forces.push(Force::Impact { at: lands, seconds: contact, gram_seconds: impact(speed) });
                self.forces.push(Force::Mass { from: lands, to: lands + contact, grams, felt });
            }
        }
        // In 40 % of placements the hand itself presses on the basket before it lets go, with 2 to 15 N (estimates).
        if chance.happens(0.4) {
            let newtons = f64::from(chance.between(2.0, 15.0));
            let long = f64::from(chance.between(0.2, 0.7));
            let force = Force::Press { from: loose - long, to: loose + 0.02, grams: newtons / GRAVITY * 1000.0 };
            self.forces.push(force);
        }
    }

    /// A hand takes a piece out, beginning at `at`. `None` when it is not in the basket.
    pub fn take(&mut self, at: Stamp, item: ItemId) -> Option<Done> {
        self.advance(at);
        let rest = self.resting.iter().find(|thing| thing.id == item.0)?.clone();
        let (known, _) = self.items.remove(&item.0)?;
        let chance = &mut self.chance.clone();
        let begin = at.seconds();
        let angle = chance.between(-0.5, 0.5);
        let grasp = begin + f64::from(chance.between(0.35, 0.5));
        let loose = grasp + f64::from(chance.between(0.12, 0.3));
        let lifted = loose + f64::from(chance.between(0.25, 0.4));
        let end = lifted + f64::from(chance.between(0.3, 0.45));
        let above = vec3(rest.at.x, rest.at.y, (rest.at.z + 0.12).max(0.22));
        let path = vec![
            (begin, outside(rest.at, angle, chance)),
            (grasp, rest.at),
            (loose, rest.at),
            (lifted, above),
            (end, outside(above, angle, chance) + vec3(0.0, -0.12, 0.0)),
        ];
        let gone = f64::from(chance.between(0.08, 0.25));
        let felt = corner(rest.at);
        self.forces.push(Force::Mass { from: loose, to: loose + gone, grams: -known.mass.0, felt });
        if chance.happens(0.4) {
            let newtons = f64::from(chance.between(1.0, 8.0));
            self.forces.push(Force::Press { from: grasp, to: loose + 0.05, grams: newtons / GRAVITY * 1000.0 });
        }
        let lean = [chance.between(-0.3, 0.3), chance.between(-0.3, 0.3)];
        let flight = Flight { touch: rest.at, rest, offset: Vec3::default(), lean, loose, lands: loose, still: end };
        let hand = Arc::clone(&self.hand);
        self.motions.push(Motion { direction: Direction::Out, flights: vec![flight], hand, angle, begin, path, end });
        self.chance = chance.clone();
        Some(Done { items: vec![item], changes: stamp(loose), over: stamp(end) })
    }

    /// The scale feels this load, as if a hand had laid it there: for real things before a webcam, which have no mass here.
    pub fn rest_by_hand(&mut self, at: Stamp, load: Grams) {
        let grams = load.0 - self.by_hand.0;
        self.by_hand = load;
        let from = at.seconds();
        self.forces.push(Force::Mass { from, to: from + 0.15, grams, felt: 1.0 });
    }

    /// Someone bumps into the cart.
    pub fn bump(&mut self, at: Stamp) {
        let (seconds, strong) = (self.chance.between(0.02, 0.10), self.chance.between(1.0, 5.0));
        let sign = if self.chance.happens(0.5) { 1.0 } else { -1.0 };
        let force =
            Force::Bump { at: at.seconds(), seconds: f64::from(seconds), acceleration: f64::from(strong) * sign };
        self.forces.push(force);
    }

    /// A hand or an elbow leans on the basket with so many newtons.
    pub fn lean(&mut self, at: Stamp, newtons: f64, millis: u64) {
        let (from, to) = (at.seconds(), at.plus_millis(millis).seconds());
        self.forces.push(Force::Press { from, to, grams: newtons / GRAVITY * 1000.0 });
    }

    /// A thing that leans on the rim is carried by it in part, and slips off it at `at`: until then the cell feels less.
    pub fn rest_on_rim(&mut self, from: Stamp, at: Stamp, carried: Grams) {
        let (from, to) = (from.seconds(), at.seconds());
        self.forces.push(Force::Press { from, to, grams: -carried.0 });
    }

    /// Someone lifts the edge of the basket with so many newtons.
    pub fn lift(&mut self, at: Stamp, newtons: f64, millis: u64) {
        self.lean(at, -newtons, millis);
    }

    /// The cart is pushed over a tiled floor.
    pub fn roll(&mut self, at: Stamp, millis: u64) {
        let (rms, speed) = (f64::from(self.chance.between(0.3, 0.6)), f64::from(self.chance.between(0.5, 1.1)));
        self.forces.push(Force::Rolling { from: at.seconds(), to: at.plus_millis(millis).seconds(), rms, speed });
    }

    /// The floor under the cart slopes from now on: 0.05 is a ramp of 5 %, 0 is level.
    pub fn slope(&mut self, at: Stamp, share: f64) {
        let before = self.forces.last_slope();
        self.forces.push(Force::Slope { from: at.seconds(), before, after: share });
    }

    /// Covers the lens, or uncovers it.
    pub fn cover(&mut self, covered: bool) {
        self.covered = covered;
    }

    /// Whether the lens is covered.
    pub fn is_covered(&self) -> bool {
        self.covered
    }

    /// Pulls the camera's plug, or puts it back.
    pub fn unplug_camera(&mut self, unplugged: bool) {
        self.unplugged = unplugged;
    }

    /// Whether the camera's plug is out.
    pub fn is_unplugged(&self) -> bool {
        self.unplugged
    }

    /// Sets whether the scale can be read.
    pub fn set_scale(&mut self, state: ScaleState) {
        self.scale = state;
    }

    /// Whether the scale can be read.
    pub fn scale(&self) -> ScaleState {
        self.scale
    }

    /// What lies in the basket now, in the order of coming, the shopper's own things with it. This is the truth.
    pub fn contents(&self) -> Vec<Item> {
        let t = self.now.seconds();
        let flying = |id: u64| {
            let coming = self.motions.iter().filter(|motion| motion.direction == Direction::In);
            coming.flat_map(|motion| &motion.flights).any(|flight| flight.rest.id == id && flight.lands > t)
        };
        self.items.values().map(|(item, _)| item).filter(|item| !flying(item.id.0)).cloned().collect()
    }

    /// The mass of these pieces, whether they have landed or not. This is the truth.
    pub fn coming(&self, items: &[ItemId]) -> Grams {
        let mass = |id: &ItemId| self.items.get(&id.0).map_or(0.0, |(item, _)| item.mass.0);
        Grams(items.iter().map(mass).sum())
    }

    /// The mass of everything in the basket now. This is the truth.
    pub fn mass(&self) -> Grams {
        Grams(self.forces.mass(self.now.seconds()))
    }

    /// When every hand is gone and everything still.
    pub fn still_at(&self) -> Stamp {
        self.motions.iter().map(|motion| stamp(motion.over())).max().unwrap_or(self.now).max(self.now)
    }

    /// What lies still, for the camera.
    pub fn resting(&self) -> &[Placed] {
        &self.resting
    }

    /// What moves at `at`, for the camera.
    pub fn moving(&self, at: Stamp) -> Vec<Moving> {
        self.motions.iter().flat_map(|motion| motion.moving(at.seconds())).collect()
    }

    /// What pulls and pushes, for the load cell.
    pub fn forces(&self) -> &Forces {
        &self.forces
    }

    /// The whole mass on the cell, for those who must know how slowly it rings.
    pub fn gross(&self) -> Grams {
        Grams(self.mass().0 + BASKET)
    }
}

/// What a cell feels of a thing that lies there: a corner is 0.3 m from the middle and off by 0.1 % of the thing (a cheap
/// cell; a trimmed one has a fifth of that).
fn corner(at: Vec3) -> f64 {
    1.0 + 0.001 * f64::from(at.x + at.y) / 0.42
}

fn is_card(body: &Body) -> bool {
    body.mesh.corners.len() <= 8
}

/// The same side up, but the print's head towards the shopper: turned so that its lower half is far from the hand.
fn upside_down(turn: &Turn) -> Turn {
    let head = turn.apply(vec3(0.0, 1.0, 0.0));
    let along = turn.apply(vec3(1.0, 0.0, 0.0));
    // A long body keeps its length across; a print is turned by what is left to turn it head down.
    let direction = if head.z.abs() > 0.7 { along } else { head };
    let yaw = direction.y.atan2(direction.x);
    Turn::about_z(-std::f32::consts::FRAC_PI_2 - yaw).after(turn)
}

impl Camera {
    /// Takes a picture of the world, which must have been advanced to `at`.
    pub fn render(&mut self, world: &World, at: Stamp, frame: &mut Frame) {
        self.take(world.resting(), &world.moving(at), world.is_covered(), at, frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::camera::{HEIGHT, Setting, WIDTH};
    use crate::emulator::shelf::Shelf;

    fn world(seed: u64) -> World {
        World::new(Shelf::own(), seed)
    }

    fn picture(world: &mut World, camera: &mut Camera, at: Stamp) -> Frame {
        let mut frame = Frame::default();
        world.advance(at);
        camera.render(world, at, &mut frame);
        frame
    }

    /// Mean difference of two pictures within a rectangle.
    fn difference(a: &Frame, b: &Frame, [left, top, right, bottom]: [usize; 4]) -> f64 {
        let mut sum = 0.0;
        for row in top..bottom {
            for i in (row * WIDTH + left) * 3..(row * WIDTH + right) * 3 {
                sum += f64::from(a.rgb[i].abs_diff(b.rgb[i]));
            }
        }
        sum / ((bottom - top) * (right - left) * 3) as f64
    }

    #[test]
    fn the_same_seed_gives_the_same_pictures_and_another_seed_others() {
        let film = |seed: u64| {
            let mut world = world(seed);
            let mut camera = Camera::new(Setting::default());
            world.put(Stamp::from_millis(100), &Sku::new("cola"), Put::default()).expect("is on the shelf");
            [500, 800, 1500].map(|millis| picture(&mut world, &mut camera, Stamp::from_millis(millis)))
        };
        assert_eq!(film(7), film(7));
        assert_ne!(film(7)[2], film(8)[2]);
    }

    #[test]
    fn a_thing_put_in_changes_the_picture_where_it_lies_and_is_gone_when_taken_out() {
        let mut world = world(3);
        let mut camera = Camera::new(Setting::default());
        let empty = picture(&mut world, &mut camera, Stamp::from_millis(50));
        let how = Put { spot: Some((0.1, 0.05)), ..Put::default() };
        let put = world.put(Stamp::from_millis(100), &Sku::new("orange"), how).expect("is on the shelf");
        let full = picture(&mut world, &mut camera, put.over.plus_millis(50));
        // 0.1 m is about 107 pixels at the floor, a little more at the orange's middle.
        let (x, y) = (WIDTH / 2 + 112, HEIGHT / 2 - 56);
        assert!(difference(&empty, &full, [x - 20, y - 20, x + 20, y + 20]) > 30.0);
        assert!(difference(&empty, &full, [20, 380, 120, 460]) < 4.0);
        let taken = world.take(put.over.plus_millis(500), put.items[0]).expect("lies in the basket");
        let after = picture(&mut world, &mut camera, taken.over.plus_millis(50));
        assert!(difference(&empty, &after, [0, 0, WIDTH, HEIGHT]) < 4.0);
    }

    #[test]
    fn the_falling_thing_is_seen_before_it_is_in_the_basket() {
        let mut world = world(5);
        let mut camera = Camera::new(Setting::default());
        let empty = picture(&mut world, &mut camera, Stamp::from_millis(50));
        let put = world.put(Stamp::from_millis(100), &Sku::new("pear"), Put::default()).expect("is on the shelf");
        let before = picture(&mut world, &mut camera, put.changes.minus_millis(150));
        assert!(difference(&empty, &before, [0, 0, WIDTH, HEIGHT]) > 4.0);
        assert!(world.contents().is_empty());
        world.advance(put.changes.plus_millis(1));
        let contents = world.contents();
        assert_eq!(contents.len(), 1);
        assert_eq!(contents[0].sku, Some(Sku::new("pear")));
        world.advance(put.over.plus_millis(100));
        assert!((world.mass().0 - contents[0].mass.0).abs() < 1e-6);
    }

    #[test]
    fn a_covered_lens_sees_darkness() {
        let mut world = world(1);
        let mut camera = Camera::new(Setting::default());
        world.cover(true);
        let frame = picture(&mut world, &mut camera, Stamp::from_millis(50));
        let mean = frame.rgb.iter().map(|part| f64::from(*part)).sum::<f64>() / frame.rgb.len() as f64;
        assert!(mean < 10.0, "{mean}");
        world.cover(false);
        let frame = picture(&mut world, &mut camera, Stamp::from_millis(100));
        let mean = frame.rgb.iter().map(|part| f64::from(*part)).sum::<f64>() / frame.rgb.len() as f64;
        assert!(mean > 40.0, "{mean}");
    }

    #[test]
    fn what_lies_on_a_thing_comes_down_when_it_is_taken_out() {
        let mut world = world(2);
        let how = Put { spot: Some((0.0, 0.0)), side: Side::Front, ..Put::default() };
        let below = world.put(Stamp::from_millis(0), &Sku::new("coffee"), how).expect("is on the shelf");
        let above = world.put(below.over, &Sku::new("fusilli"), how).expect("is on the shelf");
        world.advance(above.over);
        let height = |world: &World| world.resting().iter().map(|thing| thing.at.z).fold(0.0, f32::max);
        assert!(height(&world) > 0.08, "{}", height(&world));
        let taken = world.take(above.over, below.items[0]).expect("lies in the basket");
        world.advance(taken.over);
        assert!(height(&world) < 0.05, "{}", height(&world));
        assert_eq!(world.contents().len(), 1);
    }

    #[test]
    fn three_pieces_in_one_hand_are_three_things_in_the_basket() {
        let mut world = world(4);
        let how = Put { pieces: 3, ..Put::default() };
        let put = world.put(Stamp::from_millis(0), &Sku::new("lemon"), how).expect("is on the shelf");
        world.advance(put.over.plus_millis(500));
        assert_eq!(world.contents().len(), 3);
        let sum: f64 = world.contents().iter().map(|item| item.mass.0).sum();
        assert!((world.mass().0 - sum).abs() < 1e-6);
    }

    #[test]
    fn a_product_that_the_shelf_does_not_hold_is_refused_by_name() {
        let refused = world(1).put(Stamp::default(), &Sku::new("caviar"), Put::default());
        let text = refused.expect_err("is not on the shelf").to_string();
        assert!(text.contains("caviar") && text.contains("apple"), "{text}");
    }
}
