//! The cart's weighing for price: which weight a line may be opened with, labels, and containers that are not sold.

use super::machine::{Cart, OpenQuestion};
use super::{CartOutput, LastChange, Question, QuestionOption, Sound};
use crate::domain::basket::{Evidence, LedgerEntry, Line, LineId, Movement, SettledBy};
use crate::domain::catalog::{Price, Product};
use crate::domain::fusion::{ChangeEvidence, CodeSighting, Hypothesis, Judgement, Scored, Verdict};
use crate::domain::offer::options;
use crate::domain::pricing::{Quantity, price_line};
use crate::domain::settle::SettledChange;
use crate::domain::units::{Grams, Stamp, WeighedGrams};
use crate::domain::weighing::{HowWeighed, PriceWeight, Unweighed, Weighed, WeighedBy};

/// A label is shown at most so long before its goods touch the basket; afterwards at any time.
const LABEL_BEFORE_MS: u64 = 1500;

/// What is to be booked: with the weight that it may be priced by, where it is sold by weight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decided {
    pub(super) hypothesis: Hypothesis,
    pub(super) weighed: Option<HowWeighed>,
}

impl Cart {
    /// Puts the weight that goods may be priced by into a hypothesis, in place of what the scale felt.
    ///
    /// # Errors
    /// [`Unweighed`] where there is no such weight: then nothing may be booked.
    pub(super) fn weighed(
        &self,
        hypothesis: &Hypothesis,
        change: &SettledChange,
        container: Grams,
    ) -> Result<Decided, Unweighed> {
        let felt = Weighed { change: change.change.abs(), margin: change.margin, load: change.load, tare: Grams(0.0) };
        let by_weight = |sku| self.catalog.product(sku).filter(|product| matches!(product.price, Price::PerKg(_)));
        match hypothesis {
            Hypothesis::Added { sku, .. } => {
                let Some(product) = by_weight(sku) else {
                    return Ok(Decided { hypothesis: hypothesis.clone(), weighed: None });
                };
                let weight = match self.label_weight(product, change, felt) {
                    Some(weight) => weight,
                    None => self.settings.weighing.weigh(Weighed { tare: product.tare + container, ..felt })?,
                };
                let hypothesis = Hypothesis::Added { sku: sku.clone(), quantity: Quantity::Weighed(weight.grams()) };
                Ok(Decided { hypothesis, weighed: Some(weight.how().clone()) })
            }
            Hypothesis::Removed { line, quantity: part @ Quantity::Weighed(_) } if *part != line.quantity => {
                if line.weighed.as_ref().is_some_and(|weighed| weighed.by == WeighedBy::Label) {
                    return Err(Unweighed::OnlyWhole);
                }
                let weight = self.settings.weighing.weigh(felt).map_err(|_| Unweighed::OnlyWhole)?;
                let quantity = Quantity::Weighed(weight.grams()).at_most(line.quantity);
                Ok(Decided { hypothesis: Hypothesis::Removed { line: line.clone(), quantity }, weighed: None })
            }
            _ => Ok(Decided { hypothesis: hypothesis.clone(), weighed: None }),
        }
    }

    /// The weight that the label on the goods names; none where no label fits what the scale felt, or two that differ do.
    fn label_weight(&self, product: &Product, change: &SettledChange, felt: Weighed) -> Option<PriceWeight> {
        let gtin = product.gtin.filter(|_| change.change.0 > 0.0)?;
        let shown = |code: &&CodeSighting| code.gtin == gtin && code.at.plus_millis(LABEL_BEFORE_MS) >= change.began;
        let mut fitting = self.codes.iter().filter(shown).filter_map(|code| PriceWeight::of_label(code.net?, felt));
        let first = fitting.next()?;
        fitting.all(|other| other == first).then_some(first)
    }

    /// A judgement whose weights are those that may be priced by; what would be booked without one is asked about.
    pub(super) fn with_price_weights(&self, judgement: Judgement, evidence: &ChangeEvidence) -> Judgement {
        let change = &evidence.change;
        let weigh = |scored: &Scored| -> Result<Scored, Unweighed> {
            let hypothesis = self.weighed(&scored.hypothesis, change, Grams(0.0))?.hypothesis;
            Ok(Scored { hypothesis, ..scored.clone() })
        };
        let all = |scored: &[Scored]| -> Vec<Scored> {
            scored.iter().map(|scored| weigh(scored).unwrap_or_else(|_| scored.clone())).collect()
        };
        let scored = all(&judgement.scored);
        let verdict = match &judgement.verdict {
            Verdict::Book(best) => weigh(best).map_or_else(|_| Verdict::Ask(options(&scored)), Verdict::Book),
            Verdict::Ask(asked) => Verdict::Ask(all(asked)),
        };
        Judgement { verdict, scored, ..judgement }
    }

    /// The mass of the container that the shopper named for the question's goods.
    pub(super) fn container_mass(&self, open: &OpenQuestion) -> Grams {
        let container = open.question.container.and_then(|index| self.catalog.containers.get(index));
        container.map_or(Grams(0.0), |container| container.mass)
    }

    /// The question as it stands now: with weights, tare and prices, and without a price while the load moves.
    pub(super) fn shown_question(&self, open: &OpenQuestion) -> Question {
        let mut question = open.question.clone();
        let container = self.container_mass(open);
        for option in &mut question.options {
            if !matches!(option.quantity, Quantity::Weighed(_)) {
                continue;
            }
            match self.weighed_option(option, &open.pending.evidence.change, container) {
                Ok(weighed) => *option = weighed,
                Err(reason) => option.price = Err(reason),
            }
            if self.load_moves() {
                option.price = Err(Unweighed::Moving);
            }
        }
        let by_scale = |option: &QuestionOption| {
            let label = option.weighed.as_ref().is_some_and(|how| how.by == WeighedBy::Label);
            let weighed = matches!(option.quantity, Quantity::Weighed(_)) && option.line.is_none();
            weighed && !label && option.price != Err(Unweighed::NotForTrade)
        };
        question.offers_containers = !self.catalog.containers.is_empty() && question.options.iter().any(by_scale);
        question
    }

    fn weighed_option(
        &self,
        option: &QuestionOption,
        change: &SettledChange,
        container: Grams,
    ) -> Result<QuestionOption, Unweighed> {
        let hypothesis = self.hypothesis_of(option).ok_or(Unweighed::OnlyTare)?;
        let decided = self.weighed(&hypothesis, change, container)?;
        let quantity = match decided.hypothesis {
            Hypothesis::Added { quantity, .. } | Hypothesis::Removed { quantity, .. } => quantity,
            Hypothesis::OwnThing | Hypothesis::Unknown => option.quantity,
        };
        let product = self.catalog.product(&option.sku).ok_or(Unweighed::OnlyTare)?;
        let priced = price_line(product, quantity).map_err(|_| Unweighed::NotStill)?;
        Ok(QuestionOption { quantity, price: Ok(priced.price), weighed: decided.weighed, ..option.clone() })
    }

    /// Why the goods that a question is about cannot be priced, where that has to be said.
    pub(super) fn told_unweighed(&self) -> Option<Unweighed> {
        let open = self.question.as_ref()?;
        let of_option = |option: &QuestionOption| option.price.err().filter(|reason| *reason != Unweighed::Moving);
        open.unweighed.or_else(|| self.shown_question(open).options.iter().find_map(of_option))
    }

    /// A label that names product and weight answers the open question, where the scale felt as much.
    pub(super) fn label_shown(&mut self, code: &CodeSighting, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let (Some(open), Some(_)) = (&self.question, code.net) else { return };
        let change = open.pending.evidence.change;
        let Some(product) = self.catalog.by_gtin(code.gtin) else { return };
        let quantity = Quantity::Weighed(WeighedGrams::estimated(change.change));
        let hypothesis = Hypothesis::Added { sku: product.sku.clone(), quantity };
        let Ok(decided) = self.weighed(&hypothesis, &change, Grams(0.0)) else { return };
        if decided.weighed.as_ref().is_some_and(|weighed| weighed.by == WeighedBy::Label)
            && let Some(open) = self.question.take()
        {
            let evidence = &open.pending.evidence;
            self.book_as(evidence, &open.judgement, &decided, SettledBy::CodeAndWeight, now, outputs);
        }
    }

    /// Forgets the code of goods that are booked, so that none counts twice.
    pub(super) fn forget_code(&mut self, booked: &Hypothesis) {
        let Hypothesis::Added { sku, .. } = booked else { return };
        let Some(gtin) = self.catalog.product(sku).and_then(|product| product.gtin) else { return };
        self.codes.retain(|code| code.gtin != gtin);
        let asked = self.question.iter_mut().map(|open| &mut open.pending);
        for pending in self.pending.iter_mut().chain(asked) {
            pending.evidence.codes.retain(|code| *code != gtin);
        }
    }

    /// Whether a container can still be named for a line that was just weighed.
    pub(super) fn takes_container(&self, line: &Line) -> bool {
        let own = self.catalog.product(&line.sku).map(|product| WeighedGrams::estimated(product.tare));
        let by_scale = line.weighed.as_ref().filter(|weighed| weighed.by != WeighedBy::Label);
        !self.catalog.containers.is_empty() && by_scale.is_some_and(|weighed| Some(weighed.tare) == own)
    }

    /// Takes the container off the line that was booked last, as an entry of its own.
    pub(super) fn take_off(&mut self, line: LineId, container: usize, now: Stamp, outputs: &mut Vec<CartOutput>) {
        let just_booked = matches!(&self.last_change, Some((LastChange::Added(shown), _)) if shown.id == line);
        let container = self.catalog.containers.get(container).map(|container| container.mass);
        let (Some(container), Some(held)) = (container, self.basket.line(line)) else { return };
        if !just_booked || !self.takes_container(&held) || self.paying() {
            return;
        }
        let opened = self.basket.entries().iter().find_map(|entry| match &entry.movement {
            Movement::Added { line: opened, weighed: Some(weighed), .. } if *opened == line => {
                let (change, margin) = (entry.evidence.change, entry.evidence.margin);
                let tare = Grams(f64::from(weighed.tare.0)) + container;
                Some(Weighed { change, margin, load: change, tare })
            }
            _ => None,
        });
        let weight = opened.map(|felt| self.settings.weighing.weigh(felt));
        let (Some(Ok(weight)), Quantity::Weighed(grams)) = (weight, held.quantity) else {
            outputs.push(CartOutput::Play(Sound::Trouble));
            return;
        };
        let less = WeighedGrams(grams.0.saturating_sub(weight.grams().0));
        let tare = WeighedGrams::estimated(container);
        let movement = Movement::Tared { line, tare, less };
        let evidence = Evidence {
            settled_by: SettledBy::Shopper,
            change: Grams(0.0),
            margin: Grams(0.0),
            candidates: Vec::new(),
            began: now,
        };
        let entry = LedgerEntry { at: now, movement, evidence };
        self.amend(line, entry, outputs);
        outputs.push(CartOutput::Play(Sound::Booked));
    }
}
