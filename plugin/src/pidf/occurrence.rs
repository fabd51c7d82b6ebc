//! How often an element may occur in a tuple, person or device, and how long it is current.

use super::canonical::Element;
use super::instant;
use crate::ports::Instant;

/// How often an element may occur in a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occurrence {
    /// Once (RFC 4480 section 5, RFC 4482, RFC 5196); the number stands for its name.
    Once(u8),
    /// As often as it is said.
    Any,
    /// No schema known here tells.
    Foreign,
}

/// The number of `rpid:activities` in [`Occurrence::Once`].
pub(crate) const ACTIVITIES: u8 = 0;

/// The names that may occur once; their place is their number.
const ONCE: [&[u8]; 19] = [
    b"rpid:activities",
    b"rpid:class",
    b"rpid:mood",
    b"rpid:place-is",
    b"rpid:place-type",
    b"rpid:privacy",
    b"rpid:relationship",
    b"rpid:service-class",
    b"rpid:sphere",
    b"rpid:status-icon",
    b"rpid:time-offset",
    b"rpid:user-input",
    b"cipid:card",
    b"cipid:homepage",
    b"cipid:icon",
    b"cipid:map",
    b"cipid:sound",
    b"caps:servcaps",
    b"caps:devcaps",
];

/// How often an extension element of a component, or of a tuple's `status`, may occur.
pub(crate) fn of(element: &Element<'_>) -> Occurrence {
    match element.name {
        b"ts:timed-status" | b"dm:deviceID" | b"cipid:display-name" | b"gp:geopriv" => {
            return Occurrence::Any;
        }
        _ => {}
    }
    let Some(number) = ONCE.iter().position(|name| *name == element.name) else {
        return Occurrence::Foreign;
    };
    // Those with a time range may follow each other (RFC 4480 section 3.1).
    if element.name.starts_with(b"rpid:") && is_timed(element) {
        return Occurrence::Any;
    }
    u8::try_from(number).map_or(Occurrence::Foreign, Occurrence::Once)
}

/// What the time makes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Currency {
    /// It is shown until then, or for good.
    Until(Option<Instant>),
    /// It is over.
    Over,
}

/// Whether an extension element of a component is current.
pub(crate) fn currency(element: &Element<'_>, now: Instant) -> Currency {
    let end = match element.name {
        // It tells of another time than the present (RFC 4481 section 3), so it ends when
        // its time begins.
        b"ts:timed-status" => at(element, "from"),
        name if name.starts_with(b"rpid:") => at(element, "until"),
        _ => None,
    };
    match end {
        Some(end) if end <= now => Currency::Over,
        end => Currency::Until(end),
    }
}

fn is_timed(element: &Element<'_>) -> bool {
    ["from", "until"].iter().any(|name| element.attribute(name).is_some())
}

fn at(element: &Element<'_>, name: &str) -> Option<Instant> {
    instant::parse(element.attribute(name)?)
}

/// Finds out whether elements that stand in one component may all be shown as they stand,
/// whatever the time.
#[derive(Default)]
pub(crate) struct Plainness {
    seen: u32,
    refuted: bool,
}

impl Plainness {
    /// Takes an extension element into account.
    pub(crate) fn add(&mut self, element: &Element<'_>) {
        self.refuted |= currency(element, 0) != Currency::Until(None);
        if let Occurrence::Once(number) = of(element) {
            let bit = 1 << number;
            self.refuted |= self.seen & bit != 0;
            self.seen |= bit;
        }
    }

    /// The outcome.
    pub(crate) fn holds(&self) -> bool {
        !self.refuted
    }
}
