//! Numbers for the components that have run.

use rollcall_engine::Engine;

use crate::admin::Generation;

/// The running generation and the one before it, which the engine keeps for a rollback.
pub(super) struct Generations {
    running: Generation,
    previous: Option<Generation>,
    count: u64,
}

impl Generations {
    pub fn new(engine: &Engine) -> Self {
        Self { running: described(engine, 1), previous: None, count: 1 }
    }

    /// Those that are kept, the running one first.
    pub fn kept(&self) -> Vec<Generation> {
        std::iter::once(&self.running).chain(&self.previous).cloned().collect()
    }

    /// The running one.
    pub fn running(&self) -> &Generation {
        &self.running
    }

    /// Notes that the engine has swapped.
    pub fn swapped(&mut self, engine: &Engine) -> Generation {
        self.count += 1;
        let running = described(engine, self.count);
        self.previous = Some(self.replace(running));
        self.running.clone()
    }

    /// Notes that the engine has gone back to the previous generation.
    pub fn rolled_back(&mut self) -> Generation {
        if let Some(previous) = self.previous.take() {
            self.previous = Some(self.replace(Generation { running: true, ..previous }));
        }
        self.running.clone()
    }

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
        running: true,
    }
}
