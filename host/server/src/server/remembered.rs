//! What is remembered of components over a restart: which are not taken from the folder again, because the server
//! went back from them, by itself or by command, or because they were refused; and which one has stood its trial.
//!
//! Kept in the store. Invariant: never more than [`MOST`] components are withheld, and not the one that runs:
//! whoever puts one in force by name means it.

use std::sync::Arc;

use parking_lot::Mutex;
use rollcall_engine::{ComponentError, Digest, Engine, GenerationChange, GenerationInfo, GenerationState};
use rollcall_storage::Engine as Storage;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::admin::{Withheld, WithheldFor};
use crate::configuration::Given;

/// Name of the store's note on components that are withheld.
const WITHHELD: &str = "withheld-components";
/// Name of the store's note on the last component that ran without being on trial.
const STOOD: &str = "component-that-stood";
/// Components that are remembered; the one that was noted first leaves first.
const MOST: usize = 64;
/// Longest reason, in bytes.
const REASON: usize = 2000;

/// A component that is withheld.
#[derive(Clone, Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    told: Withheld,
    /// Of one that was refused: what it was to fit to. Under something else it is worth another try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    under: Option<String>,
}

/// What is remembered.
pub(super) struct Remembered {
    storage: Arc<dyn Storage>,
    /// Digest of this program and of what it gives a component.
    under: String,
    notes: Mutex<Vec<Note>>,
    /// Digest of the component that has stood its trial.
    stood: Mutex<Option<Vec<u8>>>,
}

impl Remembered {
    /// What the store tells of.
    pub fn open(storage: Arc<dyn Storage>, given: &Given) -> Self {
        // The component built in tells one build of the program from another.
        let program = Digest::of(rollcall_component::COMPONENT);
        let under = Digest::of(format!("{program} {given:?}").as_bytes()).to_string();
        let notes = match storage.get_meta(WITHHELD) {
            Ok(None) => Vec::new(),
            Ok(Some(bytes)) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                warn!(%error, "the store's note on withheld components cannot be read");
                Vec::new()
            }),
            Err(error) => {
                warn!(%error, "the store does not tell which components are withheld");
                Vec::new()
            }
        };
        let holds = |note: &Note| note.under.as_ref().is_none_or(|known| *known == under);
        let notes = notes.into_iter().filter(holds).collect();
        let stood = storage.get_meta(STOOD).unwrap_or_else(|error| {
            warn!(%error, "the store does not tell which component has stood its trial");
            None
        });
        let stood = Mutex::new(stood.map(|digest| digest.to_vec()));
        Self { storage, under, notes: Mutex::new(notes), stood }
    }

    /// Whether a component has run here to the end of its trial, and none after it.
    pub fn has_stood(&self, digest: Digest) -> bool {
        self.stood.lock().as_deref() == Some(digest.to_string().as_bytes())
    }

    /// Notes that the component that runs has stood its trial, if it has.
    pub fn note_standing(&self, engine: &Engine) {
        let Some(running) = engine.generations().into_iter().next() else { return };
        if self.has_stood(running.digest)
            || !matches!(running.state, GenerationState::Running { trial: None, .. })
        {
            return;
        }
        let digest = running.digest.to_string().into_bytes();
        if let Err(error) = self.storage.put_meta(STOOD, &digest) {
            warn!(%error, "a restart will not know that the component has stood its trial");
        }
        *self.stood.lock() = Some(digest);
    }

    /// All that are withheld, the last one noted first.
    pub fn withheld(&self) -> Vec<Withheld> {
        self.notes.lock().iter().rev().map(|note| note.told.clone()).collect()
    }

    /// What is known of a component, if it is withheld.
    pub fn find(&self, digest: Digest) -> Option<Withheld> {
        let digest = digest.to_string();
        let notes = self.notes.lock();
        notes.iter().find(|note| note.told.digest == digest).map(|note| note.told.clone())
    }

    /// Another generation is in force.
    pub fn changed(&self, engine: &Engine, now: u64, change: &GenerationChange) {
        let running = engine.digest();
        let note = match change {
            GenerationChange::Swapped => None,
            GenerationChange::RolledBack { from } => {
                Some(gone(from, WithheldFor::RolledBack, now, "rolled back by command".to_owned()))
            }
            GenerationChange::Withdrawn { from } => {
                let (at, why) = match &from.state {
                    GenerationState::Withdrawn { at, why } => (*at, why.clone()),
                    _ => (now, "its steps failed".to_owned()),
                };
                Some(gone(from, WithheldFor::Withdrawn, at, why))
            }
        };
        let running = running.to_string();
        // Other identity rules make another generation, but no other component.
        let note = note.filter(|note| note.digest != running).map(|told| Note { told, under: None });
        self.update(|notes| {
            let before = notes.len();
            notes.retain(|known| known.told.digest != running);
            let forgotten = notes.len() < before;
            note.map(|note| add(notes, note)).is_some() || forgotten
        });
    }

    /// A file of the folder does not fit. `lines` is what an operator is told.
    pub fn refused(&self, digest: Digest, file: &str, now: u64, lines: &[String]) {
        let mut why = lines.join("; ");
        why.truncate(why.floor_char_boundary(REASON));
        let digest = digest.to_string();
        let told = Withheld { digest, what: file.to_owned(), withheld: WithheldFor::Refused, at: now, why };
        let under = Some(self.under.clone());
        self.update(|notes| {
            add(notes, Note { told, under });
            true
        });
    }

    /// Whether a component that is refused for this is refused again under the same configuration: files of
    /// tables and of identity rules, and the store, may be in order the next time.
    pub fn is_lasting(error: &ComponentError) -> bool {
        match error {
            ComponentError::Tables(_) | ComponentError::IdentityRules(_) | ComponentError::Store(_) => false,
            ComponentError::Several(all) => all.iter().any(Self::is_lasting),
            _ => true,
        }
    }

    /// Writes the notes if they have changed.
    fn update(&self, change: impl FnOnce(&mut Vec<Note>) -> bool) {
        let mut notes = self.notes.lock();
        if !change(&mut notes) {
            return;
        }
        let written = serde_json::to_vec(&*notes)
            .map_err(|error| error.to_string())
            .and_then(|bytes| self.storage.put_meta(WITHHELD, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = written {
            warn!(error, "which components are withheld cannot be written down: a restart forgets it");
        }
    }
}

fn gone(from: &GenerationInfo, withheld: WithheldFor, at: u64, why: String) -> Withheld {
    let what = format!("{} {}", from.name, from.version);
    Withheld { digest: from.digest.to_string(), what, withheld, at, why }
}

fn add(notes: &mut Vec<Note>, note: Note) {
    notes.retain(|known| known.told.digest != note.told.digest);
    notes.push(note);
    let surplus = notes.len().saturating_sub(MOST);
    notes.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_storage::Memory;

    fn given(settings: &str) -> Given {
        Given { settings: settings.to_owned(), ..Given::default() }
    }

    #[test]
    fn what_is_refused_is_remembered_under_the_same_configuration_and_only_so_many() {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let list = Remembered::open(Arc::clone(&storage), &given("{}"));
        for number in 0..=MOST as u64 {
            list.refused(Digest::of(&number.to_le_bytes()), "a.wasm", number, &["bad".into()]);
        }
        let again = Remembered::open(Arc::clone(&storage), &given("{}"));
        let all = again.withheld();
        assert_eq!((all.len(), all[0].at, all[0].what.as_str()), (MOST, MOST as u64, "a.wasm"));
        assert!(again.find(Digest::of(&0_u64.to_le_bytes())).is_none(), "the oldest has left");
        assert_eq!(again.find(Digest::of(&1_u64.to_le_bytes())).unwrap().why, "bad");
        let other = Remembered::open(storage, &given("{\"presence\":{}}"));
        assert!(other.withheld().is_empty(), "it may fit to another configuration");
    }

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let tables = || ComponentError::Tables(Vec::new());
        assert!(!Remembered::is_lasting(&tables()));
        let both = ComponentError::Several(vec![tables(), ComponentError::NoTables(vec!["t".into()])]);
        assert!(Remembered::is_lasting(&both));
        let list = Remembered::open(Arc::new(Memory::new()), &given("{}"));
        list.refused(Digest::of(b"x"), "a.wasm", 1, &["x".repeat(3 * REASON)]);
        assert_eq!(list.find(Digest::of(b"x")).unwrap().why.len(), REASON);
    }

    #[test]
    fn a_damaged_note_is_none() {
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        storage.put_meta(WITHHELD, b"{").unwrap();
        assert!(Remembered::open(storage, &given("{}")).withheld().is_empty());
    }
}
