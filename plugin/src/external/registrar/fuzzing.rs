//! Entry for fuzzers.

use super::Registrar;
use crate::configuration::Configuration;
use crate::external::kind::{Intake, Kind, Shows};
use crate::pidf::StoredDocument;

/// Takes documents, separated by zero bytes, one after the other as a subscription would.
///
/// # Panics
/// If a document that is taken twice does not come to nothing the second time, or if what is kept cannot be
/// read again.
pub fn documents(data: &[u8]) {
    let Ok(configuration) = Configuration::parse(r#"{"presence":{"domains":["example.com"]}}"#) else {
        return;
    };
    let (mut kept, mut shown) = (None::<Vec<u8>>, None::<StoredDocument>);
    for (number, body) in data.split(|byte| *byte == 0).enumerate() {
        let now = 1_700_000_000_000 + 1_000 * number as u64;
        let take = |kept: Option<&[u8]>, shown: Option<&StoredDocument>| {
            let (presentity, resource) = ("sip:alice@example.com", "sip:alice@example.com");
            let (configuration, media) = (&configuration, "application/reginfo+xml");
            Registrar.take(&Intake { configuration, now, presentity, resource, kept, shown, media, body })
        };
        let Ok(taken) = take(kept.as_deref(), shown.as_ref()) else { continue };
        match taken.shows {
            Shows::Same => {}
            Shows::Document(document) => {
                assert_eq!(StoredDocument::from_bytes(&document.to_bytes()).as_ref(), Some(&*document));
                shown = Some(*document);
            }
            Shows::Nothing => shown = None,
        }
        // The same document again is late, so nothing comes of it.
        let again = take(Some(&taken.kept), shown.as_ref());
        assert!(
            again.is_ok_and(|again| {
                again.shows == Shows::Same && again.kept == taken.kept && !again.refresh
            })
        );
        kept = Some(taken.kept);
    }
}
