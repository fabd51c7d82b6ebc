//! Writing metrics one after another.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rollcall_engine::Value;

/// What a [`super::Source`] writes its numbers on.
#[derive(Debug)]
pub struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A number that only grows.
    ///
    /// # Errors
    /// Those of the writer, here and below.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.describe(name, help, MetricType::Counter)?)
    }

    /// Numbers that only grow, one for each set of labels.
    ///
    /// # Errors
    /// As above.
    pub fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, String); N], u64)>,
    ) -> fmt::Result {
        let mut family = self.describe(name, help, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// A number that goes up and down.
    ///
    /// # Errors
    /// As above.
    pub fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        gauge(value).encode(self.describe(name, help, MetricType::Gauge)?)
    }

    /// Numbers that go up and down, one for each value of a label.
    ///
    /// # Errors
    /// As above.
    pub fn gauges(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, String); 1], u64)>,
    ) -> fmt::Result {
        let mut family = self.describe(name, help, MetricType::Gauge)?;
        for (labels, value) in values {
            gauge(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// Numbers with fractions that go up and down, one for each value of a label.
    ///
    /// # Errors
    /// As above.
    pub fn fractions(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, String); 1], f64)>,
    ) -> fmt::Result {
        let mut family = self.describe(name, help, MetricType::Gauge)?;
        for (labels, value) in values {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    /// A sum of seconds that only grows.
    ///
    /// # Errors
    /// As above.
    pub fn seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstCounter::new(value).encode(self.describe(name, help, MetricType::Counter)?)
    }

    /// Numbers of one kind, whatever their labels.
    ///
    /// # Errors
    /// As above.
    pub fn series(
        &mut self,
        name: &str,
        help: &str,
        values: &[(Vec<(String, String)>, Value)],
    ) -> fmt::Result {
        let kind = match values.first() {
            Some((_, Value::Counter(_))) => MetricType::Counter,
            Some((_, Value::Gauge(_))) => MetricType::Gauge,
            None => return Ok(()),
        };
        let mut family = self.describe(name, help, kind)?;
        for (labels, value) in values {
            let encoder = family.encode_family(labels)?;
            match value {
                Value::Counter(sum) => ConstCounter::new(*sum).encode(encoder)?,
                Value::Gauge(value) => ConstGauge::new(*value).encode(encoder)?,
            }
        }
        Ok(())
    }

    /// How values are distributed: for each bucket its upper bound and the number of values in it
    /// (not in the buckets below), the last bound being infinity.
    ///
    /// # Errors
    /// As above.
    pub fn histogram(&mut self, name: &str, help: &str, sum: f64, buckets: &[(f64, u64)]) -> fmt::Result {
        let count = buckets.iter().map(|(_, count)| count).sum();
        let mut encoder = self.describe(name, help, MetricType::Histogram)?;
        encoder.encode_histogram::<[(&str, &str); 0]>(sum, count, buckets, None)
    }

    fn describe<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}
