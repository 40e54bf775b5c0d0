//! What a simulation counts, and the bars that it holds its counts against.

use serde::Serialize;

/// Counts over trips.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Trips made.
    pub trips: u32,
    /// Of those, by shoppers who tried to get away with something.
    pub dishonest_trips: u32,
    /// Pieces and weighed lots put in by honest shoppers.
    pub items: u32,
    /// Of those, booked without a question.
    pub booked_without_question: u32,
    /// Of those, with the right product and the right count or weight.
    pub booked_right: u32,
    /// Questions about what was put in that show pictures.
    pub asked: u32,
    /// Of those, with the right product among the pictures.
    pub asked_holding_truth: u32,
    /// Questions about what was put in that show the list of all at once.
    pub listed: u32,
    /// Of those, with the right product among the likely ones at its head.
    pub listed_holding_truth: u32,
    /// Things taken out.
    pub removals: u32,
    /// Of those, booked on the right product, with a question or without.
    pub removals_right: u32,
    /// Lines that are wrong at checkout.
    pub wrong: u32,
    /// Pieces and lots in the cart at checkout without a line.
    pub missed: u32,
    /// Changes of the basket when nothing was put in or taken out.
    pub phantom_changes: u32,
    /// Questions when nothing was put in or taken out.
    pub phantom_questions: u32,
    /// Bumps, leans, rolls and slopes.
    pub disturbances: u32,
    /// Changes of the basket that those caused.
    pub disturbance_changes: u32,
    /// Honest trips whose basket at checkout is what lies in the cart.
    pub receipts_exact: u32,
    /// Trips in which a member of staff was called because something did not add up.
    pub staff_calls: u32,
    /// Of those, by honest shoppers.
    pub honest_accused: u32,
    /// Value in minor units that dishonest shoppers tried to take without paying.
    pub dishonest_tried: i64,
    /// Of that, what they got without a question or a call of staff.
    pub dishonest_taken: i64,
    /// Of that, what they kept with or without lying when asked, where staff did not look into the basket.
    pub dishonest_kept: i64,
    /// Simulated time.
    pub simulated_seconds: f64,
    /// Simulated time from touch to line, the measured compute added.
    pub drop_to_line_ms: Vec<f64>,
}

/// What `simulate` prints.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the fields are those of Tally")]
pub struct Report {
    pub trips: u32,
    pub dishonest_trips: u32,
    pub items: u32,
    pub booked_without_question: u32,
    pub booked_right: u32,
    pub asked: u32,
    pub asked_holding_truth: u32,
    pub listed: u32,
    pub listed_holding_truth: u32,
    pub wrong: u32,
    pub missed: u32,
    pub phantom_changes: u32,
    pub phantom_questions: u32,
    pub receipts_exact: u32,
    pub removals: u32,
    pub removals_right: u32,
    pub staff_calls: u32,
    pub honest_accused: u32,
    pub dishonest_value_share: Option<f64>,
    pub dishonest_kept_share: Option<f64>,
    pub disturbances: u32,
    pub disturbance_changes: u32,
    /// The true share of disturbances that change the basket is below this with 95 % confidence.
    pub disturbance_changes_below: Option<f64>,
    pub drop_to_line_ms_p50: Option<f64>,
    pub drop_to_line_ms_p95: Option<f64>,
    pub simulated_seconds: f64,
}

impl Tally {
    /// Adds the counts of other trips.
    pub fn add(&mut self, other: Tally) {
        self.trips += other.trips;
        self.dishonest_trips += other.dishonest_trips;
        self.items += other.items;
        self.booked_without_question += other.booked_without_question;
        self.booked_right += other.booked_right;
        self.asked += other.asked;
        self.asked_holding_truth += other.asked_holding_truth;
        self.listed += other.listed;
        self.listed_holding_truth += other.listed_holding_truth;
        self.removals += other.removals;
        self.removals_right += other.removals_right;
        self.wrong += other.wrong;
        self.missed += other.missed;
        self.phantom_changes += other.phantom_changes;
        self.phantom_questions += other.phantom_questions;
        self.disturbances += other.disturbances;
        self.disturbance_changes += other.disturbance_changes;
        self.receipts_exact += other.receipts_exact;
        self.staff_calls += other.staff_calls;
        self.honest_accused += other.honest_accused;
        self.dishonest_tried += other.dishonest_tried;
        self.dishonest_taken += other.dishonest_taken;
        self.dishonest_kept += other.dishonest_kept;
        self.simulated_seconds += other.simulated_seconds;
        self.drop_to_line_ms.extend(other.drop_to_line_ms);
    }

    /// The counts with their percentiles.
    pub fn report(&self) -> Report {
        let mut times = self.drop_to_line_ms.clone();
        times.sort_by(f64::total_cmp);
        let percentile = |share: f64| {
            let last = times.len().checked_sub(1)?;
            times.get((share * last as f64).round() as usize).map(|millis| millis.round())
        };
        let of_tried = |value: i64| {
            let share = value as f64 / self.dishonest_tried as f64;
            (self.dishonest_tried > 0).then_some((share * 1000.0).round() / 1000.0)
        };
        Report {
            trips: self.trips,
            dishonest_trips: self.dishonest_trips,
            items: self.items,
            booked_without_question: self.booked_without_question,
            booked_right: self.booked_right,
            asked: self.asked,
            asked_holding_truth: self.asked_holding_truth,
            listed: self.listed,
            listed_holding_truth: self.listed_holding_truth,
            wrong: self.wrong,
            missed: self.missed,
            phantom_changes: self.phantom_changes,
            phantom_questions: self.phantom_questions,
            receipts_exact: self.receipts_exact,
            removals: self.removals,
            removals_right: self.removals_right,
            staff_calls: self.staff_calls,
            honest_accused: self.honest_accused,
            dishonest_value_share: of_tried(self.dishonest_taken),
            dishonest_kept_share: of_tried(self.dishonest_kept),
            disturbances: self.disturbances,
            disturbance_changes: self.disturbance_changes,
            disturbance_changes_below: upper_bound(self.disturbance_changes, self.disturbances),
            drop_to_line_ms_p50: percentile(0.50),
            drop_to_line_ms_p95: percentile(0.95),
            simulated_seconds: self.simulated_seconds.round(),
        }
    }

    /// The bars that these counts miss, one sentence each.
    pub fn missed_bars(&self) -> Vec<String> {
        let honest = self.trips - self.dishonest_trips;
        let report = self.report();
        let mut missed = Vec::new();
        let mut at_least = |what: &str, part: u32, whole: u32, bar: f64| {
            let share = f64::from(part) / f64::from(whole);
            if whole > 0 && share < bar {
                missed.push(format!("{what}: {part} of {whole} is {share:.3}, less than {bar}"));
            }
        };
        at_least("booked without a question", self.booked_without_question, self.items, 0.60);
        at_least("of those, right", self.booked_right, self.booked_without_question, 0.99);
        at_least("questions that hold the right product", self.asked_holding_truth, self.asked, 0.97);
        at_least("removals right", self.removals_right, self.removals, 0.98);
        at_least("receipts exactly right", self.receipts_exact, honest, 0.93);
        at_least("honest trips without staff", honest - self.honest_accused, honest, 0.995);
        let mut at_most = |what: &str, value: Option<f64>, bar: f64| {
            if let Some(value) = value.filter(|value| *value > bar) {
                missed.push(format!("{what}: {value}, more than {bar}"));
            }
        };
        at_most("basket changes by disturbances", Some(f64::from(self.disturbance_changes)), 0.0);
        at_most("ms from drop to line, p50", report.drop_to_line_ms_p50, 600.0);
        at_most("ms from drop to line, p95", report.drop_to_line_ms_p95, 1000.0);
        at_most("share of value taken by dishonest shoppers", report.dishonest_value_share, 0.10);
        missed
    }
}

/// The exact (Clopper-Pearson) one-sided 95 % bound of a share, `events` of `trials` having happened.
fn upper_bound(events: u32, trials: u32) -> Option<f64> {
    if trials == 0 {
        return None;
    }
    // P(at most `events` of `trials`) falls with the share; the bound is where it is 5 %.
    let at_most = |share: f64| {
        let mut term = f64::from(trials) * (1.0 - share).ln();
        let mut sum = term.exp();
        for k in 0..events {
            term += (f64::from(trials - k) / f64::from(k + 1)).ln() + share.ln() - (1.0 - share).ln();
            sum += term.exp();
        }
        sum
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if at_most(middle) > 0.05 { low = middle } else { high = middle }
    }
    Some((high * 1e6_f64).round() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_ten_thousand_proves_three_in_ten_thousand() {
        assert_eq!(upper_bound(0, 10_000), Some(0.0003));
        assert_eq!(upper_bound(3, 10_000), Some(0.000775));
        assert_eq!(upper_bound(0, 0), None);
    }

    #[test]
    fn a_bar_that_is_missed_is_named_and_one_that_is_met_is_not() {
        let tally = Tally { trips: 100, items: 1000, booked_without_question: 700, ..Tally::default() };
        let tally = Tally { booked_right: 692, receipts_exact: 93, ..tally };
        let missed = tally.missed_bars();
        assert_eq!(missed, ["of those, right: 692 of 700 is 0.989, less than 0.99"]);
    }
}
