//! What the engine counts.

use std::fmt;
use std::sync::Arc;

use rollcall_engine::{Engine, Histogram, Kind, Metrics, TableGauges};

use super::{Page, Source};

/// Microseconds in a second: Prometheus measures in seconds.
const MICROS: f64 = 1e6;
/// Nanoseconds in a second.
const NANOS: f64 = 1e9;
/// Milliseconds in a second.
const MILLIS: f64 = 1e3;

impl Source for Arc<Engine> {
    fn tell(&self, page: &mut Page<'_>) -> fmt::Result {
        let counts = self.metrics();
        let steps = Kind::ALL.into_iter().flat_map(|kind| {
            let labels = |result: &str| [("kind", kind.name().to_owned()), ("result", result.to_owned())];
            [(labels("done"), counts.steps.get(kind)), (labels("failed"), counts.failed_steps.get(kind))]
        });
        page.counters("steps", "Steps by kind and result", steps)?;
        page.counter("traps", "Steps ended by a trap of the component", counts.traps.get())?;
        page.counter("deadline_misses", "Steps ended by their deadline", counts.deadlines.get())?;
        page.counter("limit_hits", "Steps ended by another limit", counts.limits.get())?;
        page.counter("bad_verdicts", "Steps whose verdict could not be honoured", counts.verdicts.get())?;
        page.counters(
            "roll_backs",
            "Returns to an earlier component, by whom; those that could not be made",
            [
                ("command", &counts.roll_backs),
                ("itself", &counts.withdrawals),
                ("refused", &counts.roll_backs_refused),
            ]
            .map(|(by, count)| ([("by", by.to_owned())], count.get())),
        )?;
        page.counter("conflicts", "Steps run again after a conflict", counts.conflicts.get())?;
        page.counter("busy", "Requests refused because too much waited", counts.busy.get())?;
        page.counter("commits", "Durable commits", counts.commits.get())?;
        page.counter("flushed", "Relaxed changes written to the store", counts.flushed.get())?;
        page.counter("sends", "Requests sent for the component", counts.sent.get())?;
        page.counter("instances_made", "Instances of the component made", counts.instances.get())?;
        let rules = &counts.identity;
        page.counter("identity_calls", "Calls of the site's own identity rules", rules.calls.get())?;
        page.counter(
            "identity_refusals",
            "Identities that the site's own rules refused",
            rules.refusals.get(),
        )?;
        page.counter("identity_failures", "Calls of the site's own rules that failed", rules.failures.get())?;
        rehearsals(page, counts)?;
        times(page, "step_seconds", "Time of a step", &counts.step_time)?;
        times(page, "commit_seconds", "Time until the commit of a step was durable", &counts.commit_time)?;
        let groups = &counts.group_size;
        page.histogram(
            "group_size",
            "Commits that shared an fsync",
            groups.sum() as f64,
            &buckets(groups, 1.0),
        )?;

        let now = self.gauges();
        page.gauge("live_partitions", "Partitions in memory", now.live_partitions as u64)?;
        page.gauge("live_bytes", "Estimated size of the partitions in memory", now.live_bytes as u64)?;
        let records = now
            .records
            .into_iter()
            .map(|(kind, count)| ([("kind", kind)], u64::try_from(count).unwrap_or_default()));
        page.gauges("records", "Live records by kind", records)?;
        tables(page, &now.tables)?;
        page.gauge("timers", "Partitions that wait for a timer", now.timers as u64)?;
        page.gauge("outbox_depth", "Posts and kept requests that wait", now.outbox as u64)?;
        page.gauge(
            "background_tasks",
            "Timers, posts and recoveries that wait for a thread",
            now.tasks as u64,
        )?;
        page.gauge("sends_in_flight", "Requests sent without outcome", now.sends_in_flight as u64)?;
        page.gauge("pending_commits", "Commits that wait for the disk", now.pending_commits as u64)?;
        page.gauge("idle_instances", "Idle instances of the component", now.idle_instances as u64)?;
        page.gauge("store_failed", "1 if nothing can be changed until a restart", now.store_failed.into())?;
        for series in self.figures() {
            // A name of its own: the host's metrics and the component's never meet.
            page.series(&format!("plugin_{}", series.name), "Told by the component", &series.values)?;
        }
        Ok(())
    }
}

fn rehearsals(page: &mut Page<'_>, counts: &Metrics) -> fmt::Result {
    let recorded = &counts.recording;
    let result = |result: &str| [("result", result.to_owned())];
    let steps = [(result("written"), recorded.written.get()), (result("left_out"), recorded.left_out.get())];
    page.counters("recording_steps", "Steps of recordings that have ended", steps)?;
    page.counter("recording_bytes", "Bytes of recordings that have ended", recorded.bytes.get())?;
    let shadow = &counts.shadow;
    let steps = [
        (result("same"), shadow.same.get()),
        (result("differs"), shadow.differs.get()),
        (result("failed"), shadow.failed.get()),
        (result("skipped"), shadow.skipped.get()),
    ];
    page.counters("shadow_steps", "Steps of shadows by what came of them", steps)?;
    let seconds = shadow.cpu.get() as f64 / NANOS;
    page.seconds("shadow_cpu_seconds", "Processor time of shadows", seconds)
}

fn tables(page: &mut Page<'_>, tables: &[TableGauges]) -> fmt::Result {
    let each = |number: fn(&TableGauges) -> u64| {
        tables.iter().map(move |table| ([("table", table.table.clone())], number(table)))
    };
    let seconds = |number: fn(&TableGauges) -> f64| {
        tables.iter().map(move |table| ([("table", table.table.clone())], number(table)))
    };
    page.gauges("table_entries", "Entries in force", each(|table| table.entries as u64))?;
    page.gauges("table_bytes", "Memory of the entries in force", each(|table| table.bytes as u64))?;
    page.fractions(
        "table_last_success_timestamp_seconds",
        "When the source of a table was last found in order",
        seconds(|table| table.last_success as f64 / MILLIS),
    )?;
    page.fractions(
        "table_load_seconds",
        "Time of the last load of a table",
        seconds(|table| table.took.as_secs_f64()),
    )?;
    page.counters(
        "table_failures",
        "Loads that found the source of a table broken",
        each(|table| table.failures),
    )
}

fn times(page: &mut Page<'_>, name: &str, help: &str, times: &Histogram) -> fmt::Result {
    page.histogram(name, help, times.sum() as f64 / MICROS, &buckets(times, MICROS))
}

/// Upper bounds, divided by a unit, with the counts of their buckets.
fn buckets(histogram: &Histogram, unit: f64) -> Vec<(f64, u64)> {
    let bounds = histogram.bounds().iter().map(|bound| *bound as f64 / unit);
    bounds.chain([f64::INFINITY]).zip(histogram.buckets()).collect()
}
