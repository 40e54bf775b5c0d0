//! `dashcart replay --explain`: a recorded trip told to people, as text and as a picture.

use crate::domain::basket::{LedgerEntry, Movement, SettledBy};
use crate::domain::cart::{CartInput, CartOutput, JournalEntry, Press};
use crate::domain::fusion::Candidate;
use crate::domain::units::Stamp;
use crate::runtime::recorder::Step;
use std::fmt::Write;

/// One thing that happened, as a line of text and a mark in the picture.
struct Moment {
    at: Stamp,
    /// What it is: gives the mark its row and colour.
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Load,
    View,
    Press,
    Booked,
    Fault,
}

impl Kind {
    fn colour(self) -> &'static str {
        match self {
            Kind::Load => "#1f6fb2",
            Kind::View => "#7a4fa3",
            Kind::Press => "#c77700",
            Kind::Booked => "#1a7f37",
            Kind::Fault => "#c0392b",
        }
    }
}

fn best(candidates: &[Candidate]) -> String {
    let told = candidates.iter().take(3).map(|candidate| format!("{} {:.2}", candidate.sku, candidate.similarity));
    let told = told.collect::<Vec<_>>().join(", ");
    if told.is_empty() { "nothing known".to_owned() } else { told }
}

fn booked(entry: &LedgerEntry) -> String {
    let what = match &entry.movement {
        Movement::Added { line, sku, quantity, .. } => format!("line {}: + {quantity} {sku}", line.0),
        Movement::Corrected { line, quantity } => format!("line {}: {quantity} after all", line.0),
        Movement::Removed { line, quantity } => format!("line {}: - {quantity}", line.0),
        Movement::Tared { line, tare, .. } => format!("line {}: a container of {} g is taken off", line.0, tare.0),
        Movement::OwnThing { mass } => format!("the shopper's own thing, {mass}"),
    };
    let by = match entry.evidence.settled_by {
        SettledBy::SightAndWeight => "sight and weight",
        SettledBy::CodeAndWeight => "code and weight",
        SettledBy::Shopper => "the shopper",
        SettledBy::WordAlone => "the shopper's word alone",
    };
    let candidates = entry.evidence.candidates.iter().take(3);
    let candidates = candidates.map(|(sku, probability)| format!("{sku} {:.1} %", probability * 100.0));
    let evidence = &entry.evidence;
    format!(
        "booked {what}, by {by}: {:+.0} g +- {:.0} g; {}",
        evidence.change.0,
        evidence.margin.0,
        candidates.collect::<Vec<_>>().join(", ")
    )
}

fn of_input(input: &CartInput) -> Option<(Kind, String)> {
    Some(match input {
        CartInput::LoadSettled(change) => {
            let took = change.settled.millis_since(change.began);
            // A few grams are noise.
            let dip = match change.dip.0 >= 10.0 {
                true => format!(", {:.0} g lower for a moment before", change.dip.0),
                false => String::new(),
            };
            let text = format!(
                "load settled: {:+.1} g +- {:.1} g after {took} ms, now {:.0} g{dip}",
                change.change.0, change.margin.0, change.load.0
            );
            (Kind::Load, text)
        }
        CartInput::ScaleRecovered { load } => (Kind::Load, format!("scale ready at {load}")),
        CartInput::ScaleFaulted(fault) => (Kind::Fault, format!("scale at fault: {fault:?}")),
        CartInput::CameraFaulted(fault) => (Kind::Fault, format!("camera at fault: {fault:?}")),
        CartInput::CameraRecovered => (Kind::View, "camera sees".to_owned()),
        CartInput::Sighted(sighting) if sighting.appeared.is_empty() && sighting.vanished.is_empty() => {
            (Kind::View, "something passed through the view".to_owned())
        }
        CartInput::Sighted(sighting) => {
            let text = format!("seen now: {}; before: {}", best(&sighting.appeared), best(&sighting.vanished));
            (Kind::View, text)
        }
        CartInput::CodeSeen(code) => (Kind::View, format!("code read: {}", code.gtin)),
        CartInput::Pressed(press) => {
            let text = match press {
                Press::Choose { option, .. } => format!("answered: picture {}", option + 1),
                Press::Pick { sku, .. } => format!("answered: {sku}"),
                Press::NotMine { .. } => "answered: my own thing".to_owned(),
                other => format!("pressed {other:?}"),
            };
            (Kind::Press, text)
        }
        CartInput::StoreAnswered(answer) => (Kind::Press, format!("the store answered: {answer:?}")),
        CartInput::LoadDisturbed | CartInput::ViewMoved | CartInput::ViewStilled | CartInput::Ticked => return None,
    })
}

fn moments(steps: &[Step]) -> Vec<Moment> {
    let mut moments = Vec::new();
    for step in steps {
        moments.extend(of_input(&step.input).map(|(kind, text)| Moment { at: step.at, kind, text }));
        for output in &step.outputs {
            if let CartOutput::Journal(JournalEntry::Booked(entry)) = output {
                moments.push(Moment { at: step.at, kind: Kind::Booked, text: booked(entry) });
            }
        }
        let asks =
            step.outputs.iter().any(|output| matches!(output, CartOutput::Play(crate::domain::cart::Sound::Question)));
        if asks {
            moments.push(Moment { at: step.at, kind: Kind::Press, text: "the cart asks".to_owned() });
        }
    }
    moments
}

/// The trip as text, one moment a line.
pub fn text(steps: &[Step]) -> String {
    let mut told = String::new();
    for moment in moments(steps) {
        // Writing to a string cannot fail.
        let _ = writeln!(told, "{:>8.2} s  {}", moment.at.seconds(), moment.text);
    }
    told
}

/// The trip as an SVG picture: the settled load over time, and what was seen, pressed and booked below it.
pub fn picture(steps: &[Step]) -> String {
    const WIDTH: f64 = 1400.0;
    const CHART: f64 = 360.0;
    const LEFT: f64 = 70.0;
    let moments = moments(steps);
    let begin = steps.first().map_or(0.0, |step| step.at.seconds());
    let span = (steps.last().map_or(1.0, |step| step.at.seconds()) - begin).max(1.0);
    let x = |at: Stamp| LEFT + (at.seconds() - begin) / span * (WIDTH - LEFT - 20.0);
    let loads: Vec<(Stamp, f64)> = steps
        .iter()
        .filter_map(|step| match &step.input {
            CartInput::LoadSettled(change) => Some((change.settled, change.load.0)),
            CartInput::ScaleRecovered { load } => Some((step.at, load.0)),
            _ => None,
        })
        .collect();
    let most = loads.iter().map(|(_, load)| *load).fold(100.0, f64::max) * 1.05;
    let least = loads.iter().map(|(_, load)| *load).fold(0.0, f64::min);
    let y = |load: f64| 20.0 + (most - load) / (most - least) * (CHART - 40.0);
    let height = CHART + 30.0 + 15.0 * moments.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for share in 0..=4 {
        let load = least + (most - least) * f64::from(share) / 4.0;
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"#ddd\"/><text x=\"4\" y=\"{0:.1}\">{load:.0} g</text>",
            y(load)
        );
    }
    let mut path = String::new();
    let mut before: Option<f64> = None;
    for (at, load) in &loads {
        match before {
            None => {
                let _ = write!(path, "M{:.1} {:.1}", x(*at), y(*load));
            }
            Some(before) => {
                let _ = write!(path, " L{:.1} {:.1} L{:.1} {:.1}", x(*at), y(before), x(*at), y(*load));
            }
        }
        before = Some(*load);
    }
    let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>", Kind::Load.colour());
    for (row, moment) in moments.iter().enumerate() {
        let (at, line) = (x(moment.at), CHART + 25.0 + 15.0 * row as f64);
        let colour = moment.kind.colour();
        if moment.kind != Kind::Load {
            let _ = writeln!(
                svg,
                "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"20\" y2=\"{CHART}\" stroke=\"{colour}\" stroke-opacity=\"0.35\"/>"
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{line}\" fill=\"{colour}\">{:.2} s  {}</text>",
            moment.at.seconds(),
            escaped(&moment.text)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
