//! The whole of sight, one picture a step: what changed, what it looks like, which codes it shows, whether the camera
//! sees at all.

use super::change::{ChangeFinder, ChangeSettings, SceneEvent};
use super::codes::CodeReader;
use super::crop::Rectangle;
use super::gallery::{Gallery, GalleryError};
use super::recogniser::{Look, Recogniser};
use crate::domain::cart::{CameraFault, CartInput};
use crate::domain::fusion::{CodeSighting, Sighting};
use crate::domain::gs1::{CodeFacts, InStoreRule};
use crate::domain::units::Stamp;
use crate::ports::{EmbedError, Embedder, Frame, ModelId};

/// How sight looks.
#[derive(Debug, Clone, PartialEq)]
pub struct SightSettings {
    /// When the view moves, is still, is covered.
    pub change: ChangeSettings,
    /// The changed region is looked at once in each of these ways.
    pub looks: Vec<Look>,
    /// How many candidates a sighting names at most.
    pub candidates: usize,
    /// Whether codes are read.
    pub codes: bool,
    /// While something moves, codes are looked for this often.
    pub code_every_ms: u64,
    /// How the store numbers goods of varying weight.
    pub in_store_codes: Vec<InStoreRule>,
}

impl Default for SightSettings {
    fn default() -> SightSettings {
        SightSettings {
            change: ChangeSettings::default(),
            looks: vec![Look::with_margin(0.04), Look { margin: -0.16, mirrored: true }],
            candidates: 60,
            codes: true,
            code_every_ms: 150,
            in_store_codes: Vec::new(),
        }
    }
}

/// Turns pictures into what the cart is told. It has no clock, and no thread that outlives a call: the pictures carry the
/// time.
pub struct Sight {
    settings: SightSettings,
    finder: ChangeFinder,
    recogniser: Recogniser,
    reader: CodeReader,
    /// What was already told of codes in the present movement.
    told: Vec<CodeFacts>,
    code_sought: Option<Stamp>,
}

impl Sight {
    /// Joins a model with its gallery.
    ///
    /// # Errors
    /// [`GalleryError`] when the gallery was made with another model.
    pub fn new(embedder: Box<dyn Embedder>, gallery: Gallery, settings: SightSettings) -> Result<Sight, GalleryError> {
        Ok(Sight {
            finder: ChangeFinder::new(settings.change.clone()),
            recogniser: Recogniser::new(embedder, gallery)?,
            reader: CodeReader::new(settings.in_store_codes.clone()),
            told: Vec::new(),
            code_sought: None,
            settings,
        })
    }

    /// The model in use.
    pub fn model_id(&self) -> ModelId {
        self.recogniser.model_id()
    }

    /// Takes another gallery, between trips.
    ///
    /// # Errors
    /// [`GalleryError`] when it belongs to another model; the old one stays.
    pub fn replace_gallery(&mut self, gallery: Gallery) -> Result<(), GalleryError> {
        self.recogniser.replace_gallery(gallery)
    }

    /// Whether a movement goes on in view, from its first picture to the sighting at its end.
    pub fn is_moving(&self) -> bool {
        self.finder.is_under_way()
    }

    /// Forgets every picture, after a gap in which pictures were lost.
    pub fn forget(&mut self) {
        self.finder.forget();
    }

    /// Takes the next picture and returns what the cart should know of it: a sighting when the view is still again after
    /// a movement, codes, and whether the camera is covered. A sighting without candidates says that something moved and
    /// nothing usable was seen.
    pub fn see(&mut self, frame: &Frame) -> Vec<CartInput> {
        let mut inputs = Vec::new();
        match self.finder.see(frame) {
            Some(SceneEvent::Covered) => inputs.push(CartInput::CameraFaulted(CameraFault::Covered)),
            Some(SceneEvent::Uncovered) => inputs.push(CartInput::CameraRecovered),
            Some(SceneEvent::Changed { began, ended, region, area, places, clear, held }) => {
                let (codes, mut sighting) = self.look(frame, (began, ended), region, area, held);
                (sighting.places, sighting.clear) = (places, clear);
                self.tell(&codes, frame.at, &mut inputs);
                inputs.push(CartInput::Sighted(sighting));
                self.told.clear();
            }
            Some(SceneEvent::Unclear { began, ended }) => {
                self.recogniser.begin();
                self.recogniser.keep();
                inputs.push(CartInput::Sighted(Sighting::of_nothing(began, ended)));
                self.told.clear();
            }
            None => self.watch_flight(frame, &mut inputs),
        }
        inputs
    }

    /// Looks for codes on what changed and recognises it, both at once: reading does not delay recognition.
    fn look(
        &mut self,
        frame: &Frame,
        (began, ended): (Stamp, Stamp),
        region: Rectangle,
        area: f32,
        held: bool,
    ) -> (Vec<CodeFacts>, Sighting) {
        let Sight { settings, finder, recogniser, reader, .. } = self;
        let (Some(before), Some(after)) = (finder.before(), finder.after()) else {
            return (Vec::new(), Sighting::of_nothing(began, ended));
        };
        let with_codes = settings.codes;
        let mut read = || if with_codes { reader.read(frame, around(frame, region), true) } else { Vec::new() };
        let (codes, seen) = std::thread::scope(|scope| {
            let reading = std::thread::Builder::new().name("codes".to_owned()).spawn_scoped(scope, &mut read);
            let mut seen = || {
                look_at(recogniser, settings, after, region)?;
                // What a hand held still in view before it let go was seen already: all looks count.
                if held {
                    recogniser.join_kept();
                }
                recogniser.keep();
                let (appeared, frames) = (recogniser.candidates(settings.candidates), recogniser.pooled());
                look_at(recogniser, settings, before, region)?;
                let vanished = recogniser.candidates(settings.candidates);
                Ok::<_, EmbedError>(Sighting { began, ended, appeared, vanished, frames, area, places: 1, clear: true })
            };
            let seen = seen();
            (reading.map(|reading| reading.join()), seen)
        });
        let codes = match codes {
            Ok(Ok(codes)) => codes,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // A system that gives no thread reads them afterwards.
            Err(_) => read(),
        };
        let sighting = seen.unwrap_or_else(|error| {
            // Nothing recognised is what the cart must know; it then asks.
            tracing::error!("{error}");
            Sighting::of_nothing(began, ended)
        });
        (codes, sighting)
    }

    /// Looks for a code on what moves, now and then.
    fn watch_flight(&mut self, frame: &Frame, inputs: &mut Vec<CartInput>) {
        let due = |sought: Stamp| frame.at.millis_since(sought) >= self.settings.code_every_ms;
        if !self.settings.codes || !self.finder.is_moving() || !self.code_sought.is_none_or(due) {
            return;
        }
        if let Some(region) = self.finder.in_flight() {
            self.code_sought = Some(frame.at);
            let codes = self.reader.read(frame, around(frame, region), false);
            self.tell(&codes, frame.at, inputs);
        }
    }

    /// Tells of each product that codes name, once in a movement, and again where a code says more of it than before.
    fn tell(&mut self, codes: &[CodeFacts], at: Stamp, inputs: &mut Vec<CartInput>) {
        for facts in codes {
            let Some(gtin) = facts.gtin else { continue };
            let place = self.told.iter().position(|known| known.gtin == facts.gtin);
            let mut known = place.map_or(CodeFacts { gtin: facts.gtin, ..CodeFacts::default() }, |at| self.told[at]);
            let before = place.map(|_| known);
            known.add(*facts);
            if before == Some(known) {
                continue;
            }
            match place {
                Some(place) => self.told[place] = known,
                None => self.told.push(known),
            }
            let CodeFacts { net, payable, .. } = known;
            inputs.push(CartInput::CodeSeen(CodeSighting { at, gtin, net, payable }));
        }
    }
}

/// A region with room around it: a code needs its quiet zone, and the region may end at the last bar.
fn around(frame: &Frame, region: Rectangle) -> Rectangle {
    let margin = (region.width.max(region.height) / 12).max(8);
    let left = region.left.saturating_sub(margin);
    let top = region.top.saturating_sub(margin);
    Rectangle {
        left,
        top,
        width: (region.left + region.width + margin).min(frame.width) - left,
        height: (region.top + region.height + margin).min(frame.height) - top,
    }
}

/// Looks at a region in each of the ways that the settings name.
fn look_at(
    recogniser: &mut Recogniser,
    settings: &SightSettings,
    frame: &Frame,
    region: Rectangle,
) -> Result<(), EmbedError> {
    recogniser.begin();
    settings.looks.iter().try_for_each(|look| recogniser.look(frame, region, *look))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::recogniser::tests::{ColourEmbedder, colours};
    use crate::vision::testing::{Noise, Scene, thing};

    const RED: [u8; 3] = [220, 40, 40];
    const GREEN: [u8; 3] = [50, 200, 60];

    fn sight() -> Sight {
        let gallery = colours(&[("red", RED), ("green", GREEN), ("basket", [88, 86, 84])]);
        Sight::new(Box::new(ColourEmbedder), gallery, SightSettings::default()).expect("they fit")
    }

    fn play(sight: &mut Sight, start_ms: u64, scenes: &[(Scene, u64)]) -> Vec<CartInput> {
        let mut noise = Noise::new(start_ms + 1);
        let pictures = scenes.iter().flat_map(|(scene, count)| (0..*count).map(move |_| scene));
        pictures
            .enumerate()
            .flat_map(|(place, scene)| {
                sight.see(&scene.draw(Stamp::from_millis(start_ms + 50 * place as u64), &mut noise))
            })
            .collect()
    }

    #[test]
    fn what_came_in_appeared_and_what_went_out_vanished() {
        let mut sight = sight();
        let red = Scene::basket().with(thing(200, 200, 100, RED));
        let both = red.clone().with(thing(400, 260, 100, GREEN));
        assert!(play(&mut sight, 0, &[(Scene::basket(), 10)]).is_empty());
        for (step, (scene, appeared, vanished)) in
            [(&red, Some("red"), None), (&both, Some("green"), None), (&red, None, Some("green"))]
                .into_iter()
                .enumerate()
        {
            let inputs = play(&mut sight, 500 * (step as u64 + 1), &[(scene.clone(), 10)]);
            let [CartInput::Sighted(sighting)] = &inputs[..] else { panic!("{inputs:?}") };
            for (expected, seen) in [(appeared, &sighting.appeared), (vanished, &sighting.vanished)] {
                assert_eq!(seen.len(), 3);
                if let Some(sku) = expected {
                    assert_eq!(seen[0].sku.as_str(), sku, "{sighting:?}");
                }
            }
            assert_eq!(sighting.frames, 2);
        }
    }

    #[test]
    fn a_passing_hand_is_a_sighting_of_nothing() {
        let mut sight = sight();
        let hand = Scene::basket().with(thing(400, 200, 160, [200, 150, 120]));
        let inputs = play(&mut sight, 0, &[(Scene::basket(), 10), (hand, 2), (Scene::basket(), 10)]);
        let [CartInput::Sighted(sighting)] = &inputs[..] else { panic!("{inputs:?}") };
        assert!(sighting.appeared.is_empty() && sighting.vanished.is_empty() && sighting.area == 0.0);
    }

    #[test]
    fn a_covered_camera_is_a_fault_until_it_sees_again() {
        let mut sight = sight();
        let inputs =
            play(&mut sight, 0, &[(Scene::basket(), 10), (Scene::basket().gain(0.02), 30), (Scene::basket(), 30)]);
        assert_eq!(inputs, [CartInput::CameraFaulted(CameraFault::Covered), CartInput::CameraRecovered]);
    }
}
