//! The configuration as the engine and the SIP stack want it.

use std::path::PathBuf;

use bytes::Bytes;
use rollcall_engine::{EngineConfig, IdentityLimits, RollBack, StepLimits};
use rollcall_sip::{Overload, StackConfig};

use crate::configuration::{self, Configuration, IdentityRules, Limits, Transport};

pub(super) fn engine(
    configuration: &Configuration,
    identity_rules: Option<Bytes>,
    compiled: Option<PathBuf>,
) -> EngineConfig {
    let (plugin, storage) = (&configuration.plugin, &configuration.storage);
    let default = EngineConfig::default();
    EngineConfig {
        plugin_configuration: plugin.given.settings.clone(),
        limits: step_limits(plugin.limits),
        identity_rules,
        identity_limits: identity_limits(plugin.given.identity_rules.as_ref()),
        instances: plugin.instances.unwrap_or(default.instances),
        workers: plugin.workers.unwrap_or(default.workers),
        flush_interval: storage.flush_interval.unwrap_or(default.flush_interval),
        group_window: storage.commit_interval.unwrap_or(default.group_window),
        live_bytes: storage.live_memory.unwrap_or(default.live_bytes),
        roll_back: roll_back(plugin.roll_back),
        compiled,
        ..default
    }
}

pub(super) fn identity_limits(rules: Option<&IdentityRules>) -> IdentityLimits {
    let default = IdentityLimits::default();
    IdentityLimits { time: rules.and_then(|rules| rules.time_limit).unwrap_or(default.time), ..default }
}

fn roll_back(given: configuration::RollBack) -> Option<RollBack> {
    let default = RollBack::default();
    given.automatic.unwrap_or(true).then(|| RollBack {
        trial: given.trial.unwrap_or(default.trial),
        failures: given.failures.unwrap_or(default.failures),
        window: given.window.unwrap_or(default.window),
    })
}

fn step_limits(limits: Limits) -> StepLimits {
    let default = StepLimits::default();
    StepLimits {
        deadline: limits.deadline.unwrap_or(default.deadline),
        memory: limits.memory.unwrap_or(default.memory),
        host_calls: limits.host_calls.unwrap_or(default.host_calls),
        effects: limits.effects.unwrap_or(default.effects),
        effect_bytes: limits.effect_bytes.unwrap_or(default.effect_bytes),
        ..default
    }
}

pub(super) fn stack(configuration: &Configuration) -> StackConfig {
    let sip = &configuration.sip;
    let default = StackConfig::default();
    let listen = sip.listen.iter().map(|listen| match listen.transport {
        Transport::Udp => (rollcall_sip::Transport::Udp, listen.address),
        Transport::Tcp => (rollcall_sip::Transport::Tcp, listen.address),
    });
    StackConfig {
        listen: listen.collect(),
        trusted: sip.trusted.clone(),
        advertise: sip.advertise.clone(),
        udp_threads: sip.workers.unwrap_or(default.udp_threads),
        overload: match sip.overload {
            Some(pending) => Overload { pending, ..default.overload },
            None => default.overload,
        },
        ..default
    }
}
