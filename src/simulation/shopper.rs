//! Who shops in a simulation, and how. All shares are estimates.

use crate::emulator::space::Chance;

/// A kind of shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shopper {
    /// One thing at a time, and looks whether it was booked.
    Tidy,
    /// Does not wait: the next thing follows the last one, and the cart is pushed on at once.
    Hasty,
    /// Several hands, much leaning on the cart, and more of everything.
    Family,
    /// Takes things out again, puts them back, exchanges one for another.
    Undecided,
    /// Tries to get something without paying for it.
    Dishonest,
}

/// How a shopper shops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habits {
    /// Share of acts that follow the one before within 0.3 to 1.5 s, whatever the cart does.
    pub at_once: f32,
    /// Share of acts in which two pieces of a thing sold each go in at once.
    pub two_pieces: f32,
    /// Share of acts after which something is taken out again.
    pub taken_out: f32,
    /// Share of acts after which something is taken out and put back.
    pub put_back: f32,
    /// Share of acts after which one thing is exchanged for another.
    pub exchanged: f32,
    /// Share of acts after which something of their own is put in: a telephone, a bag, a coat.
    pub own_things: f32,
    /// Factor on the disturbances.
    pub restless: f32,
}

impl Shopper {
    /// All kinds, by their names on the command line.
    pub const NAMES: [(&'static str, Shopper); 5] = [
        ("tidy", Shopper::Tidy),
        ("hasty", Shopper::Hasty),
        ("family", Shopper::Family),
        ("undecided", Shopper::Undecided),
        ("dishonest", Shopper::Dishonest),
    ];

    /// How this one shops.
    pub fn habits(self) -> Habits {
        let tidy = Habits {
            at_once: 0.0,
            two_pieces: 0.06,
            taken_out: 0.12,
            put_back: 0.02,
            exchanged: 0.01,
            own_things: 0.01,
            restless: 1.0,
        };
        match self {
            Shopper::Tidy | Shopper::Dishonest => tidy,
            Shopper::Hasty => Habits { at_once: 0.3, restless: 1.5, ..tidy },
            Shopper::Family => Habits { at_once: 0.2, two_pieces: 0.2, own_things: 0.03, restless: 2.5, ..tidy },
            Shopper::Undecided => Habits { taken_out: 0.3, put_back: 0.12, exchanged: 0.06, ..tidy },
        }
    }
}

/// Which shoppers come, by share.
#[derive(Debug, Clone, PartialEq)]
pub struct Shoppers(Vec<(Shopper, f32)>);

impl Default for Shoppers {
    fn default() -> Shoppers {
        Shoppers(vec![
            (Shopper::Tidy, 0.45),
            (Shopper::Hasty, 0.15),
            (Shopper::Family, 0.15),
            (Shopper::Undecided, 0.15),
            (Shopper::Dishonest, 0.10),
        ])
    }
}

impl Shoppers {
    /// Only one kind.
    pub fn only(shopper: Shopper) -> Shoppers {
        Shoppers(vec![(shopper, 1.0)])
    }

    /// Who comes next.
    pub fn next(&self, chance: &mut Chance) -> Shopper {
        let mut share = chance.between(0.0, self.0.iter().map(|(_, share)| share).sum());
        for (shopper, part) in &self.0 {
            if share < *part {
                return *shopper;
            }
            share -= part;
        }
        self.0.last().map_or(Shopper::Tidy, |(shopper, _)| *shopper)
    }
}

/// What a dishonest shopper tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// A second, other thing behind the first, in the same moment.
    Hide,
    /// Something cheap out and something dear in, in one movement.
    Exchange,
    /// Something with the camera covered.
    Blind,
    /// Many pieces as if they were one.
    Many,
    /// Nothing but a lie, should the cart ask.
    Lie,
}

/// What a dishonest shopper answers when a trick is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// That it is their own.
    Own,
    /// That it is the cheapest of what the cart offers, where that is cheaper than what it is; else that it is their own.
    Cheaper,
}

impl Lie {
    /// One of them.
    pub fn any(chance: &mut Chance) -> Lie {
        if chance.happens(0.5) { Lie::Own } else { Lie::Cheaper }
    }
}

impl Trick {
    /// One of them.
    pub fn any(chance: &mut Chance) -> Trick {
        [Trick::Hide, Trick::Exchange, Trick::Blind, Trick::Many, Trick::Lie][chance.below(5)]
    }
}
