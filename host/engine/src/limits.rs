//! What a step may use, and what the engine keeps.
//!
//! Invariant: whatever a component does, a step ends within its deadline and stages no
//! more than these limits allow.

use crate::trial::RollBack;
use bytes::Bytes;
use std::time::Duration;

/// Limits of one step (`wit/plugin.wit`, "Bounded"). Passing one ends the step as a trap would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLimits {
    /// Wall-clock time of a call of the component. What it waits for in an import counts (its partition,
    /// where it enters one itself); waiting before the call does not.
    pub deadline: Duration,
    /// Linear memory of an instance, in bytes.
    pub memory: usize,
    /// Calls of imports.
    pub host_calls: u64,
    /// Writes, timers, sends and posts together.
    pub effects: usize,
    /// Bytes of all keys, values and payloads that a step stages, and of the requests that it sends.
    pub effect_bytes: usize,
    /// Length of a key or timer name, in bytes.
    pub key_bytes: usize,
    /// Length of a value, of a payload, or of all parts of a request together, in bytes.
    pub value_bytes: usize,
    /// Records that one `scan` returns; a larger limit asked for is cut to this.
    pub scan: u32,
    /// Log lines; further ones are dropped, which is no failure.
    pub log_lines: u32,
}

impl Default for StepLimits {
    fn default() -> StepLimits {
        StepLimits {
            deadline: Duration::from_millis(500),
            memory: 64 << 20,
            host_calls: 100_000,
            effects: 10_000,
            effect_bytes: 16 << 20,
            key_bytes: 1024,
            value_bytes: 1 << 20,
            scan: 10_000,
            log_lines: 100,
        }
    }
}

/// Limits of one call of a site's own identity rules. What passes one has failed; the plugin's step goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityLimits {
    /// Wall-clock time of a call, and the longest wait for an instance before it. The step's own deadline
    /// goes on meanwhile.
    pub time: Duration,
    /// Linear memory of an instance, in bytes.
    pub memory: usize,
    /// Length of a result, in bytes. Longer reasons for a failure are cut to this.
    pub result_bytes: usize,
    /// Instances that may run at once, at least 1.
    pub instances: usize,
}

impl Default for IdentityLimits {
    fn default() -> IdentityLimits {
        IdentityLimits { time: Duration::from_millis(50), memory: 16 << 20, result_bytes: 2048, instances: 8 }
    }
}

/// How an [`Engine`](crate::Engine) works.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The plugin's configuration, handed to `lifecycle.configure`: a JSON object.
    pub plugin_configuration: String,
    /// Limits of one step.
    pub limits: StepLimits,
    /// The site's own identity rules, if it has any: a component of the world `identity-rules`.
    pub identity_rules: Option<Bytes>,
    /// Limits of the identity rules, also of those that come later.
    pub identity_limits: IdentityLimits,
    /// Instances that may run at once, at least 1; one more step waits for a free one.
    pub instances: usize,
    /// Threads for timers, posts and recovery, at least 1.
    pub workers: usize,
    /// Longest time that a relaxed write stays in memory only.
    pub flush_interval: Duration,
    /// How long the group commit waits for company where commits follow each other closely: after a group
    /// of more than one, or of one that ended less than twice this long ago. Zero for never.
    pub group_window: Duration,
    /// Bytes of records kept in memory, estimated; least recently used partitions leave first.
    pub live_bytes: usize,
    /// Commits that may wait for the disk; beyond it requests are answered 503.
    pub pending_commits: usize,
    /// Times that a step is run again after a conflict.
    pub conflict_retries: u32,
    /// When to go back to the former component by itself; none for never.
    pub roll_back: Option<RollBack>,
    /// Folder for compiled components, by digest; none compiles at each start.
    pub compiled: Option<std::path::PathBuf>,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        EngineConfig {
            plugin_configuration: "{}".into(),
            limits: StepLimits::default(),
            identity_rules: None,
            identity_limits: IdentityLimits::default(),
            instances: 32,
            workers: 2,
            flush_interval: Duration::from_millis(500),
            group_window: Duration::from_millis(1),
            live_bytes: 512 << 20,
            pending_commits: 20_000,
            conflict_retries: 8,
            roll_back: Some(RollBack::default()),
            compiled: None,
        }
    }
}
