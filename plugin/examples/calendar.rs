//! A third kind of source: a calendar that says by SIP events when somebody is busy. `docs/sources.md` goes
//! through it. The event package and its documents are made up for the purpose:
//!
//! ```text
//! NOTIFY …
//! Event: x-calendar
//! Content-Type: application/x-busy+json
//!
//! {"busy": {"as": "meeting", "until": "2026-01-02T10:00:00Z"}}
//! ```
//!
//! Without `busy` nothing is in the calendar now. The program reads such a document from its argument and prints what
//! it adds to somebody's presence.

use std::io::Write;

use rollcall_plugin::configuration::Configuration;
use rollcall_plugin::external::kind::{Intake, Kind, Refused, Shows, Taken};
use rollcall_plugin::pidf;
use serde::Deserialize;

const MEDIA: &str = "application/x-busy+json";

/// Activities of RFC 4480 section 3.2 that calendars know.
const ACTIVITIES: &[&str] =
    &["appointment", "holiday", "meal", "meeting", "performance", "travel", "vacation"];

/// The kind.
#[derive(Clone, Copy, Debug)]
pub struct Calendar;

/// What is in the calendar now.
#[derive(Deserialize)]
struct Document {
    busy: Option<Entry>,
}

/// An entry, and when it ends.
#[derive(Deserialize)]
struct Entry {
    r#as: String,
    until: String,
}

impl Kind for Calendar {
    fn name(&self) -> &'static str {
        "calendar"
    }

    fn event(&self) -> &'static str {
        "x-calendar"
    }

    fn accept(&self) -> &'static str {
        MEDIA
    }

    fn expires(&self) -> u32 {
        86_400
    }

    fn take(&self, intake: &Intake<'_>) -> Result<Taken, Refused> {
        if !intake.media.eq_ignore_ascii_case(MEDIA) {
            return Err(Refused::Type);
        }
        let said: Document = serde_json::from_slice(intake.body).map_err(|_| Refused::Malformed("JSON"))?;
        let shows = match said.busy {
            None => Shows::Nothing,
            Some(entry) => {
                let person = person(&entry)?;
                // The reader of publications makes of it what composition works on, within the same limits.
                let document = pidf::read(person.as_bytes(), &intake.configuration.limits.document)
                    .map_err(|_| Refused::TooLarge)?;
                Shows::Document(Box::new(document.content))
            }
        };
        // Each document is the whole, so nothing has to be kept of it for the next one.
        Ok(Taken { kept: Vec::new(), shows, refresh: false, identities: Vec::new() })
    }
}

/// A person who does that until then. Composition leaves the activity out once that time has come (RFC 4480
/// section 3.1), whether the calendar says more or not.
fn person(entry: &Entry) -> Result<String, Refused> {
    // Nothing of the source gets into the document unread.
    let activity = ACTIVITIES.iter().find(|known| **known == entry.r#as).unwrap_or(&"busy");
    let is_date = |byte: u8| byte.is_ascii_digit() || b"TZ:.+-".contains(&byte);
    if entry.until.is_empty() || !entry.until.bytes().all(is_date) {
        return Err(Refused::Malformed("until"));
    }
    Ok(format!(
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:dm='urn:ietf:params:xml:ns:pidf:data-model' \
         xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid' entity='sip:somebody@calendar.invalid'>\
         <dm:person id='calendar'><rpid:activities until='{}'><rpid:{activity}/></rpid:activities></dm:person></presence>",
        entry.until
    ))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let body = std::env::args().nth(1).ok_or("give a document as argument")?;
    let configuration = Configuration::parse(r#"{"presence":{"domains":["example.com"]}}"#)
        .map_err(|problems| format!("{problems:?}"))?;
    let taken = Calendar.take(&Intake {
        configuration: &configuration,
        now: 1_767_340_800_000,
        presentity: "sip:alice@example.com",
        resource: "sip:alice@example.com",
        kept: None,
        shown: None,
        media: MEDIA,
        body: body.as_bytes(),
    })?;
    let mut out = std::io::stdout();
    match taken.shows {
        Shows::Document(document) => {
            for component in document.components() {
                writeln!(out, "{}", String::from_utf8_lossy(component.xml))?;
            }
        }
        Shows::Nothing | Shows::Same => writeln!(out, "nothing")?,
    }
    Ok(())
}
