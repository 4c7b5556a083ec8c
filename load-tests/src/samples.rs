//! Latencies with the moment each was planned for, so that they can be looked at by time.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

/// Latencies, each from its planned moment on: what was late to be asked counts as slow (no coordinated omission).
#[derive(Debug, Default, Clone)]
pub struct Samples(Vec<(Instant, Duration)>);

impl Samples {
    /// Adds what was planned for one moment and done at another.
    pub fn add(&mut self, planned: Instant, done: Instant) {
        self.0.push((planned, done.saturating_duration_since(planned)));
    }

    /// Adds all of another.
    pub fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, in microseconds.
    pub fn histogram(&self) -> Result<Histogram<u64>> {
        histogram(self.0.iter())
    }

    /// Those planned within a span that begins at a moment.
    pub fn within(&self, from: Instant, span: Duration) -> Result<Histogram<u64>> {
        histogram(self.0.iter().filter(|(planned, _)| (from..from + span).contains(planned)))
    }

    /// How many were done within a span that begins at a moment, whenever they were planned.
    pub fn done_within(&self, from: Instant, span: Duration) -> usize {
        self.0.iter().filter(|(planned, took)| (from..from + span).contains(&(*planned + *took))).count()
    }

    /// A quantile in milliseconds for each `width` of `whole`, by planned moment; none where nothing was planned.
    pub fn over_time(
        &self,
        from: Instant,
        whole: Duration,
        width: Duration,
        quantile: f64,
    ) -> Result<Vec<(f64, f64)>> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by_key(|(planned, _)| *planned);
        let mut points = Vec::new();
        let mut at = Duration::ZERO;
        while at < whole {
            let (first, last) = (from + at, from + at + width);
            let begin = sorted.partition_point(|(planned, _)| *planned < first);
            let end = sorted.partition_point(|(planned, _)| *planned < last);
            if begin < end {
                let window = histogram(sorted[begin..end].iter())?;
                points.push((at.as_secs_f64(), window.value_at_quantile(quantile) as f64 / 1000.0));
            }
            at += width;
        }
        Ok(points)
    }
}

fn histogram<'a>(samples: impl Iterator<Item = &'a (Instant, Duration)>) -> Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3)?;
    for (_, took) in samples {
        histogram.record(u64::try_from(took.as_micros())?)?;
    }
    Ok(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_found_by_the_moment_they_were_planned_for_and_done_at() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut samples = Samples::default();
        for (planned, done) in [(0, 5), (10, 12), (100, 1300)] {
            samples.add(at(planned), at(done));
        }
        let first = samples.within(start, Duration::from_millis(50)).expect("a histogram");
        assert_eq!((first.len(), first.max()), (2, 5003));
        assert_eq!(samples.done_within(start, Duration::from_secs(1)), 2);
        let tenth = Duration::from_millis(100);
        let points = samples.over_time(start, Duration::from_secs(1), tenth, 1.0).expect("points");
        assert_eq!(points.len(), 2, "nothing stands where nothing was planned: {points:?}");
        assert!(points[1].1 >= 1200.0, "{points:?}");
    }
}
