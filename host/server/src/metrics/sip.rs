//! What the SIP stack counts.

use std::fmt;

use rollcall_sip::{ByMethod, ByStatus, Stack};

use super::{Page, Source};

impl Source for Stack {
    fn tell(&self, page: &mut Page<'_>) -> fmt::Result {
        let sip = self.metrics();
        page.counters(
            "sip_requests_received",
            "Requests received, without retransmissions",
            by_method(&sip.requests_received),
        )?;
        page.counters(
            "sip_requests_sent",
            "Requests sent, without retransmissions",
            by_method(&sip.requests_sent),
        )?;
        page.counters("sip_responses_received", "Responses received", by_status(&sip.responses_received))?;
        page.counters(
            "sip_responses_sent",
            "Responses sent, without retransmissions",
            by_status(&sip.responses_sent),
        )?;
        page.counters(
            "sip_retransmissions",
            "Requests received or sent again",
            [
                ([("direction", "received".to_owned())], sip.retransmissions_received.get()),
                ([("direction", "sent".to_owned())], sip.retransmissions_sent.get()),
            ],
        )?;
        page.counter("sip_timeouts", "Requests sent that got no final response", sip.timeouts.get())?;
        page.counter("sip_parse_errors", "Messages that broke the grammar", sip.parse_errors.get())?;
        page.counter("sip_dropped", "Messages dropped without an answer", sip.dropped.get())?;
        page.counter("sip_overloads", "Requests turned away with 503", sip.overloads.get())?;
        page.counter("sip_send_errors", "Messages that could not be sent", sip.send_errors.get())?;
        page.counter("sip_send_waits", "Messages that waited for the send buffer", sip.send_waits.get())?;
        page.gauges(
            "sip_transactions",
            "Transactions in memory, ended ones that still absorb retransmissions included",
            [
                ([("side", "server".to_owned())], sip.server_transactions.get()),
                ([("side", "client".to_owned())], sip.client_transactions.get()),
            ],
        )?;
        page.gauge("sip_pending", "Requests waiting for their answer", sip.server_pending.get())?;
        page.gauge("sip_tcp_connections", "TCP connections", sip.tcp_connections.get())
    }
}

type Labelled = ([(&'static str, String); 1], u64);

fn by_method(counts: &ByMethod) -> impl Iterator<Item = Labelled> {
    counts.iter().map(|(method, count)| ([("method", method.to_owned())], count))
}

fn by_status(counts: &ByStatus) -> impl Iterator<Item = Labelled> {
    counts.iter().map(|(status, count)| ([("status", status.to_string())], count))
}
