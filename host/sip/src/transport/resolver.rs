//! Names to addresses: SRV, then A and AAAA (RFC 3263 4), never on a thread that serves SIP.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use parking_lot::Mutex;

use super::PORT;
use super::hop::{Hop, NextHop};
use crate::config::Transport;

/// How long an answer is used without asking the resolver's own cache again, in milliseconds.
const FRESH: u64 = 10_000;
/// How long a failure is remembered, in milliseconds.
const FAILED: u64 = 2_000;
/// Most names remembered.
const MAX: usize = 10_000;
/// Most addresses tried for one name.
const MAX_HOPS: usize = 16;

/// What is known about a name.
#[derive(Debug, Clone)]
pub(crate) enum Resolved {
    Hops(Vec<Hop>),
    Failed(String),
}

#[derive(Debug)]
struct Known {
    until: u64,
    resolved: Resolved,
}

#[derive(Debug, Default)]
pub(crate) struct Resolver {
    /// None if the system has no resolver configuration: only address literals work then.
    dns: Option<TokioResolver>,
    known: Mutex<HashMap<NextHop, Known>>,
}

impl Resolver {
    /// With the system's configuration. Must be called within a tokio runtime.
    pub(crate) fn from_system() -> Resolver {
        let dns = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        let dns = dns.inspect_err(|error| tracing::warn!(%error, "no DNS resolver: names cannot be reached"));
        Resolver { dns: dns.ok(), known: Mutex::default() }
    }

    /// What is known without asking.
    pub(crate) fn known(&self, hop: &NextHop, now: u64) -> Option<Resolved> {
        let known = self.known.lock();
        known.get(hop).filter(|known| known.until > now).map(|known| known.resolved.clone())
    }

    /// Remembers an answer.
    pub(crate) fn learn(&self, hop: NextHop, resolved: Resolved, now: u64) {
        let mut known = self.known.lock();
        if known.len() >= MAX {
            known.retain(|_, known| known.until > now);
        }
        if known.len() < MAX {
            let fresh = if matches!(resolved, Resolved::Hops(_)) { FRESH } else { FAILED };
            known.insert(hop, Known { until: now + fresh, resolved });
        }
    }

    /// Asks. Takes at most a few seconds.
    pub(crate) async fn ask(&self, hop: &NextHop) -> Resolved {
        let NextHop::Name { host, port, transport } = hop else {
            return Resolved::Failed("not a name".into());
        };
        let Some(dns) = &self.dns else { return Resolved::Failed("no DNS resolver configured".into()) };
        let asked = tokio::time::timeout(Duration::from_secs(10), lookup(dns, host, *port, *transport)).await;
        match asked {
            Ok(Ok(hops)) if hops.is_empty() => Resolved::Failed(format!("{host} has no address")),
            Ok(Ok(hops)) => Resolved::Hops(hops),
            Ok(Err(error)) => Resolved::Failed(format!("{host}: {error}")),
            Err(_) => Resolved::Failed(format!("{host}: no answer from DNS")),
        }
    }
}

async fn lookup(
    dns: &TokioResolver,
    host: &str,
    port: Option<u16>,
    transport: Option<Transport>,
) -> Result<Vec<Hop>, String> {
    // With a port there is no SRV lookup (RFC 3263 4.2).
    if let Some(port) = port {
        return addresses(dns, host, port, transport).await;
    }
    let candidates = match transport {
        Some(transport) => vec![transport],
        None => vec![Transport::Udp, Transport::Tcp],
    };
    let mut hops = Vec::new();
    for candidate in candidates {
        let Ok(answer) = dns.srv_lookup(format!("_sip._{candidate}.{host}")).await else { continue };
        let mut records: Vec<_> = answer
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(srv) => Some((srv.priority, srv.weight, srv.port, srv.target.to_utf8())),
                _ => None,
            })
            .collect();
        // Lowest priority value first; among equals the heavier first, which is simpler than RFC 2782's lot.
        records.sort_by_key(|(priority, weight, ..)| (*priority, u16::MAX - *weight));
        for (_, _, port, target) in records {
            if hops.len() < MAX_HOPS {
                hops.extend(addresses(dns, &target, port, Some(candidate)).await.unwrap_or_default());
            }
        }
    }
    if hops.is_empty() {
        return addresses(dns, host, PORT, transport).await;
    }
    hops.truncate(MAX_HOPS);
    Ok(hops)
}

async fn addresses(
    dns: &TokioResolver,
    host: &str,
    port: u16,
    transport: Option<Transport>,
) -> Result<Vec<Hop>, String> {
    let answer = dns.lookup_ip(host).await.map_err(|error| error.to_string())?;
    Ok(answer.iter().take(MAX_HOPS).map(|ip| Hop { transport, address: SocketAddr::new(ip, port) }).collect())
}
