//! Changes of the load: which belong together, when they are judged, booked or asked about, and what no line explains.

use super::machine::{Cart, CartSettings, OpenQuestion, Pending, Phase};
use super::{CartOutput, Question, QuestionKind, QuestionOption, Sound};
use crate::domain::basket::SettledBy;
use crate::domain::exchange::{Exchange, exchanged, went_out};
use crate::domain::fusion::{ChangeEvidence, CodeSighting, Hypothesis, Judgement, Scored, Sighting, Verdict, judge};
use crate::domain::offer::{likely, offered, options};
use crate::domain::pricing::{Quantity, price_line};
use crate::domain::settle::SettledChange;
use crate::domain::units::{Grams, Gtin, Sku, Stamp};

/// A view that is still so soon after the first touch may show a hand that holds still; the goods are then watched until the
/// view has been still for so long (estimates).
const LET_GO_MS: u64 = 120;
const WATCHED_MS: u64 = 460;
/// A load that moves again is given so long to settle before what settled earlier is judged (an estimate).
const GOES_ON_MS: u64 = 900;
/// A hand that rests on an item while the view is still carries at most this share of it (an estimate).
const CARRIED: f64 = 0.2;
/// One piece that seems to cover more of the view than this may be the next one, held still over the basket; so long after
/// the view was still it is watched for that (four of ten such pieces in seven seeds of simulated trips were held).
const ONE_COVERS: f32 = 0.38;
const HELD_MS: u64 = 650;
/// Prior of one thing's weight coming in parts (lowered, or pressed on), and of several things in one movement; estimates.
const IN_PARTS: f64 = 0.1;
const SEVERAL: f64 = 0.1;
/// A hand presses on a thing or lowers it for about so long; two things one after the other take longer (estimates).
const PRESSED_MS: f64 = 500.0;
const PRESSED_SPREAD_MS: f64 = 150.0;
/// How often what comes in is what went out just before, where both weigh the same; an estimate.
const PUT_BACK: f64 = 0.9;
/// What was seen of several things at once says less of each (an estimate).
const SHOWS_SEVERAL: f64 = 0.5;
/// What is seen less like a product than this (cosine) shows no product clearly (an estimate).
pub(super) const CLEAR: f32 = 0.3;
/// So many products head the list of all.
const LISTED: usize = 12;
/// The parts of one thing may lie anywhere in so many grams.
const PARTS_WITHIN: f64 = 2000.0;

impl Pending {
    /// Adds what settled later; what is too small to be a thing puts the size of the last part right.
    fn add(&mut self, change: SettledChange, small: bool) {
        if self.parts.is_empty() {
            self.parts.push(self.evidence.change);
        }
        match self.parts.last_mut().filter(|_| small) {
            Some(last) => *last = sum(last, &change),
            None => self.parts.push(change),
        }
        self.evidence.change = sum(&self.evidence.change, &change);
    }

    /// What was seen to go out is not what is left.
    fn tell_apart(&mut self, gone: &Sighting) {
        if let Some(seen) = &mut self.evidence.sighting {
            seen.vanished.clone_from(&gone.vanished);
        }
    }
}

impl Cart {
    /// Files a settled change as an event, unless it is nothing, undoes one that is still open, or belongs to one.
    pub(super) fn note_change(&mut self, change: SettledChange, outputs: &mut Vec<CartOutput>) {
        let change = self.with_crumbs(change);
        // By then it has been asked about, or what is left of it can be told from no error.
        let patience = self.settings.patience_ms;
        self.unseen.retain(|unseen| change.began.millis_since(unseen.settled) <= patience);
        let small = self.is_nothing(&change);
        if !small && self.take_apart(change) {
            return;
        }
        // The camera sees all that enters the basket, once it sees.
        let unseen = !small && self.eyes.saw(change.began) && !self.moved_during(&change);
        // The hand has not left the view since, or only just: it lowers a thing, presses on it, takes back what it put in,
        // or brings more. What all of it comes to is judged when the hand is gone.
        let goes_on = |pending: &Pending| {
            let settled = pending.evidence.change.settled;
            let soon = !unseen && change.began.millis_since(settled) <= self.settings.hand_ms;
            soon || self.view_moving_since.is_some_and(|since| since <= settled)
        };
        if let Some(index) = self.pending.iter().rposition(goes_on) {
            self.pending[index].add(change, small);
            if let Some(seen) = self.find_sighting(&change) {
                prefer(&mut self.pending[index].evidence, &seen);
            }
            return;
        }
        if small {
            self.crumbs = Some(change);
            return;
        }
        // A hand that pressed and let go, or a thing put in and taken back before anyone answered: nothing happened. What comes
        // in where something went out is held against what is seen of it first.
        let undoes = |open: &SettledChange| undoes(&self.settings, open, &change);
        let place = self.pending.iter().rposition(|pending| undoes(&pending.evidence.change));
        let asked = self.question.take_if(|open| place.is_none() && undoes(&open.pending.evidence.change));
        let undone = place.and_then(|place| self.pending.remove(place)).or(asked.map(|open| open.pending));
        if let Some(undone) = undone {
            if change.change.0 > 0.0 && !unseen {
                let evidence = self.evidence_of(change);
                self.pending.push_back(Pending { back: Some(Box::new(undone)), ..Pending::of(evidence) });
            } else {
                self.came_to_nothing(undone);
            }
            return;
        }
        if let Some(index) = self.unseen.iter().rposition(undoes) {
            self.unseen.remove(index);
            return;
        }
        if self.correct_question(change) {
            return;
        }
        // Where it saw nothing, somebody leans on the cart or lifts it: only if that lasts is it asked about, by the
        // reconciliation, unless a slow camera tells of it late.
        if unseen {
            self.unseen.push(change);
            return;
        }
        self.file(change, outputs);
    }

    /// A change with the small ones before it in the same movement: what is taken out slowly looks like drift in each part.
    fn with_crumbs(&mut self, change: SettledChange) -> SettledChange {
        let crumbs = self.crumbs.take().filter(|crumbs| {
            let in_view = self.view_moving_since.is_some_and(|since| since <= crumbs.settled);
            in_view && change.began.millis_since(crumbs.settled) <= self.settings.hand_ms
        });
        crumbs.map_or(change, |crumbs| sum(&crumbs, &change))
    }

    /// Makes a change an event of its own.
    fn file(&mut self, change: SettledChange, outputs: &mut Vec<CartOutput>) {
        if self.between_trips() {
            self.begin_trip(outputs);
            self.base = Some(change.load - change.change);
        }
        self.pending.push_back(Pending::of(self.evidence_of(change)));
    }

    /// Nothing came of it: what it would have taken back is open again.
    fn came_to_nothing(&mut self, pending: Pending) {
        self.pending.extend(pending.back.map(|before| *before));
    }

    fn evidence_of(&self, change: SettledChange) -> ChangeEvidence {
        let (sighting, codes) = (self.find_sighting(&change), self.find_codes(&change));
        ChangeEvidence { sighting, codes, ..ChangeEvidence::of(change) }
    }

    fn is_nothing(&self, change: &SettledChange) -> bool {
        change.change.abs().0 <= self.settings.dead_band.0.max(change.margin.0)
    }

    /// Takes a question back whose change goes on: soon after, the hand that lay on the goods when the load first settled
    /// lets go, or gives over the last of their weight.
    fn correct_question(&mut self, change: SettledChange) -> bool {
        let settings = &self.settings;
        let corrects = |open: &mut OpenQuestion| {
            let asked = &open.pending.evidence.change;
            let share = change.change.0 / asked.change.0;
            let soon = change.began.millis_since(asked.settled) <= settings.hand_ms + settings.ask_hold_ms;
            !open.browsing && soon && share > -1.0 && share < CARRIED
        };
        let Some(OpenQuestion { mut pending, .. }) = self.question.take_if(corrects) else { return false };
        pending.add(change, false);
        self.pending.push_back(pending);
        self.changed = true;
        true
    }

    /// One of several things, or of a lot that cannot be weighed, has been taken out again, as the shopper was bidden, or
    /// another one after it: the question goes on about the rest.
    fn take_apart(&mut self, change: SettledChange) -> bool {
        let least = self.settings.dead_band.0;
        let leaves_some = |pending: &Pending| {
            let open = &pending.evidence.change;
            change.change.0 < 0.0 && ((open.change + change.change).0 > least || went_out(open).is_some())
        };
        let refused = self.told_unweighed().is_some();
        // A lot is taken out piece by piece: the question about the rest may stand already when the next one leaves.
        let takes_one = |open: &mut OpenQuestion| {
            let bidden = open.question.kind.is_bidding() || open.pending.left_over || refused;
            bidden && leaves_some(&open.pending)
        };
        let waits = |pending: &Pending| pending.left_over && leaves_some(pending);
        let taken = match self.pending.iter().position(waits) {
            Some(index) => self.pending.remove(index),
            None => self.question.take_if(takes_one).map(|open| open.pending),
        };
        let Some(mut pending) = taken else { return false };
        let exchanged = went_out(&pending.evidence.change);
        pending.evidence.change = sum(&pending.evidence.change, &change);
        // Once all that came in is out again, what is left is what went out.
        let fell = (-pending.evidence.change.change.0).max(0.0);
        pending.evidence.change.dip = Grams(exchanged.map_or(0.0, |gone| (gone.0 - fell).max(0.0)));
        pending.parts.clear();
        pending.left_over = true;
        // A look that may have shown another change as well does not say which of the two is left.
        if let Some(seen) = pending.evidence.sighting.as_mut().filter(|_| pending.evidence.mixed) {
            seen.clear = false;
        }
        if let Some(seen) = self.find_sighting(&change).filter(|_| exchanged.is_none()) {
            pending.tell_apart(&seen);
        }
        self.pending.push_back(pending);
        self.changed = true;
        true
    }

    pub(super) fn scale_recovered(&mut self, load: Grams, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let was_faulty = self.scale_fault.take().is_some();
        self.disturbed_since = None;
        self.changed = true;
        let before = self.load.replace(load);
        if self.base.is_none() && !self.between_trips() {
            self.base = Some(load - self.basket.mass());
        }
        // What went in or out while the scale was blind has to be asked about; it may not be lost.
        if let (true, Some(before)) = (was_faulty, before) {
            let margin = Grams(8.0);
            let change =
                SettledChange { change: load - before, margin, load, began: now, settled: now, dip: Grams(0.0) };
            if !self.is_nothing(&change) {
                self.file(change, outputs);
            }
        }
    }

    pub(super) fn sighted(&mut self, sighting: Sighting, now: Stamp, outputs: &mut Vec<CartOutput>) {
        self.view_moving_since = None;
        // A sighting of nothing says that something passed through the view, and is no evidence of what it was.
        if !(sighting.appeared.is_empty() && sighting.vanished.is_empty()) {
            for pending in &mut self.pending {
                match covers(&sighting, &pending.evidence.change) {
                    true if pending.left_over => pending.tell_apart(&sighting),
                    true => prefer(&mut pending.evidence, &sighting),
                    false => {}
                }
            }
            // What the camera saw late may answer the question before the shopper does; it never changes a line.
            if let Some(open) = &mut self.question
                && !open.browsing
                && covers(&sighting, &open.pending.evidence.change)
            {
                prefer(&mut open.pending.evidence, &sighting);
                let evidence = open.pending.evidence.clone();
                let judgement = self.judge(&evidence);
                if let Verdict::Book(scored) = judgement.verdict.clone() {
                    self.question = None;
                    self.book(&evidence, &judgement, &scored, now, outputs);
                }
            }
        }
        self.keep_sighting(sighting, outputs);
    }

    /// Something moved in view and nothing can be said of it, as when the camera has only just begun to see: that it moved
    /// is known all the same.
    pub(super) fn view_stilled(&mut self, now: Stamp, outputs: &mut Vec<CartOutput>) {
        if let Some(began) = self.view_moving_since.take() {
            self.keep_sighting(Sighting::of_nothing(began, now), outputs);
        }
    }

    /// Keeps what was seen for the changes to come, and files those that it shows late.
    fn keep_sighting(&mut self, sighting: Sighting, outputs: &mut Vec<CartOutput>) {
        let shown = |change: &SettledChange| covers(&sighting, change) && sighting.began <= change.settled;
        let late: Vec<SettledChange> = self.unseen.extract_if(.., |change| shown(change)).collect();
        self.sightings.push_back(sighting);
        while self.sightings.len() > 8 {
            self.sightings.pop_front();
        }
        for change in late {
            self.file(change, outputs);
        }
    }

    pub(super) fn code_seen(&mut self, code: CodeSighting) {
        let moving_since = self.view_moving_since;
        for pending in &mut self.pending {
            let evidence = &mut pending.evidence;
            let change = evidence.change;
            // What came into view only when this had settled is the next thing's.
            let is_next = moving_since.is_some_and(|since| since > change.settled.plus_millis(300));
            let fresh = code.at.plus_millis(1500) >= change.began && !is_next;
            if fresh && !evidence.codes.contains(&code.gtin) {
                evidence.codes.push(code.gtin);
            }
        }
        self.codes.push_back(code);
        while self.codes.len() > 16 {
            self.codes.pop_front();
        }
    }

    fn find_sighting(&self, change: &SettledChange) -> Option<Sighting> {
        let shows = |sighting: &&Sighting| !(sighting.appeared.is_empty() && sighting.vanished.is_empty());
        self.sightings.iter().rev().filter(shows).find(|sighting| covers(sighting, change)).cloned()
    }

    /// Whether anything moved in view while the load changed.
    fn moved_during(&self, change: &SettledChange) -> bool {
        self.view_moving_since.is_some_and(|since| since <= change.settled)
            || self.sightings.iter().any(|sighting| covers(sighting, change))
    }

    /// Codes are shown while the item is carried in, at most a moment before it lands.
    fn find_codes(&self, change: &SettledChange) -> Vec<Gtin> {
        let fresh = |code: &&CodeSighting| {
            code.at.plus_millis(1500) >= change.began && code.at <= change.settled.plus_millis(500)
        };
        self.codes.iter().filter(fresh).map(|code| code.gtin).collect()
    }

    pub(super) fn judge(&self, evidence: &ChangeEvidence) -> Judgement {
        let mut settings = self.settings.fusion;
        if self.shows_several(evidence) {
            settings.sight_scale *= SHOWS_SEVERAL;
        }
        let judgement = judge(&settings, &self.catalog, &self.basket, evidence);
        self.with_price_weights(judgement, evidence)
    }

    /// Something moves in view: where what was seen last may have been held, that is what moves now.
    pub(super) fn view_moved(&mut self, now: Stamp) {
        self.view_moving_since.get_or_insert(now);
        let held = |pending: &Pending| self.held_until(&pending.evidence).is_some_and(|until| now < until);
        let held: Vec<bool> = self.pending.iter().map(held).collect();
        for (pending, held) in self.pending.iter_mut().zip(held) {
            pending.evidence.held |= held;
        }
    }

    /// When one piece, that covers so much of the view that it may be the next one in a hand over the basket, has lain
    /// still for long enough to be taken for what came in.
    fn held_until(&self, evidence: &ChangeEvidence) -> Option<Stamp> {
        let seen = evidence.sighting.as_ref().filter(|seen| seen.area > ONE_COVERS)?;
        let judgement = self.judge(evidence);
        let Verdict::Book(Scored { hypothesis: Hypothesis::Added { sku, .. }, .. }) = &judgement.verdict else {
            return None;
        };
        let product = self.catalog.product(sku).filter(|_| !judgement.by_code)?;
        let is_one = product.weight.is_about(1, evidence.change.change - product.tare);
        is_one.then(|| seen.ended.plus_millis(HELD_MS))
    }

    /// Whether what was seen shows something else as well that came in or went out in the same movement.
    fn shows_several(&self, evidence: &ChangeEvidence) -> bool {
        let Some(sighting) = &evidence.sighting else { return false };
        if evidence.mixed || evidence.held {
            return true;
        }
        let own = &evidence.change;
        let is_alike = |change: Grams| change.0.is_sign_positive() == own.change.0.is_sign_positive();
        let asked = self.question.iter().map(|open| &open.pending);
        let waiting = self.pending.iter().chain(asked).map(|pending| &pending.evidence.change);
        let waiting = waiting.map(|other| (other.began, other.change));
        let booked = self.basket.entries().iter().rev().take(3).map(|entry| &entry.evidence);
        let booked = booked.map(|other| (other.began, other.change));
        waiting.chain(booked).any(|(began, change)| {
            let seen = sighting.began <= began.plus_millis(300) && began <= sighting.ended.plus_millis(150);
            seen && began != own.began && is_alike(change)
        })
    }

    /// When all that can be known of a change is known; when it may be booked; when it may be asked about.
    pub(super) fn decision_times(&self, pending: &Pending) -> [Stamp; 3] {
        let settings = &self.settings;
        let change = &pending.evidence.change;
        let let_go = |sighting: &Sighting| sighting.ended >= change.began.plus_millis(LET_GO_MS);
        let stilled = || self.sightings.iter().filter(|seen| covers(seen, change)).map(|seen| seen.ended).max();
        let decided = if !self.eyes.see() {
            change.settled
        } else if self.view_moving_since.is_some() {
            change.settled.plus_millis(settings.moving_wait_ms)
        } else if self.sightings.iter().any(let_go) {
            change.settled
        } else {
            stilled().unwrap_or(change.settled).plus_millis(WATCHED_MS).max(change.settled)
        };
        // The load moves again: perhaps the same hand.
        let goes_on = self.disturbed_since.map_or(Stamp(0), |since| since.plus_millis(GOES_ON_MS));
        let held = self.held_until(&pending.evidence).unwrap_or(Stamp(0));
        let known = decided.max(goes_on).max(held);
        let seen = pending.evidence.sighting.as_ref().map_or(change.settled, |sighting| sighting.ended);
        let still = known.max(seen);
        [known, still.max(change.settled.plus_millis(settings.hold_ms)), still.plus_millis(settings.ask_hold_ms)]
    }

    /// Books what is sure and asks about the first change that is not. With the scale at fault nothing is decided.
    pub(super) fn decide(&mut self, now: Stamp, outputs: &mut Vec<CartOutput>) {
        if self.scale_fault.is_some() || self.paying() {
            return;
        }
        let mut index = 0;
        while index < self.pending.len() {
            let [known, book_at, ask_at] = self.decision_times(&self.pending[index]);
            if known > now {
                index += 1;
                continue;
            }
            if self.is_nothing(&self.pending[index].evidence.change) {
                let Some(nothing) = self.pending.remove(index) else { break };
                self.came_to_nothing(nothing);
                continue;
            }
            let judgement = self.judge(&self.pending[index].evidence);
            if let Some(before) = self.pending[index].back.take() {
                match self.is_back(&self.pending[index], &before, &judgement) {
                    true => {
                        self.pending.remove(index);
                        self.came_to_nothing(*before);
                    }
                    false => self.pending.insert(index, *before),
                }
                continue;
            }
            if let Some(line) = self.put_right(&self.pending[index], &judgement) {
                let Some(Pending { evidence, .. }) = self.pending.remove(index) else { break };
                self.book_rest(&line, &evidence, now, outputs);
                continue;
            }
            if self.are_several(&self.pending[index], &judgement) {
                let Some(Pending { evidence, parts, .. }) = self.pending.remove(index) else { break };
                for part in parts.iter().rev() {
                    let mut evidence = self.evidence_of_part(&evidence, *part);
                    evidence.codes.retain(|code| self.is_code_of(*code, part, &parts));
                    self.pending.insert(index, Pending::of(evidence));
                }
                continue;
            }
            match self.exchange(&self.pending[index], &judgement) {
                Some(Exchange::Gone(gone)) => {
                    let Some(Pending { evidence, .. }) = self.pending.remove(index) else { break };
                    for part in apart(&evidence.change, gone).into_iter().rev() {
                        let evidence = self.evidence_of_part(&evidence, part);
                        self.pending.insert(index, Pending { parts: vec![part], ..Pending::of(evidence) });
                    }
                    continue;
                }
                Some(Exchange::Unweighed) => {
                    if self.question.is_some() || ask_at > now {
                        index += 1;
                    } else if let Some(pending) = self.pending.remove(index) {
                        self.ask(pending, judgement.clone(), &options(&judgement.scored), outputs);
                        if let Some(open) = &mut self.question {
                            open.question.kind = QuestionKind::TakeOutAgain;
                            open.close_list();
                        }
                    }
                    continue;
                }
                None => {}
            }
            match judgement.verdict.clone() {
                Verdict::Book(scored) if book_at <= now || proven(&scored) => {
                    let Some(Pending { evidence, .. }) = self.pending.remove(index) else { break };
                    self.book(&evidence, &judgement, &scored, now, outputs);
                }
                Verdict::Ask(options) if self.question.is_none() && ask_at <= now => {
                    let Some(pending) = self.pending.remove(index) else { break };
                    self.ask(pending, judgement, &options, outputs);
                }
                Verdict::Book(_) | Verdict::Ask(_) => index += 1,
            }
        }
    }

    /// Whether what came in is what had gone out `before` and weighs as much, rather than another product.
    fn is_back(&self, pending: &Pending, before: &Pending, judgement: &Judgement) -> bool {
        let settings = &self.settings.fusion;
        let gone = self.judge(&before.evidence).scored;
        let may_be_it = |sku: &Sku| {
            let fits =
                |scored: &&Scored| matches!(&scored.hypothesis, Hypothesis::Removed { line, .. } if line.sku == *sku);
            gone.iter().find(fits).is_some_and(|scored| scored.sigmas <= settings.veto_sigmas)
        };
        // What is no product that we know is taken for what went out: only a product that is clearly another one is exchanged.
        let (mut same, mut other) = (0.0, 0.0);
        for scored in &judgement.scored {
            match &scored.hypothesis {
                Hypothesis::Added { sku, .. } if !may_be_it(sku) => other += scored.probability,
                _ => same += scored.probability,
            }
        }
        let any = (1.0 - PUT_BACK) / self.catalog.products.len().max(1) as f64;
        let exchanged = any * other >= settings.book_above / (1.0 - settings.book_above) * PUT_BACK * same;
        undoes(&self.settings, &before.evidence.change, &pending.evidence.change) && !exchanged
    }

    /// Whether parts that settled in one movement are better explained by a thing each than by one thing.
    fn are_several(&self, pending: &Pending, whole: &Judgement) -> bool {
        if pending.parts.len() < 2 {
            return false;
        }
        // A hand presses before it lets go; what goes out first and then comes in is something else, or was put back.
        let out_then_in = pending.parts.windows(2).any(|pair| pair[0].change.0 < 0.0 && pair[1].change.0 > 0.0);
        if out_then_in {
            return true;
        }
        let part_of_one = |pair: &[SettledChange]| {
            let gap = pair[1].began.millis_since(pair[0].began) as f64;
            (IN_PARTS / PARTS_WITHIN).ln() - ((gap - PRESSED_MS) / PRESSED_SPREAD_MS).max(0.0)
        };
        let one = whole.likelihood + pending.parts.windows(2).map(part_of_one).sum::<f64>();
        let each = |part: &SettledChange| self.judge(&self.evidence_of_part(&pending.evidence, *part)).likelihood;
        let several = pending.parts.iter().map(each).sum::<f64>() + (pending.parts.len() - 1) as f64 * SEVERAL.ln();
        several > one
    }

    /// Whether a code that was read while several things came in is the one's that weighs most like its product.
    fn is_code_of(&self, code: Gtin, part: &SettledChange, parts: &[SettledChange]) -> bool {
        let Some(product) = self.catalog.by_gtin(code) else { return true };
        let off = |part: &SettledChange| (part.change.0 - product.weight.mean.0 - product.tare.0).abs();
        parts.iter().all(|other| off(part) <= off(other))
    }

    /// One thing out and another in that settled as one change.
    fn exchange(&self, pending: &Pending, whole: &Judgement) -> Option<Exchange> {
        let evidence = &pending.evidence;
        let felt = went_out(&evidence.change).is_some();
        if pending.left_over {
            return felt.then_some(Exchange::Unweighed);
        }
        // Who leans on the cart or lifts it moves the load, too, and is not seen to do anything.
        let seen = evidence.sighting.is_some();
        let one = match felt {
            true => !seen,
            false => matches!(whole.verdict, Verdict::Book(_)),
        };
        if !pending.parts.is_empty() || one {
            return None;
        }
        exchanged(&self.settings.fusion, &self.catalog, &self.basket, evidence, whole)
    }

    /// A part with what was seen around it, or else with what was seen of the whole.
    fn evidence_of_part(&self, whole: &ChangeEvidence, part: SettledChange) -> ChangeEvidence {
        let sighting = self.find_sighting(&part).or_else(|| whole.sighting.clone());
        ChangeEvidence { change: part, sighting, codes: whole.codes.clone(), ..*whole }
    }

    fn ask(&mut self, pending: Pending, judgement: Judgement, options: &[Scored], outputs: &mut Vec<CartOutput>) {
        self.questions += 1;
        let change = pending.evidence.change.change;
        let kind = if change.0 > 0.0 { QuestionKind::PutIn } else { QuestionKind::TakenOut };
        let offered = offered(&judgement.scored, options);
        let question = Question {
            id: self.questions,
            open: kind == QuestionKind::PutIn && offered < self.settings.fusion.offer_above,
            kind,
            change,
            options: options.iter().filter_map(|scored| self.option(&scored.hypothesis)).collect(),
            offered,
            likely: likely(&judgement.scored, LISTED),
            offers_containers: false,
            container: None,
        };
        self.question = Some(OpenQuestion { question, pending, judgement, browsing: false, unweighed: None });
        if self.phase == Phase::Checkout {
            self.phase = Phase::Shopping;
        }
        self.changed = true;
        outputs.push(CartOutput::Play(Sound::Question));
    }

    /// Asks how many pieces of a named product came in: the first three of these.
    pub(super) fn ask_how_many(&mut self, sku: &Sku, counts: impl Iterator<Item = u32>) {
        let mut options: Vec<QuestionOption> = Vec::new();
        for count in counts {
            let hypothesis = Hypothesis::Added { sku: sku.clone(), quantity: Quantity::Pieces(count) };
            options.extend(self.option(&hypothesis).filter(|option| !options.contains(option)));
        }
        options.truncate(3);
        self.questions += 1;
        if let Some(open) = &mut self.question {
            open.question.id = self.questions;
            open.question.kind = QuestionKind::HowMany(sku.clone());
            open.question.options = options;
            open.close_list();
            self.changed = true;
        }
    }

    fn option(&self, hypothesis: &Hypothesis) -> Option<QuestionOption> {
        let (sku, quantity, line) = match hypothesis {
            Hypothesis::Added { sku, quantity } => (sku, *quantity, None),
            Hypothesis::Removed { line, quantity } => (&line.sku, *quantity, Some(line.id)),
            Hypothesis::OwnThing | Hypothesis::Unknown => return None,
        };
        let priced = price_line(self.catalog.product(sku)?, quantity).ok()?;
        let (unit_price, price) = (priced.unit_price, Ok(priced.price));
        Some(QuestionOption { sku: sku.clone(), quantity, unit_price, price, weighed: None, line })
    }

    fn book(
        &mut self,
        evidence: &ChangeEvidence,
        judgement: &Judgement,
        scored: &Scored,
        now: Stamp,
        outputs: &mut Vec<CartOutput>,
    ) {
        let settled_by = if judgement.by_code { SettledBy::CodeAndWeight } else { SettledBy::SightAndWeight };
        // The judgement holds only what can be priced; what could not be would be asked about by the reconciliation.
        if let Ok(decided) = self.weighed(&scored.hypothesis, &evidence.change, Grams(0.0)) {
            self.book_as(evidence, judgement, &decided, settled_by, now, outputs);
        }
    }

    /// The load at rest less what the trip began with, its lines, and what is still open.
    pub(super) fn unexplained(&self) -> Option<Grams> {
        let known = self.load? - self.base?;
        let open = self.pending.iter().map(|pending| pending.load().0).sum::<f64>()
            + self.question.as_ref().map_or(0.0, |open| open.question.change.0);
        Some(known - self.basket.mass() - Grams(open))
    }

    /// What errors of so many changes can add up to.
    fn explicable(&self) -> f64 {
        self.settings.unexplained.0 + 6.0 * (self.basket.entries().len() as f64).sqrt()
    }

    /// When a difference that lasts is asked about.
    pub(super) fn reconcile_at(&self) -> Option<Stamp> {
        self.unexplained_since.map(|since| since.plus_millis(self.settings.patience_ms))
    }

    /// Holds the load at rest against the lines. Nothing is booked by it alone: it asks, and the third time calls staff.
    pub(super) fn reconcile(&mut self, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let at_rest = self.disturbed_since.is_none() && self.scale_fault.is_none() && self.view_moving_since.is_none();
        let off = self.unexplained().is_some_and(|rest| rest.abs().0 > self.explicable());
        if self.between_trips() || self.paying() || !off {
            self.unexplained_since = None;
        } else if at_rest && self.question.is_none() && self.pending.is_empty() {
            self.unexplained_since.get_or_insert(now);
            if self.reconcile_at().is_some_and(|at| at <= now) {
                self.ask_for_rest(outputs);
            }
        }
    }

    /// Asks about a load that no line explains, where there is one, and says whether it did.
    pub(super) fn ask_for_rest(&mut self, outputs: &mut Vec<CartOutput>) -> bool {
        let Some((rest, load)) = self.unexplained().zip(self.load) else { return false };
        if rest.abs().0 <= self.explicable() || self.disturbed_since.is_some() || self.scale_fault.is_some() {
            return false;
        }
        self.unexplained_since = None;
        self.unseen.clear();
        self.reconciled += 1;
        if self.reconciled >= 3 {
            // Somebody who can look into the basket settles it; until then it is not asked about again.
            self.base = self.base.map(|base| base + rest);
            (self.staff.called, self.staff.at_a_loss) = (true, Some(rest));
            self.changed = true;
            return true;
        }
        let margin = Grams(self.explicable() / 2.0);
        let (began, settled) = (self.handled_at, self.handled_at);
        let change = SettledChange { change: rest, margin, load, began, settled, dip: Grams(0.0) };
        let evidence = ChangeEvidence::of(change);
        let judgement = self.judge(&evidence);
        let options = options(&judgement.scored);
        self.ask(Pending::of(evidence), judgement, &options, outputs);
        true
    }
}

/// Whether the weight itself proves that no hand lies on the goods: pieces have a known mass, loose goods have none.
fn proven(scored: &Scored) -> bool {
    let by_piece = match &scored.hypothesis {
        Hypothesis::Added { quantity, .. } => matches!(quantity, Quantity::Pieces(_)),
        Hypothesis::Removed { .. } => true,
        Hypothesis::OwnThing | Hypothesis::Unknown => false,
    };
    by_piece && scored.sigmas <= 2.5
}

/// Whether two changes come to nothing.
fn undoes(settings: &CartSettings, first: &SettledChange, then: &SettledChange) -> bool {
    let rest = (first.change + then.change).abs();
    rest.0 <= settings.dead_band.0.max(first.margin.0 + then.margin.0)
}

/// A change in which so much went out first, as two.
fn apart(change: &SettledChange, gone: Grams) -> [SettledChange; 2] {
    let dip = Grams(0.0);
    let out = SettledChange { change: Grams(-gone.0), load: change.load - change.change - gone, dip, ..*change };
    [out, SettledChange { change: change.change + gone, dip, ..*change }]
}

/// Two changes that follow each other, as one.
fn sum(first: &SettledChange, then: &SettledChange) -> SettledChange {
    let before = |change: &SettledChange| change.load - change.change;
    let lowest = |change: &SettledChange| change.load.0.min(before(change).0) - change.dip.0;
    let ends = before(first).0.min(then.load.0);
    SettledChange {
        change: first.change + then.change,
        margin: Grams(first.margin.0.hypot(then.margin.0)),
        load: then.load,
        began: first.began,
        settled: then.settled,
        dip: Grams((ends - lowest(first).min(lowest(then))).max(0.0)),
    }
}

/// Adds what was seen later. Of two sightings of the same thing the one that shows more of it is kept: a hand may have lain
/// over it when the view was first still. Where they show different things, the next one may have come into view already:
/// both count. Where both show as much, more has happened by the later one.
fn prefer(evidence: &mut ChangeEvidence, sighting: &Sighting) {
    let came_in = evidence.change.change.0 > 0.0;
    let shown = |sighting: &Sighting| match came_in {
        true => sighting.appeared.first().cloned(),
        false => sighting.vanished.first().cloned(),
    };
    let Some(held) = &mut evidence.sighting else {
        evidence.sighting = Some(sighting.clone());
        return;
    };
    let (Some(later), Some(earlier)) = (shown(sighting), shown(held)) else {
        if shown(held).is_none() {
            held.clone_from(sighting);
        }
        return;
    };
    if sighting.clear != held.clear {
        if sighting.clear {
            held.clone_from(sighting);
        }
        return;
    }
    // A hand that reached for something and held still has taken nothing yet: what it covered then is not what went out.
    let began = evidence.change.began;
    if !came_in && held.ended <= began && sighting.ended > began {
        held.clone_from(sighting);
        return;
    }
    let differ = later.sku != earlier.sku && later.similarity.min(earlier.similarity) > CLEAR;
    let other = if later.similarity >= earlier.similarity {
        std::mem::replace(held, sighting.clone())
    } else {
        sighting.clone()
    };
    if differ && came_in {
        evidence.mixed = true;
        for candidate in other.appeared {
            match held.appeared.iter_mut().find(|known| known.sku == candidate.sku) {
                Some(known) => known.similarity = known.similarity.max(candidate.similarity),
                None => held.appeared.push(candidate),
            }
        }
        held.appeared.sort_by(|a, b| b.similarity.total_cmp(&a.similarity));
    }
}

/// Whether a sighting and a change of the load are of one event: the view moves from before the item lands until the
/// hand has left, so the two overlap, give or take the sensors' delays.
fn covers(sighting: &Sighting, change: &SettledChange) -> bool {
    sighting.ended.plus_millis(150) >= change.began && sighting.began <= change.settled.plus_millis(300)
}
