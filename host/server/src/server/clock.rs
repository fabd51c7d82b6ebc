//! One time for the engine and the SIP stack.

use std::sync::Arc;

use rollcall_engine::{Clock, HostClock};

/// The engine's clock as the stack sees it: only differences count there.
#[derive(Clone)]
pub(super) struct StackClock(pub Arc<HostClock>);

impl rollcall_sip::Clock for StackClock {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn on_jump(&self, wake: rollcall_sip::Wake) {
        self.0.on_jump(wake);
    }
}
