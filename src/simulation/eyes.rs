//! What the cart sees in a simulation: the real camera path on drawn pictures, or a film of what that path said earlier.
//!
//! A film holds, for each product and direction, what the cart was told around the moment of contact. Played back it
//! stands in for camera and model, so that thousands of trips judge settling, fusion and the cart alone.

use crate::domain::cart::CartInput;
use crate::domain::fusion::{Candidate, CodeSighting, Sighting};
use crate::domain::units::{Sku, Stamp};
use crate::emulator::camera::Camera;
use crate::emulator::space::Chance;
use crate::emulator::world::World;
use crate::ports::Frame;
use crate::runtime::Clock;
use crate::runtime::camera::CameraWatch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;

/// An act that a film can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Something is put in.
    In,
    /// Something is put in with its code towards the camera.
    Code,
    /// Something is taken out.
    Out,
}

/// One input of the cart, by its time from the contact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Told {
    #[serde(rename = "moved")]
    Moved(i64),
    #[serde(rename = "stilled")]
    Stilled(i64),
    #[serde(rename = "code")]
    Code(i64, crate::domain::units::Gtin),
    #[serde(rename = "seen")]
    Seen {
        at: i64,
        began: i64,
        ended: i64,
        area: f32,
        #[serde(default)]
        places: u32,
        #[serde(default = "clear")]
        clear: bool,
        appeared: Vec<(Sku, f32)>,
        vanished: Vec<(Sku, f32)>,
    },
}

fn clear() -> bool {
    true
}

/// What was told of one act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Scene {
    way: Way,
    sku: Sku,
    told: Vec<Told>,
}

/// Scenes by act.
#[derive(Debug, Clone, Default)]
pub struct Film {
    scenes: BTreeMap<(Way, Sku), Vec<Vec<Told>>>,
}

/// Candidates that a film keeps of a sighting.
const KEPT: usize = 6;

fn offset(at: Stamp, contact: Stamp) -> i64 {
    at.millis() as i64 - contact.millis() as i64
}

fn moment(contact: Stamp, offset: i64) -> Stamp {
    Stamp::from_millis(contact.millis().saturating_add_signed(offset))
}

impl Told {
    fn of(input: &CartInput, at: Stamp, contact: Stamp) -> Option<Told> {
        let best = |candidates: &[Candidate]| {
            let round = |similarity: f32| (similarity * 1000.0).round() / 1000.0;
            let kept = candidates.iter().take(KEPT);
            kept.map(|candidate| (candidate.sku.clone(), round(candidate.similarity))).collect()
        };
        let at = offset(at, contact);
        match input {
            CartInput::ViewMoved => Some(Told::Moved(at)),
            CartInput::ViewStilled => Some(Told::Stilled(at)),
            CartInput::CodeSeen(code) => Some(Told::Code(at, code.gtin)),
            CartInput::Sighted(sighting) => Some(Told::Seen {
                at,
                began: offset(sighting.began, contact),
                ended: offset(sighting.ended, contact),
                area: sighting.area,
                places: sighting.places,
                clear: sighting.clear,
                appeared: best(&sighting.appeared),
                vanished: best(&sighting.vanished),
            }),
            _ => None,
        }
    }

    /// When it is told, and what.
    fn input(&self, contact: Stamp) -> (Stamp, CartInput) {
        let candidates = |best: &[(Sku, f32)]| {
            let candidate = |(sku, similarity): &(Sku, f32)| Candidate { sku: sku.clone(), similarity: *similarity };
            best.iter().map(candidate).collect::<Vec<_>>()
        };
        match self {
            Told::Moved(at) => (moment(contact, *at), CartInput::ViewMoved),
            Told::Stilled(at) => (moment(contact, *at), CartInput::ViewStilled),
            Told::Code(at, gtin) => {
                let at = moment(contact, *at);
                (at, CartInput::CodeSeen(CodeSighting::plain(at, *gtin)))
            }
            Told::Seen { at, began, ended, area, places, clear, appeared, vanished } => {
                let sighting = Sighting {
                    began: moment(contact, *began),
                    ended: moment(contact, *ended),
                    appeared: candidates(appeared),
                    vanished: candidates(vanished),
                    frames: 2,
                    area: *area,
                    places: *places,
                    clear: *clear,
                };
                (moment(contact, *at), CartInput::Sighted(sighting))
            }
        }
    }
}

impl Film {
    /// Reads a film: one scene a line.
    ///
    /// # Errors
    /// A sentence that names the file, and the line where one is at fault.
    pub fn read(path: &Path) -> Result<Film, String> {
        let name = path.display();
        let file = std::fs::File::open(path).map_err(|error| format!("cannot read the film {name}: {error}"))?;
        let mut film = Film::default();
        for (index, line) in std::io::BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|error| format!("cannot read the film {name}: {error}"))?;
            let scene: Scene = serde_json::from_str(&line)
                .map_err(|error| format!("{name}, line {}: not a scene of a film ({error})", index + 1))?;
            film.scenes.entry((scene.way, scene.sku)).or_default().push(scene.told);
        }
        Ok(film)
    }

    /// Writes the film.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        for ((way, sku), scenes) in &self.scenes {
            for told in scenes {
                let scene = Scene { way: *way, sku: sku.clone(), told: told.clone() };
                serde_json::to_writer(&mut file, &scene)?;
                file.write_all(b"\n")?;
            }
        }
        file.flush()
    }

    /// Adds the scenes of another film.
    pub fn add(&mut self, other: Film) {
        for (act, mut scenes) in other.scenes {
            self.scenes.entry(act).or_default().append(&mut scenes);
        }
    }

    fn scene(&self, way: Way, sku: &Sku, chance: &mut Chance) -> Option<&Vec<Told>> {
        let scenes = self.scenes.get(&(way, sku.clone())).or_else(|| self.scenes.get(&(Way::In, sku.clone())))?;
        scenes.get(chance.below(scenes.len()))
    }
}

/// What sees.
pub enum Eyes {
    /// Camera, change finder, model and gallery, on drawn pictures; the compute is measured with this clock.
    Model(Box<(Camera, CameraWatch)>, Clock),
    /// A film.
    Film(std::sync::Arc<Film>),
}

/// What the cart was told, and when.
type Timeline = Vec<(Stamp, CartInput)>;

/// The eyes during one trip.
pub struct Watching {
    frame: Frame,
    next_frame: Stamp,
    chance: Chance,
    /// What a film is about to tell.
    coming: Timeline,
    /// The scene that is being filmed: act, contact, and what was told so far.
    filming: Option<(Way, Sku, Stamp, Timeline)>,
    /// What was filmed in this trip.
    pub film: Film,
    /// Compute of the camera path for the last picture, in milliseconds.
    pub compute_ms: f64,
}

impl Watching {
    /// Eyes that have seen nothing.
    pub fn new(seed: u64) -> Watching {
        Watching {
            frame: Frame::default(),
            next_frame: Stamp(0),
            chance: Chance::new(seed ^ 0xe1e5),
            coming: Vec::new(),
            filming: None,
            film: Film::default(),
            compute_ms: 0.0,
        }
    }

    /// When the eyes look next.
    pub fn next_at(&self, eyes: &Eyes) -> Stamp {
        match eyes {
            Eyes::Model(..) => self.next_frame,
            Eyes::Film(_) => self.coming.first().map_or(Stamp(u64::MAX), |(at, _)| *at),
        }
    }

    /// Looks, at the moment named by [`Watching::next_at`].
    pub fn look(&mut self, eyes: &mut Eyes, world: &World, now: Stamp, frame_ms: u64) -> Vec<CartInput> {
        match eyes {
            Eyes::Model(seeing, clock) => {
                let (camera, watch) = &mut **seeing;
                camera.render(world, now, &mut self.frame);
                self.next_frame = now.plus_millis(frame_ms);
                let begin = clock.now();
                let inputs = watch.take(&self.frame);
                self.compute_ms = (clock.now().0 - begin.0) as f64 / 1000.0;
                if let Some((.., told)) = &mut self.filming {
                    told.extend(inputs.iter().map(|input| (now, input.clone())));
                }
                inputs
            }
            Eyes::Film(_) if self.coming.is_empty() => Vec::new(),
            Eyes::Film(_) => vec![self.coming.remove(0).1],
        }
    }

    /// An act begins that touches the basket at `contact`.
    pub fn act(&mut self, eyes: &Eyes, way: Way, sku: &Sku, now: Stamp, contact: Stamp) {
        match eyes {
            Eyes::Model(..) => {
                self.cut();
                self.filming = Some((way, sku.clone(), contact, Vec::new()));
            }
            Eyes::Film(film) => {
                let Some(scene) = film.scene(way, sku, &mut self.chance) else { return };
                let mut told: Vec<_> = scene.iter().map(|told| told.input(contact)).collect();
                told.retain(|(at, _)| *at >= now);
                self.splice(told);
            }
        }
    }

    /// Something comes in that a film has no scene of: it is seen as that of `sku` is, like no product.
    pub fn unknown(&mut self, eyes: &Eyes, sku: Sku, now: Stamp, contact: Stamp) {
        self.cut();
        let Eyes::Film(film) = eyes else { return };
        let Some(scene) = film.scene(Way::In, &sku, &mut self.chance) else { return };
        let told = scene.iter().map(|told| told.input(contact)).filter(|(at, _)| *at >= now).map(|(at, mut input)| {
            if let CartInput::Sighted(sighting) = &mut input {
                sighting.appeared.iter_mut().for_each(|candidate| candidate.similarity *= 0.45);
            }
            (at, input)
        });
        self.splice(told.collect());
    }

    /// Lays a scene over what is still to come: while the hands of two acts are in view nothing is still, and what is seen
    /// at the end shows what came and what went of both, each less clearly.
    fn splice(&mut self, told: Vec<(Stamp, CartInput)>) {
        let begins = told.first().map_or(Stamp(u64::MAX), |(at, _)| *at);
        let mut began = None;
        let mut also: [Vec<Candidate>; 2] = Default::default();
        self.coming.retain(|(at, input)| match input {
            CartInput::Sighted(sighting) if *at >= begins => {
                began.get_or_insert(sighting.began);
                for (also, seen) in also.iter_mut().zip([&sighting.appeared, &sighting.vanished]) {
                    also.extend(seen.iter().take(2).cloned());
                }
                false
            }
            _ => true,
        });
        for (at, mut input) in told {
            if let (CartInput::Sighted(sighting), Some(first)) = (&mut input, began) {
                sighting.began = first;
                for (also, seen) in also.iter().zip([&mut sighting.appeared, &mut sighting.vanished]) {
                    seen.extend(also.iter().cloned());
                    seen.iter_mut().for_each(|candidate| candidate.similarity *= 0.85);
                    seen.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
                    let mut met = std::collections::BTreeSet::new();
                    seen.retain(|candidate| met.insert(candidate.sku.clone()));
                }
            }
            self.coming.push((at, input));
        }
        self.coming.sort_by_key(|(at, _)| *at);
    }

    /// The act is over: what was told of it becomes a scene.
    pub fn cut(&mut self) {
        if let Some((way, sku, contact, told)) = self.filming.take() {
            let told: Vec<Told> = told.iter().filter_map(|(at, input)| Told::of(input, *at, contact)).collect();
            if told.iter().any(|told| matches!(told, Told::Seen { .. })) {
                self.film.scenes.entry((way, sku)).or_default().push(told);
            }
        }
    }

    /// Another act overlaps the one that is filmed: the scene is of no use.
    pub fn spoil(&mut self) {
        self.filming = None;
    }
}
