//! Numbers for what has run: a component and the site's own identity rules with it.

use parking_lot::Mutex;
use rollcall_engine::Engine;

use crate::admin::Generation;

/// The running generation and the one before it, which the engine keeps for a rollback.
pub(super) struct Generations {
    /// Held while the engine changes, so that what is noted here is what it has done.
    changing: Mutex<()>,
    /// Held for moments only.
    kept: Mutex<Kept>,
}

struct Kept {
    running: Generation,
    previous: Option<Generation>,
    count: u64,
}

impl Generations {
    pub fn new(engine: &Engine) -> Self {
        let kept = Kept { running: described(engine, 1), previous: None, count: 1 };
        Self { changing: Mutex::new(()), kept: Mutex::new(kept) }
    }

    /// Those that are kept, the running one first.
    pub fn kept(&self) -> Vec<Generation> {
        let kept = self.kept.lock();
        std::iter::once(&kept.running).chain(&kept.previous).cloned().collect()
    }

    /// The running one.
    pub fn running(&self) -> Generation {
        self.kept.lock().running.clone()
    }

    /// Has the engine swap, and notes the new generation.
    ///
    /// # Errors
    /// Those of the swap.
    pub fn swap<E>(
        &self,
        engine: &Engine,
        swap: impl FnOnce(&Engine) -> Result<(), E>,
    ) -> Result<Generation, E> {
        let _changing = self.changing.lock();
        swap(engine)?;
        let mut kept = self.kept.lock();
        kept.count += 1;
        let running = described(engine, kept.count);
        kept.previous = Some(kept.replace(running));
        Ok(kept.running.clone())
    }

    /// Has the engine go back to the previous generation. None if there is none.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn roll_back<E>(&self, roll_back: impl FnOnce() -> Result<bool, E>) -> Result<Option<Generation>, E> {
        let _changing = self.changing.lock();
        if !roll_back()? {
            return Ok(None);
        }
        let mut kept = self.kept.lock();
        if let Some(previous) = kept.previous.take() {
            kept.previous = Some(kept.replace(Generation { running: true, ..previous }));
        }
        Ok(Some(kept.running.clone()))
    }
}

impl Kept {
    fn replace(&mut self, running: Generation) -> Generation {
        let replaced = std::mem::replace(&mut self.running, running);
        Generation { running: false, ..replaced }
    }
}

fn described(engine: &Engine, number: u64) -> Generation {
    let description = engine.description();
    Generation {
        number,
        name: description.name,
        version: description.version,
        digest: engine.digest().to_string(),
        identity_rules: engine.identity_rules().map(|digest| digest.to_string()),
        running: true,
    }
}
