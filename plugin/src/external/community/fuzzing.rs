//! Entry for fuzzers.

use super::Community;
use super::kept::Kept;
use crate::configuration::Configuration;
use crate::external::kind::{Intake, Kind, Shows};
use crate::media::PIDF;
use crate::pidf::StoredDocument;
use crate::pidf_diff::PIDF_DIFF;

/// Takes documents, separated by zero bytes, one after the other as a subscription would. The first byte of each
/// chooses its type.
///
/// # Panics
/// If what is kept cannot be read again, if a whole document that is taken twice shows something else the second
/// time, or if changes that do not fit show anything.
pub fn documents(data: &[u8]) {
    let Ok(configuration) = Configuration::parse(r#"{"presence":{"domains":["example.com"]}}"#) else {
        return;
    };
    let (mut kept, mut shown) = (None::<Vec<u8>>, None::<StoredDocument>);
    for document in data.split(|byte| *byte == 0) {
        let Some((choice, body)) = document.split_first() else { continue };
        let media = if choice % 2 == 0 { PIDF } else { PIDF_DIFF };
        let take = |kept: Option<&[u8]>, shown: Option<&StoredDocument>| {
            let (configuration, now) = (&configuration, 1_700_000_000_000);
            let (presentity, resource) = ("sip:alice@example.com", "sip:al@example.org");
            Community.take(&Intake { configuration, now, presentity, resource, kept, shown, media, body })
        };
        let Ok(taken) = take(kept.as_deref(), shown.as_ref()) else { continue };
        assert_eq!(Kept::read(&taken.kept).bytes(), taken.kept);
        assert_eq!(taken.refresh, taken.shows == Shows::Same);
        if media == PIDF {
            assert_eq!(take(Some(&taken.kept), shown.as_ref()).as_ref(), Ok(&taken));
        }
        match taken.shows {
            Shows::Same => {}
            Shows::Document(document) => {
                assert_eq!(StoredDocument::from_bytes(&document.to_bytes()).as_ref(), Some(&*document));
                shown = Some(*document);
            }
            Shows::Nothing => shown = None,
        }
        kept = Some(taken.kept);
    }
}
