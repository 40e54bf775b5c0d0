//! The scale loop: readings -> settled changes.

use super::{Clock, Stop};
use crate::domain::cart::CartInput;
use crate::domain::settle::{LoadEvent, ScaleFault, SettleSettings, Settler};
use crate::domain::units::{Grams, Stamp};
use crate::ports::{ScaleError, WeightSample, WeightSource};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use tracing::{info, warn};

/// Turns what the scale gives, one reading at a time, into inputs of the cart.
#[derive(Debug)]
pub struct ScaleWatch {
    settler: Settler,
}

impl ScaleWatch {
    /// A watch that has seen nothing.
    pub fn new(settings: SettleSettings) -> ScaleWatch {
        ScaleWatch { settler: Settler::new(settings) }
    }

    /// Takes a reading, or the reason why there is none.
    pub fn take(&mut self, reading: Result<WeightSample, &ScaleError>, now: Stamp) -> Option<CartInput> {
        let event = match reading {
            Ok(sample) => self.settler.push(sample.at, sample.load),
            Err(ScaleError::Gap { .. } | ScaleError::Ended) => self.settler.gap(now),
            Err(ScaleError::Saturated { .. }) => self.settler.fault(ScaleFault::Saturated),
            Err(ScaleError::Missing { .. }) => self.settler.fault(ScaleFault::Silent),
            Err(ScaleError::Uncalibrated) => self.settler.fault(ScaleFault::Uncalibrated),
        };
        event.map(|event| match event {
            LoadEvent::Ready { load } => CartInput::ScaleRecovered { load },
            LoadEvent::Disturbed => CartInput::LoadDisturbed,
            LoadEvent::Settled(change) => CartInput::LoadSettled(change),
            LoadEvent::Faulted(fault) => CartInput::ScaleFaulted(fault),
        })
    }
}

/// Reads the scale until told to stop or until it ends. `latest` always holds the newest reading, for a display.
pub fn run(
    mut source: Box<dyn WeightSource>,
    settings: SettleSettings,
    clock: Clock,
    stop: Stop,
    latest: Arc<Mutex<Option<Grams>>>,
    inputs: SyncSender<CartInput>,
) {
    let mut watch = ScaleWatch::new(settings);
    let mut failing = false;
    while !stop.asked() {
        let reading = source.next_sample();
        if let Ok(mut latest) = latest.lock() {
            *latest = reading.as_ref().ok().map(|sample| sample.load);
        }
        if let Err(error) = &reading {
            if !failing {
                warn!("{error}");
            }
            if matches!(error, ScaleError::Missing { .. } | ScaleError::Uncalibrated) {
                #[allow(clippy::disallowed_methods, reason = "a scale that is not there is asked again once a second")]
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        } else if failing {
            info!("the scale answers again");
        }
        failing = reading.is_err();
        let ended = matches!(reading, Err(ScaleError::Ended));
        if let Some(input) = watch.take(reading.as_ref().copied(), clock.now())
            && inputs.send(input).is_err()
        {
            return;
        }
        if ended {
            return;
        }
    }
}
