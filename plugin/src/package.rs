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
    /// The packages served, templates included.
    pub const NAMES: &'static [&'static str] = &["presence", "presence.winfo", "presence.winfo.winfo"];

    /// The package that a request names.
    ///
    /// # Errors
    /// 489 for any other; 403 for watchers of watchers of watchers and deeper (RFC 3857 4.6).
    pub fn of(event: &Event<'_>) -> Result<Self, Refusal> {
        match event.package {
            "presence" => Ok(Self::Presence),
            "presence.winfo" => Ok(Self::Winfo),
            "presence.winfo.winfo" => Ok(Self::WinfoOfWinfo),
            _ if event.base() == "presence" && event.templates().all(|template| template == "winfo") => {
                Err(Refusal::Forbidden("Too Many Templates"))
            }
            _ => Err(Refusal::BadEvent),
        }
    }

    /// The package whose subscriptions a winfo package tells of: its name less the last
    /// template (RFC 3857 4.7).
    #[must_use]
    pub fn inner(self) -> Option<Self> {
        match self {
            Self::Presence => None,
            Self::Winfo => Some(Self::Presence),
            Self::WinfoOfWinfo => Some(Self::Winfo),
        }
    }

    /// The winfo package that tells of this package's subscriptions, if one is served.
    #[must_use]
    pub fn winfo(self) -> Option<Self> {
        match self {
            Self::Presence => Some(Self::Winfo),
            Self::Winfo => Some(Self::WinfoOfWinfo),
            Self::WinfoOfWinfo => None,
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
