//! What happens in the basket's view, from one picture to the next: it moves, it is still again, something changed.
//!
//! The finder keeps the last few still pictures. When the view is still again after a movement, it compares with the newest
//! of them that shows the basket at rest: a hand that held a thing still over it for a moment is no state of the basket.
//! A region that cannot be relied on is none.

use super::crop::Rectangle;
use super::grid::{Grid, gain};
use super::region::{CellRegion, Comparer, Difference};
use crate::domain::units::Stamp;
use crate::ports::Frame;
use std::collections::VecDeque;

/// When the view counts as moving, still or covered.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSettings {
    /// The view is still when nothing moved for this long: three pictures at 20 a second, give or take their jitter, and
    /// one where the board is so slow that the next comes later than that.
    pub still_ms: u64,
    /// The view is covered when it has been dark or flat for this long.
    pub covered_ms: u64,
    /// Still pictures older than this are compared with no more, except the newest.
    pub memory_ms: u64,
    /// What was still for no longer than this and then left again was held in view by a hand.
    pub held_ms: u64,
    /// While nothing moves, the still picture is renewed this often, so that slow changes of the light do not add up.
    pub renew_ms: u64,
}

impl Default for ChangeSettings {
    fn default() -> ChangeSettings {
        ChangeSettings { still_ms: 140, covered_ms: 700, memory_ms: 5_000, held_ms: 1_500, renew_ms: 1_000 }
    }
}

/// Something that happened in view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SceneEvent {
    /// The view is dark or shows nothing but one surface.
    Covered,
    /// The view can be seen again.
    Uncovered,
    /// Something moved, the view is still again, and one region differs: see [`ChangeFinder::before`] and
    /// [`ChangeFinder::after`].
    Changed {
        /// When it was last seen still before it moved.
        began: Stamp,
        /// When it was still again.
        ended: Stamp,
        /// Where it differs.
        region: Rectangle,
        /// Share of the view that differs, 0 to 1.
        area: f32,
        /// In how many places, well apart.
        places: u32,
        /// Whether it is one place that the view differs in; otherwise what is seen there proves nothing.
        clear: bool,
        /// Whether the change before this one showed a hand that held something still for a moment, likely the same thing.
        held: bool,
    },
    /// Something moved and the view is still again, but it shows the same as before, or differs in no one place.
    Unclear {
        /// When it was last seen still before it moved.
        began: Stamp,
        /// When it was still again.
        ended: Stamp,
    },
}

/// A picture at which nothing moved.
#[derive(Debug, Default)]
struct Still {
    frame: Frame,
    grid: Grid,
    /// When it began to be still.
    since: Stamp,
}

/// Still pictures that are kept.
const STILLS: usize = 3;
/// At least so many cells differ where something moves.
const MOVING_CELLS: usize = 12;

/// Finds changes in the view, one picture a step.
pub struct ChangeFinder {
    settings: ChangeSettings,
    comparer: Comparer,
    now: Grid,
    previous: Grid,
    /// The picture at which the present stillness began: slow movement shows against it.
    anchor: Grid,
    anchor_at: Stamp,
    /// Whether the newest picture differs from the one before, or cannot be compared with it.
    moves: bool,
    /// When the newest picture that was compared was taken.
    seen_at: Option<Stamp>,
    began: Option<Stamp>,
    /// Newest last.
    stills: VecDeque<Still>,
    /// Which of `stills` the last change was found against.
    before: usize,
    renewed: Stamp,
    /// Where a still picture differs from the view.
    left: Vec<bool>,
    noise: f32,
    unseen_since: Option<Stamp>,
    seen_since: Option<Stamp>,
    covered: bool,
}

impl ChangeFinder {
    /// A finder that has seen nothing yet.
    pub fn new(settings: ChangeSettings) -> ChangeFinder {
        ChangeFinder {
            settings,
            comparer: Comparer::default(),
            now: Grid::default(),
            previous: Grid::default(),
            anchor: Grid::default(),
            anchor_at: Stamp(0),
            moves: true,
            seen_at: None,
            began: None,
            stills: VecDeque::with_capacity(STILLS),
            before: 0,
            renewed: Stamp(0),
            left: Vec::new(),
            noise: 1.0,
            unseen_since: None,
            seen_since: None,
            covered: false,
        }
    }

    /// Forgets every picture: what comes next is not compared with what was, and whether it is covered is found out anew.
    /// For after a gap in the pictures.
    pub fn forget(&mut self) {
        self.forget_pictures();
        self.covered = false;
        self.unseen_since = None;
        self.seen_since = None;
    }

    fn forget_pictures(&mut self) {
        self.stills.clear();
        self.seen_at = None;
        self.began = None;
        self.moves = true;
        self.anchor = Grid::default();
        self.previous = Grid::default();
    }

    /// Whether something moves now.
    pub fn is_moving(&self) -> bool {
        self.began.is_some() && self.moves
    }

    /// Whether a movement has begun that is not yet over: what holds still for a moment in view belongs to it.
    pub fn is_under_way(&self) -> bool {
        self.began.is_some()
    }

    /// The still picture that the last change was found against.
    pub fn before(&self) -> Option<&Frame> {
        self.stills.get(self.before).map(|still| &still.frame)
    }

    /// The newest still picture.
    pub fn after(&self) -> Option<&Frame> {
        self.stills.back().map(|still| &still.frame)
    }

    /// Takes the next picture; one that is not whole is passed over.
    pub fn see(&mut self, frame: &Frame) -> Option<SceneEvent> {
        if !self.now.fill(frame) {
            return None;
        }
        if let Some(event) = self.see_cover(frame.at) {
            return Some(event);
        }
        if self.covered {
            return None;
        }
        if self.unseen_since.is_some() {
            // A picture in which nothing can be seen is not still, even where it is like the one before.
            self.begin(frame.at);
            self.anchor = Grid::default();
            return None;
        }
        let event = self.see_movement(frame);
        std::mem::swap(&mut self.previous, &mut self.now);
        self.seen_at = Some(frame.at);
        event
    }

    /// Something moves in the picture of `now`. It began between the one before and that, where the camera is slow perhaps long
    /// before: at the earliest when it was last seen still.
    fn begin(&mut self, now: Stamp) {
        self.moves = true;
        self.began.get_or_insert(self.seen_at.unwrap_or(now));
    }

    /// Where the largest moving thing is, in the picture seen last, while something moves.
    pub fn in_flight(&mut self) -> Option<Rectangle> {
        if !self.is_moving() {
            return None;
        }
        // `see` has put the newest grid into `previous`.
        let still = self.stills.back()?;
        let CellRegion { left, top, right, bottom, .. } =
            self.comparer.moving(&still.grid, &self.previous, self.noise)?;
        Some(self.previous.pixels(left, top, right, bottom))
    }

    fn see_cover(&mut self, at: Stamp) -> Option<SceneEvent> {
        let unseen = is_dark(&self.now) || is_flat(&self.now, self.noise);
        let (ours, other) = match unseen {
            true => (&mut self.unseen_since, &mut self.seen_since),
            false => (&mut self.seen_since, &mut self.unseen_since),
        };
        *other = None;
        let lasts = at.millis_since(*ours.get_or_insert(at));
        if unseen != self.covered && lasts >= self.settings.covered_ms {
            self.covered = unseen;
            // What happened meanwhile was not seen, so the old pictures prove nothing.
            self.forget_pictures();
            return Some(if unseen { SceneEvent::Covered } else { SceneEvent::Uncovered });
        }
        None
    }

    fn see_movement(&mut self, frame: &Frame) -> Option<SceneEvent> {
        let moved = !self.now.fits(&self.anchor)
            || !self.now.fits(&self.previous)
            || moved(&self.previous, &self.now, self.noise)
            || moved(&self.anchor, &self.now, self.noise);
        if moved {
            self.anchor.copy_from(&self.now);
            self.anchor_at = frame.at;
            self.begin(frame.at);
            return None;
        }
        self.moves = false;
        self.noise += 0.05 * (measure_noise(&self.previous, &self.now) - self.noise);
        if frame.at.millis_since(self.anchor_at) < self.settings.still_ms {
            return None;
        }
        let Some(began) = self.began.take() else {
            self.renew(frame);
            return None;
        };
        self.settle(frame, began)
    }

    /// The view is still again: compares it with the basket as it was, and keeps it.
    fn settle(&mut self, frame: &Frame, began: Stamp) -> Option<SceneEvent> {
        let (newest, rested) = (self.stills.len().checked_sub(1), self.rested(frame.at, began));
        // Where all is as it was at rest, something lay there for a moment only and was taken out again.
        let mut differences = [rested, newest].into_iter().flatten().map(|place| {
            let still = &self.stills[place];
            (place, self.comparer.compare(&still.grid, &self.now, self.noise))
        });
        let found = match differences.find(|(_, difference)| !matches!(difference, Difference::Nothing)) {
            Some((place, Difference::Region(region))) => Some((place, region, true)),
            Some((place, Difference::Unclear(Some(region)))) => Some((place, region, false)),
            _ => None,
        };
        let places = if found.is_some() { self.comparer.places(&self.now) } else { 0 };
        let ended = self.anchor_at;
        let event = match found {
            Some((place, cells, clear)) => Some(SceneEvent::Changed {
                clear,
                held: Some(place) != newest,
                places,
                began,
                ended,
                region: self.now.pixels(cells.left, cells.top, cells.right, cells.bottom),
                area: cells.area,
            }),
            // The very first still picture is no event: there is nothing to compare it with.
            None => newest.map(|_| SceneEvent::Unclear { began, ended }),
        };
        self.before = found.map_or(0, |(place, ..)| place);
        let mut kept = None;
        if self.stills.len() >= STILLS {
            // The oldest makes room, or the one after it where the change was found against the oldest.
            let leaves = usize::from(self.before == 0 && found.is_some());
            kept = self.stills.remove(leaves);
            self.before = self.before.saturating_sub(usize::from(leaves < self.before));
        }
        self.keep(kept.unwrap_or_default(), frame, ended);
        event
    }

    /// The newest still picture that shows the basket at rest, as it was when the movement of `began` set in: not those in
    /// which a hand held something still for a moment that has left again since.
    fn rested(&mut self, now: Stamp, began: Stamp) -> Option<usize> {
        let mut place = self.stills.len().checked_sub(1)?;
        let mut left = began;
        while let Some(older) = place.checked_sub(1) {
            let [earlier, still] = [&self.stills[older], &self.stills[place]];
            let brief = left.millis_since(still.since) <= self.settings.held_ms;
            if !brief || now.millis_since(earlier.frame.at) > self.settings.memory_ms {
                break;
            }
            self.comparer.compare(&still.grid, &self.now, self.noise);
            self.comparer.keep_hot(&mut self.left);
            self.comparer.compare(&earlier.grid, &still.grid, self.noise);
            if !self.comparer.is_mostly_in(&self.left) {
                break;
            }
            left = still.since;
            place = older;
        }
        Some(place)
    }

    /// Nothing moves: takes the picture in place of the newest still one from time to time.
    fn renew(&mut self, frame: &Frame) {
        if frame.at.millis_since(self.renewed) >= self.settings.renew_ms {
            // The pictures before a change are no longer asked for once the next one comes.
            if let Some(newest) = self.stills.pop_back() {
                let since = newest.since;
                self.keep(newest, frame, since);
                self.anchor.copy_from(&self.now);
            }
        }
    }

    fn keep(&mut self, mut still: Still, frame: &Frame, since: Stamp) {
        still.since = since;
        (still.frame.at, still.frame.width, still.frame.height) = (frame.at, frame.width, frame.height);
        still.frame.rgb.clone_from(&frame.rgb);
        still.grid.copy_from(&self.now);
        self.stills.push_back(still);
        self.renewed = frame.at;
    }
}

/// How many are true: counted in 32 bits, which the compiler does for several at a time, unlike `filter` and `count`.
fn count(of: impl Iterator<Item = bool>) -> usize {
    of.map(u32::from).sum::<u32>() as usize
}

/// Whether something moved from one picture to the other, exposure aside.
fn moved(then: &Grid, now: &Grid, noise: f32) -> bool {
    let ratio = gain(then, now);
    if !(0.5..=2.0).contains(&ratio) {
        return true;
    }
    let limit = (6.0 * noise).max(8.0);
    let differs = |then: &f32, now: &f32| ((now + 8.0) - (then + 8.0) * ratio).abs() > limit + 0.03 * then;
    count(then.luma.iter().zip(&now.luma).map(|(then, now)| differs(then, now))) >= MOVING_CELLS
}

/// One standard deviation of the noise of a cell, from two pictures at which nothing moved.
fn measure_noise(then: &Grid, now: &Grid) -> f32 {
    const BINS_PER_STEP: f32 = 16.0;
    let mut counts = [0u32; 256];
    for (then, now) in then.luma.iter().zip(&now.luma) {
        counts[(((now - then).abs() * BINS_PER_STEP) as usize).min(255)] += 1;
    }
    let half = then.luma.len() as u32 / 2;
    let mut sum = 0;
    let median = counts.iter().position(|count| {
        sum += count;
        sum > half
    });
    // The median of a difference's magnitude is 0.6745 deviations, and a difference of two is 1.414 times as noisy.
    (median.unwrap_or(0) as f32 + 0.5) / BINS_PER_STEP / 0.6745 / std::f32::consts::SQRT_2
}

/// Whether nearly all of the view is black.
fn is_dark(grid: &Grid) -> bool {
    let lit = count(grid.luma.iter().map(|luma| *luma > 22.0));
    lit * 20 < grid.cells()
}

/// Whether the view has next to no edges.
fn is_flat(grid: &Grid, noise: f32) -> bool {
    let limit = (6.0 * noise).max(6.0);
    let edges = grid.luma.chunks_exact(grid.width.max(1)).map(|row| {
        let behind = row.get(2..).unwrap_or_default();
        count(row.iter().zip(behind).map(|(before, behind)| (behind - before).abs() > limit))
    });
    edges.sum::<usize>() * 400 < grid.cells()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::testing::{Noise, Scene, thing};

    /// Plays scenes at 20 pictures a second, each for so many pictures, and returns what happened.
    fn play(finder: &mut ChangeFinder, start_ms: u64, scenes: &[(Scene, u64)]) -> Vec<SceneEvent> {
        let mut noise = Noise::new(start_ms + 1);
        let pictures = scenes.iter().flat_map(|(scene, count)| (0..*count).map(move |_| scene));
        pictures
            .enumerate()
            .filter_map(|(place, scene)| {
                finder.see(&scene.draw(Stamp::from_millis(start_ms + 50 * place as u64), &mut noise))
            })
            .collect()
    }

    fn dark() -> Scene {
        Scene::basket().gain(0.02)
    }

    #[test]
    fn a_dropped_thing_is_one_change_with_its_times_and_place() {
        let item = |y| thing(320, y, 90, [210, 60, 40]);
        let still = Scene::basket();
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        assert!(play(&mut finder, 0, &[(still.clone(), 10)]).is_empty());
        let falling: Vec<_> = [20, 120, 200].into_iter().map(|y| (still.clone().with(item(y)), 1)).collect();
        assert!(play(&mut finder, 500, &falling).is_empty());
        assert!(finder.is_moving());
        let flight = finder.in_flight().expect("it is seen in flight");
        assert!(flight.overlap(&Rectangle { left: 275, top: 155, width: 90, height: 90 }) > 0.6, "{flight:?}");
        let events = play(&mut finder, 650, &[(still.with(item(240)), 10)]);
        let [SceneEvent::Changed { began, ended, region, area, .. }] = events[..] else { panic!("{events:?}") };
        assert_eq!((began.millis(), ended.millis()), (450, 650));
        assert!(region.overlap(&Rectangle { left: 275, top: 195, width: 90, height: 90 }) > 0.6, "{region:?}");
        assert!((0.01..0.06).contains(&area), "{area}");
        assert_ne!(finder.before(), finder.after());
        assert!(!finder.is_moving() && finder.in_flight().is_none());
    }

    #[test]
    fn a_hand_that_rests_in_view_is_not_part_of_what_it_left() {
        let hand = thing(560, 60, 160, [200, 150, 120]);
        let item = thing(200, 300, 90, [60, 160, 60]);
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let events = play(
            &mut finder,
            0,
            &[
                (Scene::basket(), 10),
                (Scene::basket().with(hand), 10),
                (Scene::basket().with(item).with(hand), 1),
                (Scene::basket().with(item), 10),
            ],
        );
        let Some(SceneEvent::Changed { region, .. }) = events.last() else { panic!("{events:?}") };
        assert!(region.overlap(&Rectangle { left: 155, top: 255, width: 90, height: 90 }) > 0.6, "{region:?}");
        assert_eq!(finder.before().map(|frame| frame.at.millis() < 500), Some(true), "from before the hand");
    }

    #[test]
    fn what_a_hand_held_still_over_its_place_is_compared_with_the_basket_at_rest() {
        // Held, it is larger and covers the place where it will lie, and so does the hand beside it.
        let (held, hand) = (thing(220, 300, 150, [60, 160, 60]), thing(330, 330, 120, [200, 150, 120]));
        let lying = thing(200, 300, 90, [50, 150, 50]);
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let scenes =
            [(Scene::basket(), 10), (Scene::basket().with(held).with(hand), 8), (Scene::basket().with(lying), 8)];
        let events = play(&mut finder, 0, &scenes);
        let [SceneEvent::Changed { held: false, .. }, SceneEvent::Changed { region, held: true, .. }] = events[..]
        else {
            panic!("{events:?}")
        };
        assert!(region.overlap(&Rectangle { left: 155, top: 255, width: 90, height: 90 }) > 0.6, "{region:?}");
        assert_eq!(finder.before().map(|frame| frame.at.millis() < 500), Some(true), "the basket without the hand");
    }

    #[test]
    fn an_exchange_is_compared_with_what_lay_there_even_where_the_basket_was_empty_before() {
        let (first, second) = (thing(200, 300, 90, [60, 160, 60]), thing(260, 300, 90, [180, 60, 40]));
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let scenes = [(Scene::basket(), 10), (Scene::basket().with(first), 40), (Scene::basket().with(second), 10)];
        let events = play(&mut finder, 0, &scenes);
        let Some(SceneEvent::Changed { region, .. }) = events.last() else { panic!("{events:?}") };
        assert!(region.overlap(&Rectangle { left: 155, top: 255, width: 150, height: 90 }) > 0.6, "both: {region:?}");
        assert_eq!(finder.before().map(|frame| frame.at.millis() > 600), Some(true), "with the first in it");
    }

    #[test]
    fn every_thing_of_many_is_found_in_turn_going_in_and_coming_out() {
        let things: Vec<_> =
            (0..5i32).map(|n| thing(80 + 110 * n, 150 + 40 * (n % 3), 80, [200, 40 * n as u8, 90])).collect();
        let with = |count: usize| things[..count].iter().fold(Scene::basket(), |scene, thing| scene.with(*thing));
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        play(&mut finder, 0, &[(with(0), 10)]);
        for (step, count) in [1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 1].into_iter().enumerate() {
            let events = play(&mut finder, 500 + 500 * step as u64, &[(with(count), 10)]);
            let [SceneEvent::Changed { region, .. }] = events[..] else { panic!("step {step}: {events:?}") };
            assert!((60..110).contains(&region.width), "step {step}: {region:?}");
            let (before, after) = (finder.before().expect("before"), finder.after().expect("after"));
            assert!(before.at < after.at, "step {step}");
        }
    }

    #[test]
    fn what_was_taken_out_is_told_by_the_newest_picture_whatever_happened_before() {
        let small = thing(150, 150, 60, [200, 60, 60]);
        let large = thing(400, 280, 140, [60, 160, 60]);
        let both = Scene::basket().with(small).with(large);
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let scenes = [(Scene::basket(), 10), (Scene::basket().with(small), 10), (both, 10)];
        play(&mut finder, 0, &scenes);
        // The view is now as it was once before, and what differs from an older picture is smaller.
        let events = play(&mut finder, 1_500, &[(Scene::basket().with(small), 10)]);
        let [SceneEvent::Changed { region, .. }] = events[..] else { panic!("{events:?}") };
        assert!(region.overlap(&Rectangle { left: 330, top: 210, width: 140, height: 140 }) > 0.6, "{region:?}");
        // The first that came in goes out first: to the oldest picture only the other differs.
        play(&mut finder, 2_000, &[(Scene::basket().with(small).with(large), 10)]);
        let events = play(&mut finder, 2_500, &[(Scene::basket().with(large), 10)]);
        let [SceneEvent::Changed { region, .. }] = events[..] else { panic!("{events:?}") };
        assert!(region.overlap(&Rectangle { left: 120, top: 120, width: 60, height: 60 }) > 0.5, "{region:?}");
    }

    #[test]
    fn a_hand_that_passes_and_takes_nothing_changes_nothing() {
        let hand = thing(400, 200, 160, [200, 150, 120]);
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let events =
            play(&mut finder, 0, &[(Scene::basket(), 10), (Scene::basket().with(hand), 2), (Scene::basket(), 10)]);
        assert!(matches!(events[..], [SceneEvent::Unclear { .. }]), "{events:?}");
    }

    #[test]
    fn light_that_changes_slowly_or_at_once_changes_nothing_in_the_basket() {
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let mut scenes: Vec<_> = (0..60).map(|n| (Scene::basket().gain(1.0 + n as f32 * 0.008), 1)).collect();
        scenes.push((Scene::basket().gain(0.8), 10));
        let events = play(&mut finder, 0, &scenes);
        assert!(!events.iter().any(|event| matches!(event, SceneEvent::Changed { .. })), "{events:?}");
    }

    #[test]
    fn a_covered_camera_says_so_once_and_what_happened_meanwhile_is_no_change() {
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let item = thing(320, 240, 90, [60, 160, 60]);
        let events = play(
            &mut finder,
            0,
            &[(Scene::basket(), 10), (dark(), 40), (Scene::basket().with(item), 40), (Scene::basket(), 10)],
        );
        assert!(
            matches!(events[..], [SceneEvent::Covered, SceneEvent::Uncovered, SceneEvent::Changed { .. }]),
            "{events:?}"
        );
    }

    #[test]
    fn what_came_in_between_two_slow_pictures_began_when_the_basket_was_last_seen_without_it() {
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let mut noise = Noise::new(5);
        let with = Scene::basket().with(thing(320, 240, 90, [60, 160, 60]));
        let events: Vec<_> = (0..12u64)
            .filter_map(|place| {
                let scene = if place < 6 { Scene::basket() } else { with.clone() };
                finder.see(&scene.draw(Stamp::from_millis(3_000 * place), &mut noise))
            })
            .collect();
        let [SceneEvent::Changed { began, ended, .. }] = events[..] else { panic!("{events:?}") };
        assert_eq!((began.millis(), ended.millis()), (15_000, 18_000));
    }

    #[test]
    fn a_lens_that_is_still_covered_after_the_camera_was_lost_is_told_again() {
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        let events = play(&mut finder, 0, &[(Scene::basket(), 10), (dark(), 40)]);
        assert_eq!(events, [SceneEvent::Covered]);
        finder.forget();
        let events = play(&mut finder, 9_000, &[(dark(), 40), (Scene::basket(), 40)]);
        assert_eq!(events, [SceneEvent::Covered, SceneEvent::Uncovered]);
        play(&mut finder, 20_000, &[(dark(), 40)]);
        finder.forget();
        // Free when it comes back, it is told by its first picture, and what comes in at once is seen.
        let item = Scene::basket().with(thing(320, 240, 90, [60, 160, 60]));
        let events = play(&mut finder, 30_000, &[(Scene::basket(), 8), (item, 8)]);
        assert!(matches!(events[..], [SceneEvent::Changed { .. }]), "{events:?}");
    }

    #[test]
    fn a_broken_picture_is_passed_over() {
        let mut finder = ChangeFinder::new(ChangeSettings::default());
        assert_eq!(finder.see(&Frame::default()), None);
        assert_eq!(finder.see(&Frame { at: Stamp(1), width: 640, height: 480, rgb: vec![0; 5] }), None);
    }
}
