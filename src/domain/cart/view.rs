//! What the cart shows: a snapshot for the screen, computed from the state and never stored.

use super::machine::{Cart, Eyes, Phase};
use super::{CartView, LineView, Notice, Page};
use crate::domain::basket::Line;
use crate::domain::checkout::Checkout;
use crate::domain::pricing::price_line;
use crate::domain::units::{Money, Stamp};
use crate::domain::weighing::Weighing;

/// A load that has moved for this long is told to the shopper.
const SETTLING_TOLD_AFTER_MS: u64 = 900;

impl Cart {
    /// What the screen shows now.
    pub fn view(&self, now: Stamp) -> CartView {
        let priced = self.basket.priced(&self.catalog);
        let lines = self.basket.lines();
        let (lines, total) = match priced {
            Ok(priced) => (lines.into_iter().filter_map(|line| self.line_view(line)).collect(), priced.total),
            // Lines are only ever opened with a price and the catalogue stays for the trip: `restore` checks the rest.
            Err(error) => unreachable!("a booked line has no price: {error}"),
        };
        CartView {
            page: self.page(),
            lines,
            total: if self.between_trips() { Money::zero(self.catalog.currency) } else { total },
            last_change: self.last_change.as_ref().map(|(last, _)| last.clone()),
            notices: self.notices(now),
            look: self.look(),
            load: self.load.filter(|_| self.scale_fault.is_none() && self.disturbed_since.is_none()),
            at: now,
        }
    }

    /// A line as the screen shows it.
    pub(super) fn line_view(&self, line: Line) -> Option<LineView> {
        let priced = price_line(self.catalog.product(&line.sku)?, line.quantity).ok()?;
        Some(LineView {
            id: line.id,
            takes_container: self.takes_container(&line),
            sku: line.sku,
            quantity: line.quantity,
            unit_price: priced.unit_price,
            price: priced.price,
            weighed: line.weighed,
        })
    }

    fn page(&self) -> Page {
        match &self.checkout {
            Checkout::Pending { .. } | Checkout::Unknown { .. } => return Page::Paying,
            Checkout::Confirmed { receipt } => return Page::Receipt(receipt.clone()),
            Checkout::Refused { reason } if self.phase == Phase::Checkout => return Page::Refused(reason.clone()),
            Checkout::Idle | Checkout::Refused { .. } => {}
        }
        match (&self.question, self.phase) {
            (Some(open), _) if open.browsing || open.question.open => Page::Browse(self.shown_question(open)),
            (Some(open), _) => Page::Ask(self.shown_question(open)),
            (None, Phase::Welcome) => Page::Welcome,
            (None, Phase::Shopping) => Page::Shopping,
            (None, Phase::Checkout) => Page::Checkout,
        }
    }

    fn notices(&self, now: Stamp) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Some(fault) = self.scale_fault {
            notices.push(Notice::ScaleFault(fault));
        }
        // A small screen has room for one: why nothing can be paid comes before what is on its way.
        if self.phase == Phase::Checkout && !self.paying() && self.needs_staff() {
            notices.push(Notice::StaffFirst);
        }
        if let Eyes::AtFault(fault) = self.eyes {
            notices.push(Notice::CameraFault(fault));
        }
        if matches!(self.checkout, Checkout::Unknown { .. }) {
            notices.push(Notice::StoreSilent);
        }
        if self.staff.called {
            notices.push(Notice::StaffCalled);
        }
        if self.disturbed_since.is_some_and(|since| now.millis_since(since) >= SETTLING_TOLD_AFTER_MS) {
            notices.push(Notice::Settling);
        }
        notices.extend(self.told_unweighed().map(Notice::Unweighed));
        match self.settings.weighing {
            Weighing::Certified(_) => {}
            Weighing::Demonstration => notices.push(Notice::DemoWeighing),
            Weighing::LabelsOnly => notices.push(Notice::LabelsOnly),
        }
        notices
    }
}
