//! Event packages served: presence (RFC 3856) and watcher information on it (RFC 3857).

use serde::{Deserialize, Serialize};

use crate::errors::Refusal;
use crate::keys::Audience;
use crate::sip::event::Event;

/// An event package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Package {
    /// `presence`: the document of a presentity.
    Presence,
    /// `presence.winfo`: who watches the presentity.
    Winfo,
    /// `presence.winfo.winfo`: who watches its watchers.
    WinfoOfWinfo,
}

impl Package {
    /// The packages served, as an Allow-Events header names them (RFC 6665 8.2.2).
    pub const NAMES: &'static [&'static str] = &["presence"];

    /// The package that a request names.
    ///
    /// # Errors
    /// 489 for any other.
    pub fn of(event: &Event<'_>) -> Result<Self, Refusal> {
        match event.package {
            "presence" => Ok(Self::Presence),
            _ => Err(Refusal::BadEvent),
        }
    }

    /// Its name in an Event header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Winfo => "presence.winfo",
            Self::WinfoOfWinfo => "presence.winfo.winfo",
        }
    }

    /// Whose subscriptions these are.
    #[must_use]
    pub fn audience(self) -> Audience {
        match self {
            Self::Presence => Audience::Watchers,
            Self::Winfo | Self::WinfoOfWinfo => Audience::Winfo,
        }
    }
}
