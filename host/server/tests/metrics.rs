//! The text that Prometheus reads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt;
use std::time::Instant;

use rollcall_server::metrics::{Answers, Metrics, Page, Process, Source};

struct Example;

impl Source for Example {
    fn tell(&self, page: &mut Page<'_>) -> fmt::Result {
        page.counter("conflicts", "Steps run again", 3)?;
        page.histogram("group_size", "Commits in a group", 12.0, &[(1.0, 2), (8.0, 1), (f64::INFINITY, 0)])?;
        page.gauges("records", "Live records", [([("kind", "subscription".to_owned())], 7)])
    }
}

#[test]
fn every_number_has_a_name_a_type_and_its_labels() {
    let answers = Answers::default();
    let publish = Answers::method(b"PUBLISH");
    answers.count(publish, 200);
    answers.count(publish, 200);
    answers.count(Answers::method(b"SUBSCRIBE"), 699);
    answers.count(Answers::method(b"INVITE"), 405);
    // No final status: not counted, and above all not as another method's.
    answers.count(publish, 700);
    answers.count(publish, 0);
    let mut metrics = Metrics::default();
    metrics.add(answers.clone());
    metrics.add(Example);
    let mut text = String::new();
    metrics.write(&mut text);
    assert_eq!(
        text,
        "# HELP rollcall_sip_requests Requests of peers answered, by method and status\n\
         # TYPE rollcall_sip_requests counter\n\
         rollcall_sip_requests_total{method=\"PUBLISH\",status=\"200\"} 2\n\
         rollcall_sip_requests_total{method=\"SUBSCRIBE\",status=\"699\"} 1\n\
         rollcall_sip_requests_total{method=\"other\",status=\"405\"} 1\n\
         # HELP rollcall_conflicts Steps run again\n\
         # TYPE rollcall_conflicts counter\n\
         rollcall_conflicts_total 3\n\
         # HELP rollcall_group_size Commits in a group\n\
         # TYPE rollcall_group_size histogram\n\
         rollcall_group_size_sum 12.0\n\
         rollcall_group_size_count 3\n\
         rollcall_group_size_bucket{le=\"1.0\"} 2\n\
         rollcall_group_size_bucket{le=\"8.0\"} 3\n\
         rollcall_group_size_bucket{le=\"+Inf\"} 3\n\
         # HELP rollcall_records Live records\n\
         # TYPE rollcall_records gauge\n\
         rollcall_records{kind=\"subscription\"} 7\n\
         # EOF\n"
    );
}

#[test]
fn resident_memory_is_told_in_bytes() {
    let mut metrics = Metrics::default();
    metrics.add(Process { started: Instant::now() });
    let mut text = String::new();
    metrics.write(&mut text);
    let line = text.lines().find(|line| line.starts_with("rollcall_resident_memory_bytes ")).unwrap();
    let bytes: u64 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((1 << 20..1 << 34).contains(&bytes), "{line}");
}
